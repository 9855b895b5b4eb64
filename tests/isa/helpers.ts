import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Code, encodeCode, INSN_TABLE, type InsnInfo } from '../../src/isa/index.ts';

export const filetests = join(import.meta.dirname, '../filetests/isa');

/** BLESS=1 rewrites expectations; look at the diff before committing it. */
export const bless = process.env['BLESS'] === '1';

export function hasTool(name: string): boolean {
  return spawnSync(name, ['--version']).status === 0;
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
}

/** One instruction of this row, with the given values in the fields the row leaves open. */
export function makeInsn(info: InsnInfo, dst: number, src: number, off: number, imm: number): Code {
  const code = new Code(info.kind === 'ld_imm64' ? 2 : 1);
  code.set(
    0,
    info.op,
    info.dst === 'reg' ? dst : 0,
    info.src === 'reg' ? src : info.src,
    typeof info.off === 'number' ? info.off : off,
    typeof info.imm === 'number' ? info.imm : imm,
  );
  if (code.length === 2) code.set(1, 0, 0, 0, 0, off);
  return code;
}

/** Every row of the table at a few edges of its fields. */
export function everyInsn(): { info: InsnInfo; code: Code }[] {
  const edges = [
    [0, 10, 0, 0],
    [1, 2, 8, 1],
    [9, 0, -1, -1],
    [3, 4, 32767, 0x7fffffff],
    [10, 9, -32768, -0x80000000],
    [5, 6, -8, 0x12345678],
  ] as const;
  return INSN_TABLE.flatMap((info) => {
    const seen = new Set<string>();
    return edges
      .map(([dst, src, off, imm]) => ({ info, code: makeInsn(info, dst, src, off, imm) }))
      .filter(({ code }) => {
        const key = toHex(encodeCode(code));
        return seen.has(key) ? false : seen.add(key);
      });
  });
}

/** Lines `hex<tab>text` of an expectation file. */
export function readExpectations(name: string): { bytes: Uint8Array; text: string }[] {
  return readFileSync(join(filetests, name), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const at = line.indexOf('\t');
      return { bytes: fromHex(line.slice(0, at)), text: line.slice(at + 1) };
    });
}

export function writeExpectations(
  name: string,
  comment: string,
  lines: readonly { bytes: Uint8Array; text: string }[],
): void {
  const body = lines.map(({ bytes, text }) => `${toHex(bytes)}\t${text}\n`).join('');
  writeFileSync(join(filetests, name), `# ${comment}\n${body}`);
}
