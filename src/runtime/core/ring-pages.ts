/**
 * The memory of ring buffers (kernel/bpf/ringbuf.c), in pages of 4 KiB, as Linux maps it:
 *
 *   page 0   ours: header of the map, wake-up count, reservation regions, busy mark
 *   page 1   u64 consumer position
 *   page 2   u64 producer position, u64 pending position
 *   page 3…  data, max_entries bytes, then as much room again
 *
 * A record is {u32 length | BUSY | DISCARD, u32 page offset} and its bytes, at a multiple of 8. One
 * that begins near the end of the data goes on in the room behind it, where Linux maps the data a
 * second time, so records are always in one piece for programs and readers.
 */
import {
  M_MAX_ENTRIES,
  M_VALUES,
  RB_BASE,
  RB_BUSY,
  RB_CONSUMER,
  RB_DATA,
  RB_DISCARD,
  RB_PENDING,
  RB_PRODUCER,
  RB_WAKEUPS,
} from '../layout';
import { ENOMEM } from './errno';
import { valueRegion } from './map';
import { heap_alloc, heap_free } from './memory';

export { RB_BASE };
export const PAGE: u32 = 4096;
export const B_MAP: u32 = 0;
/** u32: how often a reader would have been woken. */
export const B_WAKEUPS: u32 = RB_WAKEUPS;
/** u32: 1 while a program reads (user ring buffers). */
export const B_BUSY: u32 = 8;
export const B_SLOTS: u32 = 16;
export const B_CONSUMER: u32 = RB_CONSUMER;
export const B_PRODUCER: u32 = RB_PRODUCER;
export const B_PENDING: u32 = RB_PENDING;
export const B_DATA: u32 = RB_DATA;

export const HEADER: u64 = 8;
export const BUSY: u32 = <u32>RB_BUSY;
export const DISCARD: u32 = RB_DISCARD;

/** Makes the pages and the region of all data. */
export function ringPages(map: u32): i32 {
  const size = load<u32>(map, M_MAX_ENTRIES);
  const total = <u64>B_DATA + <u64>size * 2;
  const base: u32 = total > 0xe0000000 ? 0 : heap_alloc(<u32>total, PAGE);
  const data = base + B_DATA;
  if (base == 0 || !valueRegion(map, data, data + size * 2, 0, 0)) {
    heap_free(base);
    return <i32>ENOMEM;
  }
  store<u32>(map, base, RB_BASE);
  store<u32>(map, data, M_VALUES);
  store<u32>(base, map, B_MAP);
  return 0;
}

/** Bytes a record with this length word takes. @inline */
export function recordSize(word: u32): u64 {
  return (<u64>(word & ~(BUSY | DISCARD)) + HEADER + 7) & ~7;
}
