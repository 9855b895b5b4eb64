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
    compared: keys === 0 ? 0 : compared / keys,
    expected: keys === 0 ? 0 : 1 + (keys - 1) / (2 * buckets),
  };
}
