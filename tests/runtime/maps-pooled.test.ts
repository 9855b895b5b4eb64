import { describe, expect, test } from 'vitest';
import type { GracePeriodPolicy } from '../../src/runtime/index.ts';
import { Replay, recordedTypes } from './map-replay.ts';

const POLICIES: readonly GracePeriodPolicy[] = ['eager', { seed: 7 }];
/** Types that allocate when they are used. */
const TYPES = /^(hash|percpu_hash|hash_of_maps|lpm_trie|.*_storage)$/;

/** What an answer is with and without the model of memory, where they differ. */
function differences(policy: GracePeriodPolicy): string[] {
  const found: string[] = [];
  for (const { type, usual, runs } of recordedTypes().filter(({ type }) => TYPES.test(type))) {
    for (const run of runs.filter(({ made }) => made === 0)) {
      const definition = { ...usual, ...run.changes };
      const plain = new Replay(type, definition, false);
      const pooled = new Replay(type, definition, false, { gracePeriods: policy });
      for (const [index, [step]] of run.steps.entries()) {
        const [one, other] = [plain.answer(step), pooled.answer(step)];
        pooled.moment();
        if (one.join() !== other.join()) found.push(`${type} ${run.name} ${index}: ${other}`);
      }
    }
  }
  return found;
}

describe('commands of which the answers of Linux are recorded have the same with grace periods', () => {
  test.each(POLICIES)('%o', (policy) => {
    expect(differences(policy)).toEqual([]);
  });
});
