/** MurmurHash3_x86_32 (Austin Appleby). */
import { keyWord } from './jhash';

/** @inline */
function scramble(word: u32): u32 {
  return rotl<u32>(word * 0xcc9e2d51, 15) * 0x1b873593;
}

/** Hash of `size` bytes at `at`. */
export function murmur3(at: u32, size: u32, seed: u32): u32 {
  const end = at + size;
  let hash = seed;
  for (; end - at >= 4; at += 4) {
    hash = rotl<u32>(hash ^ scramble(keyWord(at)), 13) * 5 + 0xe6546b64;
  }
  let rest: u32 = 0;
  for (let shift: u32 = 0; at < end; at++, shift += 8) rest |= (<u32>load<u8>(at)) << shift;
  hash ^= scramble(rest) ^ size;
  hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
  return hash ^ (hash >> 16);
}
