/**
 * The kernel's own cases of compile-once relocation (prog_tests/core_reloc.c of its selftests): each
 * program is relocated against the types of its case, verified, run on its input, and must write the
 * bytes the kernel's table expects, or must not load where the table says so. The instructions are
 * those of libbpf, too.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { coreCases } from '../../scripts/relocations/core-cases.mjs';
import { relocateWithLibbpf } from '../../scripts/relocations/libbpf.mjs';
import { loadKernelProfile, type KernelProfile } from '../../src/abi/index.ts';
import { FormatError } from '../../src/base/index.ts';
import { createMachine } from '../../src/index.ts';
import {
  type ObjectFile,
  parseBtfFile,
  parseObject,
  type ProgramSpec,
  type RelocatedProgram,
  relocateProgram,
} from '../../src/object/index.ts';
import { verify, verifierInput } from '../../src/verifier/index.ts';

interface Case {
  readonly name: string;
  readonly object: string;
  readonly types: string;
  readonly program: string;
  readonly fails: boolean;
  readonly input: Uint8Array;
  readonly output: Uint8Array;
}

const { folder, cases }: { folder: string; cases: readonly Case[] } = await coreCases();
const profile = await loadKernelProfile();
const read = (name: string) => new Uint8Array(readFileSync(join(folder, name)));
/** Where the objects' one global has its output. */
const OUTPUT = 256;
const made = cases.filter(({ types }) => types !== '');

interface Relocated {
  readonly object: ObjectFile;
  readonly program: ProgramSpec;
  readonly relocated: RelocatedProgram;
}

/** Throws FormatError where libbpf gives up. */
function relocate(one: Case): Relocated {
  const object = parseObject(read(one.object));
  const program = object.programs.find(({ name }) => name === one.program)!;
  const types = parseBtfFile(read(one.types));
  const kernel: KernelProfile = { ...profile, btf: () => types, modules: [] };
  return { object, program, relocated: relocateProgram(object, program, kernel) };
}

/** The kernel that loads it is Linux 6.12: other types are only what it is relocated to. */
function verdict({ object, program, relocated }: Relocated): string {
  const result = verify(verifierInput(object, program, profile, { relocated }), profile);
  return result.ok ? 'accepted' : (result.reason?.text ?? result.errnoName);
}

/** What it writes, run as a program of a type the machine has: it does not look at its context. */
async function run({ object, program, relocated }: Relocated, input: Uint8Array, size: number) {
  using host = await createMachine({ engine: 'interpreter', verify: false });
  const { insns, relocations } = relocated;
  const spec: ProgramSpec = { ...program, type: 'xdp', insns, relocations, coreRelocations: [] };
  const { programs, maps } = await host.load({ ...object, programs: [spec] });
  const { kernelMap } = maps['.bss']!;
  const data = new Uint8Array(kernelMap.spec.valueSize);
  data.set(input);
  kernelMap.update(new Uint8Array(4), data);
  programs[program.name]!.run({ data: new Uint8Array(64) });
  kernelMap.lookup(new Uint8Array(4), data);
  return data.slice(OUTPUT, OUTPUT + size);
}

describe('the cases of core_reloc', () => {
  test('are all there', () => {
    expect(cases).toHaveLength(77);
    // The others want the types of the running kernel and a task: see relocations.tools.test.ts.
    expect(made).toHaveLength(74);
    expect(made.filter(({ fails }) => fails)).toHaveLength(22);
  });

  test.each(made.filter(({ fails }) => !fails))('$name gives what is expected', async (one) => {
    const relocated = relocate(one);
    expect(verdict(relocated)).toBe('accepted');
    expect(await run(relocated, one.input, one.output.length)).toEqual(one.output);
  });

  test.each(made.filter(({ fails }) => fails))('$name does not load', (one) => {
    let relocated: Relocated;
    try {
      relocated = relocate(one);
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
      return;
    }
    expect(verdict(relocated)).toMatch(/invalid func unknown#195896080/);
  });

  test('get the instructions libbpf gives them', () => {
    const paths = made.map(({ types, object }) => `${join(folder, types)}@${join(folder, object)}`);
    const rows = relocateWithLibbpf(paths);
    for (const one of made) {
      const path = `${join(folder, one.types)}@${join(folder, one.object)}`;
      const row = rows.find((each) => each.path === path && each.program === one.program)!;
      const refuses = row.step === 'relocate';
      let ours: RelocatedProgram | undefined;
      try {
        ours = relocate(one).relocated;
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
      expect(ours === undefined, `${one.name}: ${row.warning}`).toBe(refuses);
      // The objects have one map, number 0 of libbpf's list: its place is empty in ours, too.
      if (ours) expect(ours.insns, one.name).toEqual(new Uint8Array(row.insns));
    }
  });
});
