import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createMachine } from '../../src/index.ts';
import { soakPrograms } from './soak.ts';

const minutes = Number(process.env['SOAK_MINUTES'] ?? 0);
const firstSeed = Number(process.env['SOAK_SEED'] ?? 1);
/** Without SOAK_MINUTES: each engine once. */
const SHORT = 2;

test('programs under adversarial grace periods and too little memory lose and leak nothing', {
  timeout: minutes * 60_000 + 120_000,
}, async () => {
  const end = performance.now() + minutes * 60_000;
  let [runs, failures, timers] = [0, 0, 0];
  let seed = firstSeed;
  for (; seed < firstSeed + SHORT || performance.now() < end; seed++) {
    try {
      const result = await soakPrograms(seed);
      runs += result.runs;
      failures += result.failures;
      timers += result.timers;
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  if (minutes > 0) {
    const text = `${runs} runs of programs, ${timers} timers fired, ${failures} failed allocations`;
    process.stderr.write(`${text}, seeds ${firstSeed}..${seed - 1}\n`);
  }
  expect(runs).toBeGreaterThan(1000);
  expect(failures).toBeGreaterThan(10);
  expect(timers).toBeGreaterThan(10);
});

test.each(['wasm', 'interpreter'] as const)(
  'on %s an element that is used again owns nothing',
  async (engine) => {
    const host = await createMachine({ engine, gracePeriods: 'eager', memory: { poison: true } });
    const object = readFileSync(new URL('programs/soak.bpf.o', import.meta.url));
    const { programs, maps } = await host.load(object);
    const { kernelMap } = maps['shelves']!;
    const context = new Uint8Array(192);
    // cb[4] says that it is a command, cb[0] is the key.
    new DataView(context.buffer).setUint32(48 + 16, 0x50a4, true);
    for (let turn = 0; turn < 50; turn++) {
      new DataView(context.buffer).setUint32(48, turn, true);
      const key = new Uint8Array(Uint32Array.of(turn).buffer);
      expect(kernelMap.update(key, new Uint8Array(kernelMap.userValueSize))).toBe(0);
      // -ENOENT: there is no object in the new value.
      expect(programs['unstash']!.run({ data: new Uint8Array(64), context }).returnValue).toBe(-2);
      expect(kernelMap.delete(key)).toBe(0);
    }
  },
);
