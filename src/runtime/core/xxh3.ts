/**
 * XXH3_64bits_withSeed (Yann Collet's xxHash, doc/xxhash_spec.md of its repository). A seed changes
 * the words of the secret when they are read, so that long keys need no secret of their own.
 */
import { keyWord } from './jhash';

const P32_1: u64 = 0x9e3779b1;
const P32_2: u64 = 0x85ebca77;
const P32_3: u64 = 0xc2b2ae3d;
const P64_1: u64 = 0x9e3779b185ebca87;
const P64_2: u64 = 0xc2b2ae3d27d4eb4f;
const P64_3: u64 = 0x165667b19e3779f9;
const P64_4: u64 = 0x85ebca77c2b2ae63;
const P64_5: u64 = 0x27d4eb2f165667c5;

const SECRET_SIZE: u32 = 192;
const SECRET = <u32>(
  memory.data<u64>([
    0xbe4ba423396cfeb8, 0x1cad21f72c81017c, 0xdb979083e96dd4de, 0x1f67b3b7a4a44072,
    0x78e5c0cc4ee679cb, 0x2172ffcc7dd05a82, 0x8e2443f7744608b8, 0x4c263a81e69035e0,
    0xcb00c391bb52283c, 0xa32e531b8b65d088, 0x4ef90da297486471, 0xd8acdea946ef1938,
    0x3f349ce33f76faa8, 0x1d4f0bc7c7bbdcf9, 0x3159b4cd4be0518a, 0x647378d9c97e9fc8,
    0xc3ebd33483acc5ea, 0xeb6313faffa081c5, 0x49daf0b751dd0d17, 0x9e68d429265516d3,
    0xfca1477d58be162b, 0xce31d07ad1b8f88f, 0x280416958f3acb45, 0x7e404bbbcafbd7af,
  ])
);

/** A word of a key; in pieces, see keyWord. @inline */
export function keyWord64(at: u32): u64 {
  return <u64>keyWord(at) | ((<u64>keyWord(at + 4)) << 32);
}

/** @inline */
function secret(offset: u32): u64 {
  return load<u64>(SECRET + offset);
}

/** Folds the 128-bit product. @inline */
function mulFold(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff;
  const a1 = a >> 32;
  const b0 = b & 0xffffffff;
  const b1 = b >> 32;
  const low = a0 * b0;
  const middle = a1 * b0 + (low >> 32);
  const other = a0 * b1 + (middle & 0xffffffff);
  const high = a1 * b1 + (middle >> 32) + (other >> 32);
  return high ^ ((other << 32) | (low & 0xffffffff));
}

/** @inline */
function avalanche(hash: u64): u64 {
  hash = (hash ^ (hash >> 37)) * 0x165667919e3779f9;
  return hash ^ (hash >> 32);
}

/** The last step of XXH64, for the shortest keys. */
function avalanche64(hash: u64): u64 {
  hash = (hash ^ (hash >> 33)) * P64_2;
  hash = (hash ^ (hash >> 29)) * P64_3;
  return hash ^ (hash >> 32);
}

function upTo3(at: u32, size: u32, seed: u64): u64 {
  if (size == 0) return avalanche64(seed ^ secret(56) ^ secret(64));
  const first = (<u32>load<u8>(at)) << 16;
  const middle = (<u32>load<u8>(at + (size >> 1))) << 24;
  const all = first | middle | load<u8>(at + size - 1) | (size << 8);
  const flip = <u64>(<u32>secret(0) ^ <u32>(secret(0) >> 32)) + seed;
  return avalanche64(<u64>all ^ flip);
}

/** @inline */
function upTo8(at: u32, size: u32, seed: u64): u64 {
  seed ^= (<u64>bswap<u32>(<u32>seed)) << 32;
  const flip = (secret(8) ^ secret(16)) - seed;
  let hash = (<u64>keyWord(at + size - 4) + ((<u64>keyWord(at)) << 32)) ^ flip;
  hash ^= rotl<u64>(hash, 49) ^ rotl<u64>(hash, 24);
  hash *= 0x9fb21c651e98df25;
  hash = (hash ^ ((hash >> 35) + size)) * 0x9fb21c651e98df25;
  return hash ^ (hash >> 28);
}

