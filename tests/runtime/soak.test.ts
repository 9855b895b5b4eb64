import { expect, test } from 'vitest';
import { soak } from './soak.ts';

const minutes = Number(process.env['SOAK_MINUTES'] ?? 0);
const firstSeed = Number(process.env['SOAK_SEED'] ?? 1);
/** Cycles of one seed: a machine's log and numbers of readers are not endless. */
const CYCLES = 200;
/** Without SOAK_MINUTES: some seconds. */
const SHORT = 4_000;

test('maps under adversarial grace periods and too little memory lose and leak nothing', {
  timeout: minutes * 60_000 + 120_000,
}, () => {
  const end = performance.now() + (minutes > 0 ? minutes * 60_000 : SHORT);
  let [operations, failures, gracePeriods, cycles] = [0, 0, 0, 0];
  let seed = firstSeed;
  for (; seed === firstSeed || performance.now() < end; seed++) {
    let own = 0;
    const over = () => performance.now() > end || own++ >= CYCLES;
    try {
      const result = soak(seed, over);
      operations += result.operations;
      failures += result.failures;
      gracePeriods += result.gracePeriods;
      cycles += result.cycles;
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  if (minutes > 0) {
    const text = `${operations} operations, ${cycles} lives of all maps, ${gracePeriods} grace periods`;
    process.stderr.write(
      `${text}, ${failures} failed allocations, seeds ${firstSeed}..${seed - 1}\n`,
    );
  }
  expect(operations).toBeGreaterThan(1000);
  expect(failures).toBeGreaterThan(10);
  expect(gracePeriods).toBeGreaterThan(100);
});
