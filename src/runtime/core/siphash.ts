/**
 * SipHash-2-4 (Aumasson and Bernstein), as lib/siphash.c uses it.
 * Two rounds per word and four at the end run in one loop, so that the state can live in locals.
 */
import { keyWord } from './jhash';

/** Of `size` bytes at `at`. */
export function siphashBytes(at: u32, size: u32, key0: u64, key1: u64): u64 {
  const words = size >> 3;
  let v0 = key0 ^ 0x736f6d6570736575;
  let v1 = key1 ^ 0x646f72616e646f6d;
  let v2 = key0 ^ 0x6c7967656e657261;
  let v3 = key1 ^ 0x7465646279746573;
  for (let i: u32 = 0; i < words + 3; i++) {
    const from = at + (i << 3);
    let word: u64 = 0;
    if (i < words) word = <u64>keyWord(from) | ((<u64>keyWord(from + 4)) << 32);
    else if (i == words) word = lastWord(from, size);
    v3 ^= word;
    if (i == words + 1) v2 ^= 0xff;
    for (let round = 0; round < 2; round++) {
      v0 += v1;
      v2 += v3;
      v1 = rotl<u64>(v1, 13) ^ v0;
      v3 = rotl<u64>(v3, 16) ^ v2;
      v0 = rotl<u64>(v0, 32);
      v2 += v1;
      v0 += v3;
      v1 = rotl<u64>(v1, 17) ^ v2;
      v3 = rotl<u64>(v3, 21) ^ v0;
      v2 = rotl<u64>(v2, 32);
    }
    v0 ^= word;
  }
  return v0 ^ v1 ^ v2 ^ v3;
}

/** The bytes that are left, and the length in the highest byte. @inline */
function lastWord(from: u32, size: u32): u64 {
  let word = (<u64>size) << 56;
  for (let i: u32 = 0; i < (size & 7); i++) word |= (<u64>load<u8>(from + i)) << (i << 3);
  return word;
}

/** Of `words` 64-bit words at `at`. */
export function siphash(at: u32, words: u32, key0: u64, key1: u64): u64 {
  return siphashBytes(at, words << 3, key0, key1);
}