/** @inline */
function upTo16(at: u32, size: u32, seed: u64): u64 {
  const low = keyWord64(at) ^ ((secret(24) ^ secret(32)) + seed);
  const high = keyWord64(at + size - 8) ^ ((secret(40) ^ secret(48)) - seed);
  return avalanche(<u64>size + bswap<u64>(low) + high + mulFold(low, high));
}

/** Longer keys are read in whole words: what that may cost is less than what it saves. */
function mix16(at: u32, offset: u32, seed: u64): u64 {
  return mulFold(
    load<u64>(at) ^ (secret(offset) + seed),
    load<u64>(at + 8) ^ (secret(offset + 8) - seed),
  );
}

/** Pieces of 16 bytes from both ends towards the middle. */
function upTo128(at: u32, size: u32, seed: u64): u64 {
  let hash = <u64>size * P64_1;
  const end = at + size;
  for (let done: u32 = 0; done < size; done += 32) {
    const step = done >> 1;
    hash += mix16(at + step, done, seed) + mix16(end - 16 - step, done + 16, seed);
  }
  return avalanche(hash);
}

function upTo240(at: u32, size: u32, seed: u64): u64 {
  let hash = <u64>size * P64_1;
  for (let i: u32 = 0; i < 8; i++) hash += mix16(at + (i << 4), i << 4, seed);
  hash = avalanche(hash);
  const pieces = size >> 4;
  for (let i: u32 = 8; i < pieces; i++) hash += mix16(at + (i << 4), ((i - 8) << 4) + 3, seed);
  return avalanche(hash + mix16(at + size - 16, 119, seed));
}

/** Word of the secret that the seed makes. */
function seededSecret(offset: u32, seed: u64): u64 {
  const bits = (<u64>(offset & 7)) << 3;
  offset &= ~7;
  const low = secret(offset) + (offset & 8 ? 0 - seed : seed);
  if (bits == 0) return low;
  const high = secret(offset + 8) + (offset & 8 ? seed : 0 - seed);
  return (low >> bits) | (high << (64 - bits));
}

/** First states of the eight lanes. */
const LANES = <u32>memory.data<u64>([P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1]);
const STRIPE: u32 = 64;
const STRIPES_OF_BLOCK: u32 = 16;

/** @inline */
function multiplyHalves(word: u64): u64 {
  return (word & 0xffffffff) * (word >> 32);
}

/** @inline */
function scramble(lane: u64, offset: u32, seed: u64): u64 {
  return (lane ^ (lane >> 47) ^ seededSecret(offset, seed)) * P32_1;
}

/** Two of the eight lanes (at `lane` bytes of a stripe), which only mix with each other. */
function lanePair(at: u32, size: u32, seed: u64, lane: u32): u64 {
  let a = load<u64>(LANES + lane);
  let b = load<u64>(LANES + lane + 8);
  const stripes = (size - 1) / STRIPE;
  for (let i: u32 = 0; i <= stripes; i++) {
    const last = i == stripes;
    const from = (last ? at + size - STRIPE : at + i * STRIPE) + lane;
    const offset = lane + (last ? SECRET_SIZE - STRIPE - 7 : (i & (STRIPES_OF_BLOCK - 1)) << 3);
    const x = load<u64>(from);
    const y = load<u64>(from + 8);
    a += y + multiplyHalves(x ^ seededSecret(offset, seed));
    b += x + multiplyHalves(y ^ seededSecret(offset + 8, seed));
    if (!last && (i & (STRIPES_OF_BLOCK - 1)) == STRIPES_OF_BLOCK - 1) {
      a = scramble(a, SECRET_SIZE - STRIPE + lane, seed);
      b = scramble(b, SECRET_SIZE - STRIPE + lane + 8, seed);
    }
  }
  const merge = 11 + lane;
  return mulFold(a ^ seededSecret(merge, seed), b ^ seededSecret(merge + 8, seed));
}

function longer(at: u32, size: u32, seed: u64): u64 {
  let hash = <u64>size * P64_1;
  for (let lane: u32 = 0; lane < STRIPE; lane += 16) hash += lanePair(at, size, seed, lane);
  return avalanche(hash);
}

/** Hash of `size` bytes at `at`. */
export function xxh3(at: u32, size: u32, seed: u64): u64 {
  if (size <= 3) return upTo3(at, size, seed);
  if (size <= 8) return upTo8(at, size, seed);
  if (size <= 16) return upTo16(at, size, seed);
  if (size <= 128) return upTo128(at, size, seed);
  return size <= 240 ? upTo240(at, size, seed) : longer(at, size, seed);
}
