/**
 * BPF_MAP_TYPE_USER_RINGBUF (kernel/bpf/ringbuf.c): user space writes records, programs take them
 * out with bpf_user_ringbuf_drain. Nothing user space has written is believed.
 */
import {
  DYNPTR_LOCAL,
  DYNPTR_MAX_SIZE,
  M_MAX_ENTRIES,
  OP_FREE,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
  REGION_STACK,
} from '../layout';
import { stackReserve, stackRestore, stackTop } from '../core/callback';
import { E2BIG, EAGAIN, EBUSY, EINVAL, ENODATA, ENOSPC, ENOTSUPP } from '../core/errno';
import { loadLink, storeLink } from '../core/lock';
import { setOp, valuePointer } from '../core/map';
import { heap_free } from '../core/memory';
import { tagged } from '../core/regions';
import {
  BUSY,
  B_BUSY,
  B_CONSUMER,
  B_DATA,
  B_PRODUCER,
  B_WAKEUPS,
  DISCARD,
  HEADER,
  RB_BASE,
  recordSize,
  ringPages,
} from '../core/ring-pages';
import { dynptrSet } from '../helpers/dynptr';

const MAX_SAMPLES: u32 = 128 * 1024;
const BPF_RB_NO_WAKEUP: u64 = 1;
const BPF_RB_FORCE_WAKEUP: u64 = 2;

export function user_ringbuf_create(map: u32): i32 {
  setOp(map, OP_NEXT_KEY, user_ringbuf_next_key.index);
  setOp(map, OP_FREE, user_ringbuf_free.index);
  setOp(map, OP_SYS_LOOKUP, user_ringbuf_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, user_ringbuf_sys_update.index);
  setOp(map, OP_SYS_DELETE, user_ringbuf_sys_delete.index);
  return ringPages(map);
}

export function user_ringbuf_free(map: u32): void {
  heap_free(load<u32>(map, RB_BASE));
}

export function user_ringbuf_next_key(map: u32, key: u32, next: u32): i32 {
  return <i32>ENOTSUPP;
}

export function user_ringbuf_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return <i32>ENOTSUPP;
}

export function user_ringbuf_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>ENOTSUPP;
}

export function user_ringbuf_sys_delete(map: u32, key: u32): i32 {
  return <i32>ENOTSUPP;
}

/** @inline */
function position(base: u32, at: u32): u64 {
  return SHARED ? atomic.load<u64>(base + at) : load<u64>(base + at);
}

/** @inline */
function setPosition(base: u32, at: u32, to: u64): void {
  if (SHARED) atomic.store<u64>(base + at, to);
  else store<u64>(base + at, to);
}

// ---- Producing (host side) ----------------------------------------------------------------------

/**
 * Room for a record of `size` bytes, BUSY: address of its bytes, or a negative errno (E2BIG when it
 * can never fit, ENOSPC when it does not fit now).
 */
export function user_ringbuf_reserve(map: u32, size: u32): i64 {
  const base = load<u32>(map, RB_BASE);
  const ring = <u64>load<u32>(map, M_MAX_ENTRIES);
  if (size & (BUSY | DISCARD)) return E2BIG;
  const total = recordSize(size);
  const producer = position(base, B_PRODUCER);
  if (total > ring) return E2BIG;
  if (ring - (producer - position(base, B_CONSUMER)) < total) return ENOSPC;
  const record = base + B_DATA + <u32>(producer & (ring - 1));
  store<u32>(record, 0, 4);
  storeLink(record, size | BUSY);
  setPosition(base, B_PRODUCER, producer + total);
  return <i64>(record + <u32>HEADER);
}

/** The record is finished; `discard`: programs must skip it. */
export function user_ringbuf_commit(map: u32, sample: u32, discard: u32): void {
  const record = sample - <u32>HEADER;
  storeLink(record, (load<u32>(record) & ~BUSY) | (discard != 0 ? DISCARD : 0));
}

/** How often a writer that waits for room would have been woken. */
export function user_ringbuf_wakeups(map: u32): u32 {
  return load<u32>(load<u32>(map, RB_BASE), B_WAKEUPS);
}

// ---- Consuming --------------------------------------------------------------------------------

/** Address of the next finished record's header; a negative errno when there is none. */
function peek(map: u32): i64 {
  const base = load<u32>(map, RB_BASE);
  const ring = <u64>load<u32>(map, M_MAX_ENTRIES);
  const producer = position(base, B_PRODUCER);
  if (producer & 7) return EINVAL;
  const consumer = position(base, B_CONSUMER);
  if (consumer >= producer) return ENODATA;
  const record = base + B_DATA + <u32>(consumer & (ring - 1));
  const word = loadLink(record);
  const total = recordSize(word);
  if (total > producer - consumer) return EINVAL;
  if (total > ring || (word & ~(BUSY | DISCARD)) > <u32>DYNPTR_MAX_SIZE) return E2BIG;
  if (word & DISCARD) {
    setPosition(base, B_CONSUMER, consumer + total);
    return EAGAIN;
  }
  return word & BUSY ? ENODATA : <i64>record;
}

/** callback(dynptr to the record, ctx): what it returns is not 0 when it has enough. */
function give(map: u32, record: u32, slot: u32, ctx: u64): u64 {
  const size = load<u32>(record) & ~(BUSY | DISCARD);
  const top = stackTop();
  const dynptr = stackReserve(16);
  dynptrSet(dynptr, valuePointer(map, record + <u32>HEADER), size, DYNPTR_LOCAL);
  const result = call_indirect<u64>(
    slot,
    tagged(REGION_STACK, dynptr),
    ctx,
    <u64>0,
    <u64>0,
    <u64>0,
  );
  stackRestore(top);
  const base = load<u32>(map, RB_BASE);
  setPosition(base, B_CONSUMER, position(base, B_CONSUMER) + recordSize(size));
  return result;
}

/** Samples seen (discarded ones are not), or the errno that ended it. */
function drain(map: u32, slot: u32, ctx: u64, flags: u64): i64 {
  let samples: u32 = 0;
  let discarded: u32 = 0;
  let stop: u64 = 0;
  for (; samples < MAX_SAMPLES && stop == 0; samples++) {
    const found = peek(map);
    if (found == ENODATA) break;
    if (found == EAGAIN) discarded++;
    else if (found < 0) return wake(map, samples, flags, found);
    else stop = give(map, <u32>found, slot, ctx);
  }
  return wake(map, samples, flags, <i64>(samples - discarded));
}

/** Wakes the writer if it is to be woken; passes the result on. */
function wake(map: u32, samples: u32, flags: u64, result: i64): i64 {
  const base = load<u32>(map, RB_BASE);
  if (flags & BPF_RB_FORCE_WAKEUP || (samples > 0 && !(flags & BPF_RB_NO_WAKEUP))) {
    store<u32>(base, load<u32>(base, B_WAKEUPS) + 1, B_WAKEUPS);
  }
  return result;
}

/** bpf_user_ringbuf_drain. */
export function user_ringbuf_drain(map: u32, slot: u32, ctx: u64, flags: u64): i64 {
  if (flags & ~(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP)) return EINVAL;
  const busy = load<u32>(map, RB_BASE) + B_BUSY;
  if (!take(busy)) return EBUSY;
  const result = drain(map, slot, ctx, flags);
  storeLink(busy, 0);
  return result;
}

/** One reader at a time. */
function take(busy: u32): bool {
  if (SHARED) return atomic.cmpxchg<u32>(busy, 0, 1) == 0;
  if (load<u32>(busy) != 0) return false;
  store<u32>(busy, 1);
  return true;
}
