import { describe, expect, test } from 'vitest';
import { decodeCode } from '../../src/isa/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { fixture, fixturePath, fixtures, hasTool, toolOutput } from '../fixtures/read.ts';

const LD_IMM64 = 0x18;

describe.skipIf(!hasTool('llvm-objdump-19'))('llvm-objdump agrees', () => {
  test.each(fixtures)('on the code of each program of %s', (name) => {
    const { programs } = parseObject(fixture(name));
    const known = new Set(
      programs.flatMap((one) => [one.name, ...one.functions.map((part) => part.name)]),
    );
    // Of `asm goto` there are labels inside of functions.
    const text = toolOutput('llvm-objdump-19', '-d', fixturePath(name))!.replaceAll(
      /^[0-9a-f]+ <([^>]+)>:\n/gm,
      (line, label: string) => (known.has(label) ? line : ''),
    );
    for (const { section, name: program, insns, functions } of programs) {
      const own = text.split(`Disassembly of section ${section}:`)[1]!.split('Disassembly')[0]!;
      const body = own.split(`<${program}>:`)[1]!.split('>:')[0]!;
      const rows = [...body.matchAll(/^ +\d+:\t((?:[0-9a-f]{2} )+)/gm)];
      const opcodes = rows.map(([, hex]) => Number.parseInt(hex!.slice(0, 2), 16));
      const code = decodeCode(insns.subarray(0, 8 * functions[0]!.size));
      // The second slot of an ld_imm64 shares a row with the first.
      const found = [...code.op].filter((_, i) => i === 0 || code.op[i - 1] !== LD_IMM64);
      expect(found).toEqual(opcodes);
    }
  });
});
