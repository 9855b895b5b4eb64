/**
 * Random programs on both engines, against the reference machine. FUZZ=10000 runs that many seeds
 * from FUZZ_SEED on; a failure prints the seed and the program.
 */
import { describe, expect, test } from 'vitest';
import { BareFault, runBare } from '../../src/engine/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { assemble, encodeCode, kernelListing } from '../../src/isa/index.ts';
import { type EngineName, engineNamed } from '../../src/machine/create.ts';
import { createRuntime, type Runtime } from '../../src/runtime/index.ts';
import { C_STACK, C_STACK_END } from '../../src/runtime/layout.ts';
import { RandomCode } from './random-code.ts';
import { randomMemory, randomProgram } from './random-program.ts';
import { runReference } from './reference.ts';

const count = Number(process.env['FUZZ'] ?? 150);
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
  for (let seed = 1; seed <= 100; seed++) {
    for (const op of assemble(randomProgram(seed)).code.op) used.add(op);
  }
  expect(used.size).toBeGreaterThan(110);
});

describe('any code at all', () => {
  /** How a checked run of this seed's code ends. */
  function ending(seed: number, engine: Engine, runtime: Runtime): string {
    const random = new RandomCode(seed);
    const code = random.make(4 + random.below(30), 25);
    // What an earlier program left on the stack is nobody's business: compiled code keeps slots in
    // locals, so it may have left something else.
    runtime.u8().fill(0, runtime.cpuBlock + C_STACK, runtime.cpuBlock + C_STACK_END);
    const program = {
      insns: encodeCode(code),
      memory: randomMemory(seed),
      checks: true,
      fuel: 500,
    };
    try {
      return show(runBare(engine, runtime, program));
    } catch (error) {
      if (!(error instanceof BareFault)) return `${error}`;
      const { kind, insn, fault } = error;
      return `${kind} at ${insn}, ${fault.address.toString(16)}, ${fault.size}, ${fault.write}`;
    }
  }

  test(
    'ends alike on both engines',
    async () => {
      const [interpreter, wasm] = [await engineNamed('interpreter'), await engineNamed('wasm')];
      const endings = new Map<string, number>();
      // A runtime each, so that what one leaves on the stack is not seen by the other.
      const [one, two] = [createRuntime({ cpus: 1 }), createRuntime({ cpus: 1 })];
      for (let seed = first; seed < first + 4 * count; seed++) {
        const referee = ending(seed, interpreter, one);
        const found = ending(seed, wasm, two);
        const word = referee.replace(/ .*/, '');
        endings.set(word, (endings.get(word) ?? 0) + 1);
        if (found !== referee) {
          const random = new RandomCode(seed);
          const listing = kernelListing(random.make(4 + random.below(30), 25));
          expect.fail(`seed ${seed}: wasm: ${found}\ninterpreter: ${referee}\n${listing}`);
        }
      }
      // If nearly all ended the same way, the generator would be of no use.
      expect(endings.size).toBeGreaterThan(4);
      expect(endings.get('r0') ?? 0).toBeGreaterThan(count / 10);
    },
    60_000 + count * 100,
  );
});
