import { mapRules } from '../../abi/map-rules.ts';
import type { Runtime, RuntimeMap } from '../types.ts';
import { kernelError } from './errno.ts';

type Numeric = (...args: number[]) => number;

/** How the keys of a hash map are spread over its buckets. */
export interface HashStats {
  readonly buckets: number;
  readonly keys: number;
  /** How many buckets have a chain of 0, 1, 2, … keys. */
  readonly chains: readonly number[];
  /** Keys of the fullest bucket. */
  readonly longest: number;
  /** The same if keys fell into buckets by chance: likely no bucket has more. */
  readonly longestExpected: number;
  /**
   * max_entries with two buckets for each key, so that a look-up compares 1.25 keys on average.
   * (More do not help keys that were chosen to collide.)
   */
  readonly suggestedEntries: number;
  /** Keys compared by an average lookup of a key that is there. */
  readonly compared: number;
  /** The same if keys fell into buckets by chance: 1 + (keys - 1) / (2 × buckets). */
  readonly expected: number;
}

/** Looks at every bucket. Throws KernelError EINVAL for maps that have none. */
export function hashStats(runtime: Runtime, map: RuntimeMap): HashStats {
  if (!mapRules(map.definition.type)?.batchBuckets) {
    throw kernelError('EINVAL', `map '${map.definition.name}' is no hash`);
  }
  const buckets = (runtime.exports['hash_buckets'] as Numeric)(map.address) >>> 0;
  const lengthOf = runtime.exports['hash_bucket_keys'] as Numeric;
  const chains: number[] = [0];
  let keys = 0;
  let compared = 0;
  for (let bucket = 0; bucket < buckets; bucket++) {
    const length = lengthOf(map.address, bucket, 0, 0) >>> 0;
    while (chains.length <= length) chains.push(0);
    chains[length]!++;
    keys += length;
    compared += (length * (length + 1)) / 2;
  }
  return {
    buckets,
    keys,
    chains,
    longest: chains.length - 1,
    longestExpected: likelyLongest(keys, buckets),
    suggestedEntries: suggestedEntries(keys),
    compared: keys === 0 ? 0 : compared / keys,
    expected: keys === 0 ? 0 : 1 + (keys - 1) / (2 * buckets),
  };
}

/** The power of two from twice the keys on: bucket numbers are such. */
function suggestedEntries(keys: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, 2 * keys)));
}

/** Length that less than one bucket in a hundred tables like this exceeds (Poisson). */
function likelyLongest(keys: number, buckets: number): number {
  const mean = keys / buckets;
  let share = Math.exp(-mean);
  let rest = 1 - share;
  let length = 0;
  while (length < keys && rest * buckets > 0.01) {
    length++;
    share *= mean / length;
    rest -= share;
  }
  return length;
}
