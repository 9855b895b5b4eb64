import type { UserRecord } from '../../abi/map-commands.ts';
import type { Runtime, RuntimeMap } from '../types.ts';

type Numeric = (...args: number[]) => number;

const LENGTH_MASK = 0x3fffffff;
const HEADER = 8;

/**
 * Reads a BPF ring buffer as user space does: every finished record, oldest first, up to the first
 * one still being written; moves the consumer position behind each. `onRecord` gets a view of
 * linear memory that is only good until it returns; it may return false to stop there.
 *
 * @returns how many records were read (discarded ones are skipped and not counted).
 */
export function ringbufConsume(
  runtime: Runtime,
  map: RuntimeMap,
  onRecord: (bytes: Uint8Array) => void | boolean,
): number {
  const next = runtime.exports['ringbuf_next'] as Numeric;
  const after = runtime.exports['ringbuf_after'] as Numeric;
  const { address } = map;
  let count = 0;
  for (let record = next(address) >>> 0; record !== 0; record = after(address, record) >>> 0) {
    count++;
    const words = runtime.u32();
    const length = words[record >>> 2]! & LENGTH_MASK;
    // Not subarray, which takes twice as long to say the same.
    if (onRecord(new Uint8Array(words.buffer, record + HEADER, length)) !== false) continue;
    (runtime.exports['ringbuf_release'] as Numeric)(address, record);
    return count;
  }
  return count;
}

/** How often user space would have been woken by this ring buffer so far. */
export function ringbufWakeups(runtime: Runtime, map: RuntimeMap): number {
  return (runtime.exports['ringbuf_wakeups'] as Numeric)(map.address) >>> 0;
}

/**
 * Room for a record of `size` bytes in a user ring buffer, or a negative errno: -E2BIG when it can
 * never fit, -ENOSPC when programs have to take something out first. Records that come later are
 * not seen before this one is submitted or discarded.
 */
export function userRingReserve(
  runtime: Runtime,
  map: RuntimeMap,
  size: number,
): UserRecord | number {
  const reserve = runtime.exports['user_ringbuf_reserve'] as (...args: number[]) => bigint;
  const commit = runtime.exports['user_ringbuf_commit'] as Numeric;
  const start = Number(reserve(map.address, size));
  if (start < 0) return start;
  return {
    bytes: () => runtime.u8().subarray(start, start + size),
    submit: () => void commit(map.address, start, 0),
    discard: () => void commit(map.address, start, 1),
  };
}
