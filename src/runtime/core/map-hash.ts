/**
 * Hashes that a map's keys may go through in place of Linux's jhash (M_HASH). Of 64 bits the low
 * half counts.
 */
import { HASH_MURMUR3, HASH_SIPHASH, HASH_XXH3, HASH_XXH32, M_HASH, M_PRIVATE } from '../layout';
import { JHASH_INITVAL, jhash } from './jhash';
import { murmur3 } from './murmur3';
import { siphashBytes } from './siphash';
import { xxh3 } from './xxh3';
import { xxh32 } from './xxh32';

/** u64 x 2: the seed; siphash takes both, the others of the first what they have room for. */
export const H_SEED = M_PRIVATE + 64;

/** Hash of a key by the map's own function, which is not jhash. */
export function otherHash(map: u32, key: u32, size: u32): u32 {
  const seed = load<u64>(map, H_SEED);
  switch (load<u32>(map, M_HASH)) {
    case HASH_XXH32:
      return xxh32(key, size, <u32>seed);
    case HASH_XXH3:
      return <u32>xxh3(key, size, seed);
    case HASH_MURMUR3:
      return murmur3(key, size, <u32>seed);
    default:
      return <u32>siphashBytes(key, size, seed, load<u64>(map, H_SEED + 8));
  }
}

/** Any of them over bytes anywhere, whole, for tests and tools: HASH_*, and its seed. */
export function map_hash_of(hash: u32, at: u32, size: u32, seed0: u64, seed1: u64): u64 {
  switch (hash) {
    case HASH_XXH32:
      return xxh32(at, size, <u32>seed0);
    case HASH_XXH3:
      return xxh3(at, size, seed0);
    case HASH_SIPHASH:
      return siphashBytes(at, size, seed0, seed1);
    case HASH_MURMUR3:
      return murmur3(at, size, <u32>seed0);
    default:
      return jhash(at, size, JHASH_INITVAL + size + <u32>seed0);
  }
}
