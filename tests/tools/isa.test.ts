/** The reference of the instruction set: committed pages, and every example on both engines. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runBare } from '../../src/engine/index.ts';
import { assemble, encodeCode, INSN_TABLE, insnInfo, insnSlots } from '../../src/isa/index.ts';
import { engineNamed } from '../../src/machine/create.ts';
import { createRuntime } from '../../src/runtime/index.ts';
import { exampleOf, type InsnExample, referencePages } from '../../src/tools/index.ts';
import { beeyard } from '../cli/helpers.ts';

const FOLDER = join(import.meta.dirname, '../../docs/isa');
const EXAMPLES = INSN_TABLE.flatMap((info) => {
  const example = exampleOf(info);
  return typeof example === 'string' ? [] : [{ name: info.name, ...example }];
});

describe('pages of the instruction set', () => {
  it('are those that scripts/isa-pages.mjs writes', () => {
    const committed = readdirSync(FOLDER).map((name) => [
      name,
      readFileSync(join(FOLDER, name), 'utf8'),
    ]);
    expect(Object.fromEntries(committed)).toEqual(referencePages());
  });

  it('say of every instruction what it does, and show it if it can stand alone', () => {
    const text = Object.values(referencePages()).join('\n');
    for (const { name } of INSN_TABLE) expect(text).toContain(`## ${name}\n`);
    expect(text).not.toMatch(/undefined|– \n|\{[a-z]+\}/);
    const without = INSN_TABLE.filter((info) => typeof exampleOf(info) === 'string');
    const kinds = /^(ld_(map|btf)|ldabs|ldind|call_kfunc|callx|addr_space|percpu|nospec)/;
    expect(without.map(({ name }) => name).filter((name) => !kinds.test(name))).toEqual([]);
  });
});

describe.each(['wasm', 'interpreter'] as const)('examples on %s', (engineName) => {
  const run = async ({ source, memory }: InsnExample) => {
    const { code } = assemble(source);
    const program = {
      insns: encodeCode(code),
      memory: Uint8Array.from(Buffer.from(memory, 'hex')),
      checks: true,
    };
    return runBare(await engineNamed(engineName), createRuntime({ cpus: 1 }), program).r0;
  };

  it('leave in r0 what their pages say', async () => {
    const results = await Promise.all(
      EXAMPLES.map(async (one) => [one.name, `0x${(await run(one)).toString(16)}`]),
    );
    expect(Object.fromEntries(results)).toEqual(
      Object.fromEntries(EXAMPLES.map(({ name, result }) => [name, `0x${result.toString(16)}`])),
    );
  });
});

it.each(EXAMPLES)('the example of $name has the instruction in it', ({ name, source }) => {
  const { code } = assemble(source);
  const names: (string | undefined)[] = [];
  for (let i = 0; i < code.length; i += insnSlots(code, i)) {
    names.push(insnInfo(code.op[i]!, code.off[i], code.src[i], code.imm[i])?.name);
  }
  expect(names).toContain(name);
});

describe('beeyard isa', () => {
  it('shows an instruction, all of an opcode, a group', async () => {
    const one = await beeyard(['isa', 'sdiv64']);
    expect(one.out).toMatch(/^## sdiv64\n/);
    expect(one.out).toContain('Linux 6.6, `clang -mcpu=v4`, group divmul64.');
    expect((await beeyard(['isa', '0x85'])).out.match(/^## /gm)).toHaveLength(3);
    const { out } = await beeyard(['isa', 'atomic32']);
    expect(out).toMatch(
      /^0xc3 +atomic32_add +atomic32 +lock \*\(u32 \*\)\(dst \+ off\) \+= wsrc$/m,
    );
    expect((await beeyard(['isa', '-j'])).json<unknown[]>()).toHaveLength(INSN_TABLE.length);
  });

  it('says what is no instruction', async () => {
    expect(await beeyard(['isa', 'sdiv46'])).toMatchObject({
      code: 2,
      err: expect.stringContaining("did you mean 'sdiv64'"),
    });
    expect((await beeyard(['isa', '0xff'])).err).toContain('no instruction has the opcode 0xff');
  });
});
