/**
 * Keys that fall into one bucket of a hash map: tries keys whose fields count through ranges. The
 * last field counts fastest.
 */
import {
  F_BIG,
  F_BYTES,
  F_FROM,
  F_LAST,
  F_NOW,
  F_OFFSET,
  KEY_FIELD_SIZE,
  M_KEY_SIZE,
} from '../layout';
import { copyBytes } from './copy';
import { H_MASK } from './hash';
import { hashOf } from './hash-chains';

function put(key: u32, field: u32): void {
  const size = load<u32>(field, F_BYTES);
  const big = load<u32>(field, F_BIG) != 0;
  const at = key + load<u32>(field, F_OFFSET);
  const value = load<u64>(field, F_NOW);
  for (let i: u32 = 0; i < size; i++) {
    store<u8>(at + (big ? size - 1 - i : i), <u8>(value >> ((<u64>i) << 3)));
  }
}

/** The next key; after the last one the first again. */
function step(key: u32, fields: u32, count: u32): void {
  for (let i = count; i > 0; i--) {
    const field = fields + (i - 1) * KEY_FIELD_SIZE;
    const now = load<u64>(field, F_NOW);
    const wraps = now == load<u64>(field, F_LAST);
    store<u64>(field, wraps ? load<u64>(field, F_FROM) : now + 1, F_NOW);
    put(key, field);
    if (!wraps) return;
  }
}

/**
 * Tries up to `tries` keys from where the fields stand, and writes those of `bucket` to `out`, up
 * to `most`. Returns how many it found (high half) and how many
 * tries it had left (low half). `key` holds the bytes outside the fields.
 */
export function hash_collide(
  map: u32,
  key: u32,
  fields: u32,
  count: u32,
  bucket: u32,
  out: u32,
  most: u32,
  tries: u32,
): u64 {
  const size = load<u32>(map, M_KEY_SIZE);
  const mask = load<u32>(map, H_MASK);
  for (let i: u32 = 0; i < count; i++) put(key, fields + i * KEY_FIELD_SIZE);
  let found: u32 = 0;
  for (; tries > 0 && found < most; tries--) {
    if ((hashOf(map, key) & mask) == bucket) copyBytes(out + size * found++, key, size);
    step(key, fields, count);
  }
  return ((<u64>found) << 32) | <u64>tries;
}

/** Bucket a key belongs to. */
export function hash_bucket_of(map: u32, key: u32): u32 {
  return hashOf(map, key) & load<u32>(map, H_MASK);
}
