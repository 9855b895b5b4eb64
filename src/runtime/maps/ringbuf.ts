/**
 * BPF_MAP_TYPE_RINGBUF (kernel/bpf/ringbuf.c); core/ring-pages.ts says how it lies in memory.
 *
 * Every reservation gets a region of its own while there is a free one of SLOTS, so that checked
 * code cannot leave its record; further ones get the region of all data.
 */
import { BPF_MAP_TYPE_RINGBUF } from '../../abi/generated/6.12/constants';
import {
  M_LOCK,
  M_MAX_ENTRIES,
  M_TYPE,
  OP_FREE,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
  REGIONS,
  REGION_SIZE,
  R_END,
  R_OWNER,
  R_START,
  TAG_BASE,
} from '../layout';
import { SHORT, copyShort } from '../core/copy';
import { EAGAIN, EINVAL, ENOTSUPP } from '../core/errno';
import { loadLink, lock, storeLink, unlock } from '../core/lock';
import { setOp, valuePointer } from '../core/map';
import { heap_free } from '../core/memory';
import { region_free, region_new, region_set, regionRecord, tagged } from '../core/regions';
import {
  BUSY,
  B_CONSUMER,
  B_DATA,
  B_PENDING,
  B_PRODUCER,
  B_SLOTS,
  B_WAKEUPS,
  DISCARD,
  HEADER,
  PAGE,
  RB_BASE,
  recordSize,
  ringPages,
} from '../core/ring-pages';

const SLOTS: u32 = 8;
const MAX_RECORD: u64 = 0x3fffffff;

const BPF_RB_NO_WAKEUP: u64 = 1;
const BPF_RB_FORCE_WAKEUP: u64 = 2;

export function ringbuf_create(map: u32): i32 {
  const error = ringPages(map);
  if (error != 0) return error;
  const base = load<u32>(map, RB_BASE);
  for (let i: u32 = 0; i < SLOTS; i++) {
    const id = region_new();
    if (id != 0) region_set(id, 0, 0, 0, 0, 0, map);
    store<u32>(base + B_SLOTS + (i << 2), id);
  }
  setOp(map, OP_NEXT_KEY, ringbuf_next_key.index);
  setOp(map, OP_FREE, ringbuf_free.index);
  setOp(map, OP_SYS_LOOKUP, ringbuf_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, ringbuf_sys_update.index);
  setOp(map, OP_SYS_DELETE, ringbuf_sys_delete.index);
  return 0;
}

export function ringbuf_free(map: u32): void {
  const base = load<u32>(map, RB_BASE);
  for (let i: u32 = 0; i < SLOTS; i++) region_free(load<u32>(base + B_SLOTS + (i << 2)));
  heap_free(base);
}

export function ringbuf_next_key(map: u32, key: u32, next: u32): i32 {
  return <i32>ENOTSUPP;
}

export function ringbuf_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return <i32>ENOTSUPP;
}

export function ringbuf_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>ENOTSUPP;
}

export function ringbuf_sys_delete(map: u32, key: u32): i32 {
  return <i32>ENOTSUPP;
}

// ---- Producing --------------------------------------------------------------------------------

/** Moves the pending position past finished records; returns it. @inline */
function advancePending(base: u32, mask: u64): u64 {
  const producer = load<u64>(base, B_PRODUCER);
  let pending = load<u64>(base, B_PENDING);
  while (pending < producer) {
    const word = loadLink(base + B_DATA + <u32>(pending & mask));
    if (word & BUSY) break;
    pending += recordSize(word);
  }
  store<u64>(base, pending, B_PENDING);
  return pending;
}

/**
 * Whether a record up to `end` leaves what is not finished alone. Where the pending position stands
 * is nobody else's business, so it is moved on only when it is in the way. @inline
 */
function isPastPending(base: u32, end: u64, ring: u64): bool {
  return end - load<u64>(base, B_PENDING) < ring || end - advancePending(base, ring - 1) < ring;
}

