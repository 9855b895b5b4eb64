/** XXH32 (Yann Collet's xxHash, doc/xxhash_spec.md of its repository). */
import { keyWord } from './jhash';

const P1: u32 = 0x9e3779b1;
const P2: u32 = 0x85ebca77;
const P3: u32 = 0xc2b2ae3d;
const P4: u32 = 0x27d4eb2f;
const P5: u32 = 0x165667b1;

/** @inline */
function round(state: u32, word: u32): u32 {
  return rotl<u32>(state + word * P2, 13) * P1;
}

/** Hash of `size` bytes at `at`. */
export function xxh32(at: u32, size: u32, seed: u32): u32 {
  const end = at + size;
  let hash = seed + P5;
  if (size >= 16) {
    let a = seed + P1 + P2;
    let b = seed + P2;
    let c = seed;
    let d = seed - P1;
    for (; end - at >= 16; at += 16) {
      a = round(a, keyWord(at));
      b = round(b, keyWord(at + 4));
      c = round(c, keyWord(at + 8));
      d = round(d, keyWord(at + 12));
    }
    hash = rotl<u32>(a, 1) + rotl<u32>(b, 7) + rotl<u32>(c, 12) + rotl<u32>(d, 18);
  }
  hash += size;
  for (; end - at >= 4; at += 4) hash = rotl<u32>(hash + keyWord(at) * P3, 17) * P4;
  for (; at < end; at++) hash = rotl<u32>(hash + load<u8>(at) * P5, 11) * P1;
  hash = (hash ^ (hash >> 15)) * P2;
  hash = (hash ^ (hash >> 13)) * P3;
  return hash ^ (hash >> 16);
}
