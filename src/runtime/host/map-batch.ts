import type { BatchCommand, MapBatch } from '../../abi/map-commands.ts';
import type { Runtime, RuntimeMap } from '../types.ts';
import { EINVAL, ENOENT, ENOSPC } from './errno.ts';

type Numeric = (...args: number[]) => number;

/**
 * The batch commands of bpf(2), after the checks all of them share: element by element
 * (kernel/bpf/syscall.c: generic_map_*_batch) or, where lookups go bucket by bucket, as hashes do
 * it (kernel/bpf/hashtab.c: __htab_map_lookup_and_delete_batch).
 */
export function doBatch(
  runtime: Runtime,
  map: RuntimeMap,
  command: BatchCommand,
  batch: MapBatch,
  buckets: boolean,
): number {
  const lookup = command === 'lookup' || command === 'lookup_and_delete';
  if (lookup && buckets) {
    return lookupBuckets(runtime, map, batch, command === 'lookup_and_delete');
  }
  const wanted = batch.count;
  if (wanted === 0) return 0;
  batch.count = 0;
  if (lookup) return lookupKeys(map, batch, wanted);
  for (; batch.count < wanted; batch.count++) {
    const key = keyAt(map, batch, batch.count);
    const result =
      command === 'delete'
        ? map.delete(key)
        : map.update(key, valueAt(map, batch, batch.count), batch.elemFlags);
    if (result !== 0) return result;
  }
  return 0;
}

function keyAt(map: RuntimeMap, { keys }: MapBatch, index: number): Uint8Array {
  const { keySize } = map.definition;
  return keys.subarray(index * keySize, (index + 1) * keySize);
}

function valueAt(map: RuntimeMap, { values }: MapBatch, index: number): Uint8Array {
  return values!.subarray(index * map.userValueSize, (index + 1) * map.userValueSize);
}

/** By keys, as BPF_MAP_GET_NEXT_KEY gives them; -ENOENT is the end of the map. */
function lookupKeys(map: RuntimeMap, batch: MapBatch, wanted: number): number {
  let previous = batch.start;
  while (batch.count < wanted) {
    const key = new Uint8Array(map.definition.keySize);
    const end = map.nextKey(previous, key);
    if (end !== 0) return leave(batch, previous, end);
    previous = key;
    const value = new Uint8Array(map.userValueSize);
    const result = map.lookup(key, value, batch.elemFlags);
    if (result === -ENOENT) continue;
    if (result !== 0) {
      batch.count = 0;
      return result;
    }
    keyAt(map, batch, batch.count).set(key);
    valueAt(map, batch, batch.count).set(value);
    batch.count++;
  }
  return leave(batch, previous, 0);
}

function leave(batch: MapBatch, position: Uint8Array | undefined, result: number): number {
  if (batch.count > 0 && position) batch.next?.set(position);
  return result;
}

/** Whole buckets as long as they fit; a first one that does not is -ENOSPC. */
function lookupBuckets(
  runtime: Runtime,
  map: RuntimeMap,
  batch: MapBatch,
  remove: boolean,
): number {
  if (batch.flags) return -EINVAL;
  const wanted = batch.count;
  if (wanted === 0) return 0;
  batch.count = 0;
  const buckets = (runtime.exports['hash_buckets'] as Numeric)(map.address) >>> 0;
  let bucket = batch.start
    ? new DataView(batch.start.buffer, batch.start.byteOffset).getUint32(0, true)
    : 0;
  if (bucket >= buckets) return -ENOENT;
  let result = 0;
  for (; bucket < buckets; bucket++) {
    const keys = bucketKeys(runtime, map, bucket);
    if (keys.length > wanted - batch.count) {
      if (batch.count === 0) result = -ENOSPC;
      break;
    }
    for (const key of keys) takeOut(map, batch, key, remove);
  }
  if (batch.next) new DataView(batch.next.buffer, batch.next.byteOffset).setUint32(0, bucket, true);
  return bucket === buckets ? -ENOENT : result;
}

function takeOut(map: RuntimeMap, batch: MapBatch, key: Uint8Array, remove: boolean): void {
  // It may have gone meanwhile (another CPU, an LRU): then it is not in the batch.
  if (map.lookup(key, valueAt(map, batch, batch.count), batch.elemFlags) !== 0) return;
  keyAt(map, batch, batch.count).set(key);
  batch.count++;
  if (remove) map.delete(key);
}

/** The keys in a bucket, in the order of its chain. */
export function bucketKeys(runtime: Runtime, map: RuntimeMap, bucket: number): Uint8Array[] {
  const { keySize } = map.definition;
  const read = runtime.exports['hash_bucket_keys'] as Numeric;
  const length = read(map.address, bucket, 0, 0) >>> 0;
  if (length === 0) return [];
  const room = runtime.allocate(length * keySize);
  const count = Math.min(read(map.address, bucket, room, length) >>> 0, length);
  const bytes = runtime.u8().slice(room, room + count * keySize);
  runtime.release(room);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * keySize, (i + 1) * keySize));
}
