import { expect, test } from 'vitest';
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
