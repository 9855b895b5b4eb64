/**
 * Random programs on both engines, against the reference machine. FUZZ=10000 runs that many seeds
 * from FUZZ_SEED on; a failure prints the seed and the program.
 */
import { describe, expect, test } from 'vitest';
import { runBare } from '../../src/cli/conformance.ts';
import type { Engine } from '../../src/engine/index.ts';
import { assemble, encodeCode } from '../../src/isa/index.ts';
import { type EngineName, engineNamed } from '../../src/machine/create.ts';
import { createRuntime, type Runtime } from '../../src/runtime/index.ts';
import { randomMemory, randomProgram } from './random-program.ts';
import { runReference } from './reference.ts';

const count = Number(process.env['FUZZ'] ?? 300);
const first = Number(process.env['FUZZ_SEED'] ?? 1);

const show = ({ r0, memory }: { r0: bigint; memory: Uint8Array }) =>
  `r0 0x${r0.toString(16)} memory ${Buffer.from(memory).toString('hex')}`;

/** undefined, or how the engine differs from the reference. */
function difference(seed: number, engine: Engine, runtime: Runtime, checks: boolean) {
  const source = randomProgram(seed);
  const { code, labels } = assemble(source);
  const memory = randomMemory(seed);
  const functions = [...labels]
    .filter(([name]) => name.startsWith('function'))
    .map(([name, start]) => ({ name, start }));
  const expected = show(runReference(code, memory));
  const insns = encodeCode(code);
  const all = [{ name: 'main', start: 0 }, ...functions];
  let found: string;
  try {
    found = show(runBare(engine, runtime, { insns, functions: all, memory, checks }));
  } catch (error) {
    found = String(error);
  }
  return found === expected ? undefined : `seed ${seed}: ${found}\nexpected ${expected}\n${source}`;
}

const engines: readonly EngineName[] = ['interpreter', 'wasm'];

describe.each(engines)('%s', (name) => {
  test.each([true, false])(
    'does what the model says, checks %s',
    async (checks) => {
      const engine = await engineNamed(name);
      const runtime = createRuntime({ cpus: 1 });
      for (let seed = first; seed < first + count; seed++) {
        const wrong = difference(seed, engine, runtime, checks);
        if (wrong !== undefined) expect.fail(wrong);
      }
    },
    60_000 + count * 50,
  );
});

test('the random programs use most of the instruction set', () => {
  const used = new Set<number>();
  for (let seed = 1; seed <= 300; seed++) {
    for (const op of assemble(randomProgram(seed)).code.op) used.add(op);
  }
  expect(used.size).toBeGreaterThan(110);
});