/** Whether there is room for `length` bytes, header included: for compiled code, which is alone. */
export function ringbuf_room(map: u32, length: u32): bool {
  const base = load<u32>(map, RB_BASE);
  const ring = <u64>load<u32>(map, M_MAX_ENTRIES);
  const end = load<u64>(base, B_PRODUCER) + length;
  return end - load<u64>(base, B_CONSUMER) < ring && isPastPending(base, end, ring);
}

/** Address of a new record's bytes, BUSY, or 0 when there is no room. @inline */
function reserve(map: u32, size: u64): u32 {
  const base = load<u32>(map, RB_BASE);
  const ring = <u64>load<u32>(map, M_MAX_ENTRIES);
  const length = (size + HEADER + 7) & ~7;
  if (size > MAX_RECORD || length > ring) return 0;
  const consumer = load<u64>(base, B_CONSUMER);
  lock(map + M_LOCK);
  const producer = load<u64>(base, B_PRODUCER);
  const end = producer + length;
  if (end - consumer >= ring || !isPastPending(base, end, ring)) {
    unlock(map + M_LOCK);
    return 0;
  }
  const record = base + B_DATA + <u32>(producer & (ring - 1));
  store<u32>(record, (record - base) / PAGE, 4);
  storeLink(record, <u32>size | BUSY);
  if (SHARED) atomic.store<u64>(base, end, B_PRODUCER);
  else store<u64>(base, end, B_PRODUCER);
  unlock(map + M_LOCK);
  return record + 8;
}

/** Pointer to a reservation, with a region of its own if one is free. @inline */
function pointerTo(map: u32, sample: u32, size: u32): u64 {
  const base = load<u32>(map, RB_BASE);
  for (let i: u32 = 0; i < SLOTS; i++) {
    const id = load<u32>(base + B_SLOTS + (i << 2));
    const record = REGIONS + id * REGION_SIZE;
    if (id == 0 || !claim(record, sample)) continue;
    store<u32>(record, sample + size, R_END);
    return tagged(id, sample);
  }
  return valuePointer(map, sample);
}

/** Takes a free region record: its start says whether it is in use. @inline */
function claim(record: u32, start: u32): bool {
  if (SHARED) return atomic.cmpxchg<u32>(record, 0, start) == 0;
  if (load<u32>(record, R_START) != 0) return false;
  store<u32>(record, start, R_START);
  return true;
}

/** bpf_ringbuf_reserve: pointer to `size` bytes, or 0. @inline */
export function ringbuf_reserve(map: u32, size: u64, flags: u64): u64 {
  if (flags != 0) return 0;
  const sample = reserve(map, size);
  return sample == 0 ? 0 : pointerTo(map, sample, <u32>size);
}

/** Finishes the record at `sample`, whose first word is `word`. @inline */
function commit(map: u32, base: u32, sample: u32, word: u32, flags: u64): void {
  const record = sample - 8;
  storeLink(record, word);
  const mask = load<u32>(map, M_MAX_ENTRIES) - 1;
  const waiting = (<u32>load<u64>(base, B_CONSUMER) & mask) == record - base - B_DATA;
  if (flags == 0 ? waiting : wakes(flags, waiting)) {
    const wakeups = base + B_WAKEUPS;
    if (SHARED) atomic.add<u32>(wakeups, 1);
    else store<u32>(wakeups, load<u32>(wakeups) + 1);
  }
}

function wakes(flags: u64, waiting: bool): bool {
  return (flags & BPF_RB_FORCE_WAKEUP) != 0 || (waiting && !(flags & BPF_RB_NO_WAKEUP));
}

/**
 * The ring a pointer is a reservation of that has not been given back, or 0. Programs nobody has
 * verified may pass any pointer; `region` is the record its tag names, or 0. @inline
 */
function ringOf(region: u32, sample: u32): u32 {
  const map: u32 = region == 0 ? 0 : load<u32>(region, R_OWNER);
  if (map == 0 || load<u32>(map, M_TYPE) != BPF_MAP_TYPE_RINGBUF) return 0;
  const record = sample - 8;
  if ((load<u32>(record) & BUSY) == 0) return 0;
  const base = (record & ~(PAGE - 1)) - load<u32>(record, 4) * PAGE;
  return base == load<u32>(map, RB_BASE) ? map : 0;
}

