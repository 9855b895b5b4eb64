/** On the kernel's own tests the slim types say what all types say, or that they cannot. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compiledSelftests } from '../../scripts/corpus/compile.mjs';
import { type KernelProfile, loadKernelProfile } from '../../src/abi/index.ts';
import { FormatError, KernelError } from '../../src/base/index.ts';
import { type ObjectFile, parseObject, type ProgramSpec } from '../../src/object/index.ts';
import { verify, verifierInput } from '../../src/verifier/index.ts';

/** Longer programs take minutes and say no more about types. */
const MOST_INSNS = 500;
const folder: string = await compiledSelftests();
const full: KernelProfile = { ...(await loadKernelProfile()), modules: [] };
const slim = await loadKernelProfile({ types: 'slim' });

function objects(): ObjectFile[] {
  const names = readdirSync(folder).filter((name) => /^(verifier|test)_.*\.o$/.test(name));
  return names.flatMap((name) => {
    try {
      return [parseObject(new Uint8Array(readFileSync(join(folder, name))))];
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
      return [];
    }
  });
}

function answer(object: ObjectFile, program: ProgramSpec, kernel: KernelProfile): string {
  try {
    return verify(verifierInput(object, program, kernel), kernel, { logLevel: 1 }).log;
  } catch (error) {
    if (error instanceof KernelError || error instanceof FormatError) return error.message;
    throw error;
  }
}

test('verdicts and logs are the same, or there is none', () => {
  const counts = { same: 0, refused: 0 };
  for (const object of objects()) {
    for (const program of object.programs) {
      if (program.insns.length > 8 * MOST_INSNS || program.type === undefined) continue;
      const little = answer(object, program, slim);
      if (/slim types.*\(EOPNOTSUPP\)$/.test(little)) {
        counts.refused++;
        continue;
      }
      expect(little, program.name).toBe(answer(object, program, full));
      counts.same++;
    }
  }
  expect(counts.same).toBeGreaterThan(1000);
  // Most of them are tracing programs, which look at the kernel.
  expect(counts.refused).toBeLessThan(counts.same);
});
