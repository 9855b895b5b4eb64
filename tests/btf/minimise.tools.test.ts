import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadKernelProfile } from '../../src/abi/index.ts';
import type { KernelProfile } from '../../src/abi/index.ts';
import { FormatError } from '../../src/base/index.ts';
import { minimiseBtf, writeBtf } from '../../src/btf/index.ts';
import type { Btf, BtfUse } from '../../src/btf/index.ts';
import { coreUses, parseBtfFile, parseObject, relocateProgram } from '../../src/object/index.ts';
import type { ObjectFile, ProgramSpec } from '../../src/object/index.ts';
import { bpftool, hasBpftool } from './bpftool.ts';
import { selftestObjects } from './selftests.ts';

const folder = mkdtempSync(join(tmpdir(), 'beeyard-minimise-'));
afterAll(() => rmSync(folder, { recursive: true }));

const read = (path: string): Uint8Array => new Uint8Array(readFileSync(path));

/** What the object needs, or undefined where it can not be told. */
function usesOf(path: string, kernel: Btf): readonly BtfUse[] | undefined {
  try {
    return coreUses(read(path), kernel);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return undefined;
  }
}

/** The file bpftool writes, or undefined if it gives up. */
function theirs(out: string, vmlinux: string, paths: readonly string[]): Uint8Array | undefined {
  try {
    bpftool('gen', 'min_core_btf', vmlinux, out, ...paths);
    return read(out);
  } catch {
    return undefined;
  }
}

test.skipIf(!hasBpftool)('bpftool writes the same file for kernel selftests', async () => {
  const kernel = (await loadKernelProfile()).btf();
  const vmlinux = join(folder, 'vmlinux.btf');
  const out = join(folder, 'out.btf');
  writeFileSync(vmlinux, writeBtf(kernel));
  const objects = await selftestObjects();
  const withUses = objects.filter((path) => (usesOf(path, kernel)?.length ?? 0) > 0);
  const wrong: string[] = [];
  let [compared, bytes] = [0, 0];
  // bpftool reads the kernel's types anew each time, so they are given by eights.
  for (let i = 0; i < withUses.length; i += 8) {
    const paths = withUses.slice(i, i + 8);
    const expected = theirs(out, vmlinux, paths);
    if (!expected) continue;
    const uses = paths.flatMap((path) => usesOf(path, kernel)!);
    const ours = writeBtf(minimiseBtf(kernel, uses));
    compared += paths.length;
    bytes += ours.length;
    if (Buffer.compare(ours, expected) !== 0) wrong.push(paths.join(' '));
  }
  process.stdout.write(`${compared} of ${withUses.length} objects, ${bytes} bytes of types\n`);
  expect(wrong).toEqual([]);
  expect(compared).toBeGreaterThan(100);
});

/** Programs of an object, without what is not CO-RE; none if it has to be linked first. */
function programsOf(path: string): readonly [ObjectFile, readonly ProgramSpec[]] {
  try {
    const object = { ...parseObject(read(path)), externs: [] };
    const programs = object.programs.map((program) => ({
      ...program,
      relocations: [],
      coreRelocations: program.coreRelocations.filter(({ kind }) => kind !== 'target_type_id'),
    }));
    return [object, programs];
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return [{} as ObjectFile, []];
  }
}

/** Instructions for a kernel with these types, or why there are none. */
function relocated(object: ObjectFile, program: ProgramSpec, kernel: KernelProfile): string {
  try {
    return Buffer.from(relocateProgram(object, program, kernel).insns).toString('hex');
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return error.message;
  }
}

test('programs of kernel selftests become the same with what is left', async () => {
  const profile = await loadKernelProfile();
  const objects = await selftestObjects();
  const wrong: string[] = [];
  let compared = 0;
  const compare = (path: string, btf: Btf): void => {
    const uses = usesOf(path, btf);
    if (!uses || uses.length === 0) return;
    const small = minimiseBtf(btf, uses);
    const [object, programs] = programsOf(path);
    for (const program of programs) {
      const full = relocated(object, program, { ...profile, modules: [], btf: () => btf });
      const less = relocated(object, program, { ...profile, modules: [], btf: () => small });
      compared++;
      if (full !== less) wrong.push(`${path} ${program.name}`);
    }
  };
  for (const path of objects) compare(path, profile.btf());
  // These have layouts of their own to be relocated against.
  for (const path of objects.filter((each) => /\/btf__core_reloc_/.test(each))) {
    const [, name] = /btf__core_reloc_([a-z\d_]+?)(___|\.)/.exec(path)!;
    const program = path.replace(/btf__core_reloc_.*/, `test_core_reloc_${name}.bpf.o`);
    if (objects.includes(program)) compare(program, parseBtfFile(read(path)));
  }
  process.stdout.write(`${compared} programs\n`);
  expect(wrong).toEqual([]);
  expect(compared).toBeGreaterThan(300);
});
