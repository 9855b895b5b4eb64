import { mapRules } from '../../abi/map-rules.ts';
import { F_BIG, F_BYTES, F_FROM, F_LAST, F_NOW, F_OFFSET, KEY_FIELD_SIZE } from '../layout.ts';
import type { Runtime, RuntimeMap } from '../types.ts';
import { kernelError } from './errno.ts';

type Numeric = (...args: number[]) => number;

/** Keys tried between two looks at what there is left. */
const TRIES = 1 << 24;

/** A part of a key that may be chosen. */
export interface KeyRange {
  /** Bytes from the key's start, and how many (1 to 8). */
  readonly offset: number;
  readonly size: number;
  readonly bigEndian: boolean;
  /** Values it may have, both ends included. */
  readonly from: bigint;
  readonly to: bigint;
}

export interface CollisionSearch {
  /** Of these every combination is tried, the last one's values first. */
  readonly ranges: readonly KeyRange[];
  /** Keys wanted. */
  readonly count: number;
  /** Default: the bucket of the first key. */
  readonly bucket?: number;
  /** Stop after so many keys were tried. Default 2^32. */
  readonly tries?: number;
}

export interface Collisions {
  readonly bucket: number;
  readonly buckets: number;
  /** One key after the other; may be fewer than wanted. */
  readonly keys: readonly Uint8Array[];
  /** Keys hashed. */
  readonly tried: number;
}

/**
 * Finds keys that a hash map puts into one bucket, by trying: the map's hash and seed are known
 * here, so about `buckets` tries give a key. Throws KernelError EINVAL for maps that are no
 * hashes and buckets they do not have.
 */
export function collidingKeys(
  runtime: Runtime,
  map: RuntimeMap,
  search: CollisionSearch,
): Collisions {
  const { ranges, count, tries = 2 ** 32 } = search;
  const { keySize, name, type } = map.definition;
  if (!mapRules(type)?.batchBuckets) throw kernelError('EINVAL', `map '${name}' is no hash`);
  const call = (export_: string, ...args: number[]) =>
    (runtime.exports[export_] as Numeric)(...args) >>> 0;
  const collide = runtime.exports['hash_collide'] as (...args: number[]) => bigint;
  const key = runtime.allocate(keySize, 16);
  const fields = runtime.allocate(Math.max(1, ranges.length) * KEY_FIELD_SIZE, 8);
  const out = runtime.allocate(Math.max(1, count) * keySize, 16);
  try {
    runtime.u8().fill(0, key, key + keySize);
    ranges.forEach((range, i) => writeRange(runtime.view(), fields + i * KEY_FIELD_SIZE, range));
    const start = firstKey(keySize, ranges);
    runtime.u8().set(start, key);
    const bucket = search.bucket ?? call('hash_bucket_of', map.address, key);
    const buckets = call('hash_buckets', map.address);
    if (bucket >= buckets) throw kernelError('EINVAL', `map '${name}' has ${buckets} buckets`);
    const most = Number(bigMin(BigInt(tries), combinations(ranges)));
    let [found, tried] = [0, 0];
    while (found < count && tried < most) {
      const now = Math.min(TRIES, most - tried);
      const at = out + found * keySize;
      const done = BigInt.asUintN(
        64,
        collide(map.address, key, fields, ranges.length, bucket, at, count - found, now),
      );
      found += Number(done >> 32n);
      tried += now - Number(done & 0xffffffffn);
    }
    const bytes = runtime.u8().slice(out, out + found * keySize);
    const keys = Array.from({ length: found }, (_, i) =>
      bytes.subarray(i * keySize, (i + 1) * keySize),
    );
    return { bucket, buckets, keys, tried };
  } finally {
    for (const block of [key, fields, out]) runtime.release(block);
  }
}

function writeRange(view: DataView, at: number, range: KeyRange): void {
  view.setUint32(at + F_OFFSET, range.offset, true);
  view.setUint32(at + F_BYTES, range.size, true);
  view.setUint32(at + F_BIG, range.bigEndian ? 1 : 0, true);
  view.setBigUint64(at + F_FROM, range.from, true);
  view.setBigUint64(at + F_LAST, range.to, true);
  view.setBigUint64(at + F_NOW, range.from, true);
}

function firstKey(size: number, ranges: readonly KeyRange[]): Uint8Array {
  const key = new Uint8Array(size);
  for (const { offset, size: bytes, bigEndian, from } of ranges) {
    for (let i = 0; i < bytes; i++) {
      const at = bigEndian ? bytes - 1 - i : i;
      key[offset + at] = Number((from >> BigInt(8 * i)) & 255n);
    }
  }
  return key;
}

const bigMin = (a: bigint, b: bigint): bigint => (a < b ? a : b);

function combinations(ranges: readonly KeyRange[]): bigint {
  return ranges.reduce((all, { from, to }) => all * (to - from + 1n), 1n);
}