/** Ends a reservation; other pointers are ignored. @inline */
function finish(pointer: u64, flags: u64, mark: u32): void {
  const region = regionRecord(<u32>(pointer >> 32));
  const sample = <u32>pointer;
  const map = ringOf(region, sample);
  if (map == 0) return;
  // The reservation's own region ends; the region of all data begins elsewhere.
  if (load<u32>(region, R_START) == sample) {
    store<u32>(region, 0, R_END);
    storeLink(region + R_START, 0);
  }
  commit(map, load<u32>(map, RB_BASE), sample, (load<u32>(sample - 8) ^ BUSY) | mark, flags);
}

/** bpf_ringbuf_submit: the reader may have it. `pointer` is what reserve returned. @inline */
export function ringbuf_submit(pointer: u64, flags: u64): void {
  finish(pointer, flags, 0);
}

/** bpf_ringbuf_discard: the reader must skip it. @inline */
export function ringbuf_discard(pointer: u64, flags: u64): void {
  finish(pointer, flags, DISCARD);
}

/** bpf_ringbuf_output: copies `size` bytes at `data` into a record. @inline */
export function ringbuf_output(map: u32, data: u32, size: u64, flags: u64): i64 {
  if (flags & ~(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP)) return EINVAL;
  const sample = reserve(map, size);
  if (sample == 0) return EAGAIN;
  if (size > SHORT) memory.copy(sample, data, <u32>size);
  else copyShort(sample, data, <u32>size);
  commit(map, load<u32>(map, RB_BASE), sample, <u32>size, flags);
  return 0;
}

/** bpf_ringbuf_query: 0 available bytes, 1 ring size, 2 consumer position, 3 producer position. */
export function ringbuf_query(map: u32, what: u64): u64 {
  const base = load<u32>(map, RB_BASE);
  const consumer = load<u64>(base, B_CONSUMER);
  const producer = load<u64>(base, B_PRODUCER);
  if (what == 0) return producer - consumer;
  if (what == 1) return load<u32>(map, M_MAX_ENTRIES);
  if (what == 2) return consumer;
  return what == 3 ? producer : 0;
}

// ---- Consuming (host side) ----------------------------------------------------------------------

/**
 * Address of the oldest record the reader has not had, past discarded ones; 0 if there is none or
 * it is not finished. The reader then calls ringbuf_release with the same address.
 */
export function ringbuf_next(map: u32): u32 {
  const base = load<u32>(map, RB_BASE);
  const mask = <u64>load<u32>(map, M_MAX_ENTRIES) - 1;
  let consumer = load<u64>(base, B_CONSUMER);
  const producer = SHARED ? atomic.load<u64>(base, B_PRODUCER) : load<u64>(base, B_PRODUCER);
  while (consumer < producer) {
    const record = base + B_DATA + <u32>(consumer & mask);
    const word = loadLink(record);
    if (word & BUSY) return 0;
    if ((word & DISCARD) == 0) return record;
    consumer += recordSize(word);
    setConsumer(base, consumer);
  }
  return 0;
}

/** The reader is done with a record. */
export function ringbuf_release(map: u32, record: u32): void {
  const base = load<u32>(map, RB_BASE);
  setConsumer(base, load<u64>(base, B_CONSUMER) + recordSize(load<u32>(record)));
}

/** The reader is done with a record and wants the next one: one call instead of two. */
export function ringbuf_after(map: u32, record: u32): u32 {
  ringbuf_release(map, record);
  return ringbuf_next(map);
}

/** @inline */
function setConsumer(base: u32, position: u64): void {
  if (SHARED) atomic.store<u64>(base, position, B_CONSUMER);
  else store<u64>(base, position, B_CONSUMER);
}

/** How often a reader would have been woken so far. */
export function ringbuf_wakeups(map: u32): u32 {
  return load<u32>(load<u32>(map, RB_BASE), B_WAKEUPS);
}
