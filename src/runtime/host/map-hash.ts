import { HASH_JHASH, HASH_MURMUR3, HASH_SIPHASH, HASH_XXH3, HASH_XXH32 } from '../layout.ts';
import type { MapHash } from '../types.ts';
import { kernelError } from './errno.ts';

const NUMBERS: Readonly<Record<MapHash, number>> = {
  jhash: HASH_JHASH,
  xxh32: HASH_XXH32,
  xxh3: HASH_XXH3,
  siphash: HASH_SIPHASH,
  murmur3: HASH_MURMUR3,
};

/** Every hash that keys of hash maps may go through, Linux's first. */
export const mapHashes = Object.keys(NUMBERS) as readonly MapHash[];

/** Its HASH_*, which map headers hold. Throws KernelError EINVAL for other names. */
export function mapHashNumber(hash: MapHash): number {
  const number = NUMBERS[hash];
  if (number === undefined) throw kernelError('EINVAL', `no hash of keys is called '${hash}'`);
  return number;
}
