/**
 * SipHash-2-4 (Aumasson and Bernstein), as lib/siphash.c uses it, of `words` 64-bit words at `at`.
 * Two rounds per word and four at the end run in one loop, so that the state can live in locals.
 */
export function siphash(at: u32, words: u32, key0: u64, key1: u64): u64 {
  let v0 = key0 ^ 0x736f6d6570736575;
  let v1 = key1 ^ 0x646f72616e646f6d;
  let v2 = key0 ^ 0x6c7967656e657261;
  let v3 = key1 ^ 0x7465646279746573;
  // The word after the last one holds the length in its highest byte.
  const length = ((<u64>words) << 3) << 56;
  for (let i: u32 = 0; i < words + 3; i++) {
    const word: u64 = i < words ? load<u64>(at + (i << 3)) : i == words ? length : 0;
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
