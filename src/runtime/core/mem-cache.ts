/**
 * A model of the kernel's allocator for BPF (kernel/bpf/memalloc.c), for those who ask for grace
 * periods: a pool has items of one size, a cache of free ones on each CPU, and lists of those that
 * wait. The heap behind it is the pool's own area (or its owner's slabs), so that an item is always
 * an item of that pool, as regions want it; what the kernel would get from kmalloc and give back to
 * it is counted. What refills and trims caches in the kernel is an interrupt that comes as soon as
 * the allocation is done: here it is done at once.
 *
 * A grace period ends only by `mem_gp_end`: the machine says when, and never before the readers it
 * waits for are gone.
 */
import { C_WATCH_INSN, C_WATCH_PROGRAM, GLOBALS } from '../layout';
import {
  CACHE_FREE,
  CACHE_LATER_RCU,
  CACHE_LATER_RCU_STAMP,
  CACHE_LATER_TRACE,
  CACHE_LATER_TRACE_STAMP,
  CACHE_RCU,
  CACHE_RCU_BUSY,
  CACHE_RCU_STAMP,
  CACHE_RCU_WAIT,
  CACHE_SIZE,
  CACHE_TARGET,
  CACHE_TRACE,
  CACHE_TRACE_BUSY,
  CACHE_TRACE_STAMP,
  CACHE_TRACE_WAIT,
  GP_RCU,
  GP_TRACE,
  G_MEM_CHOICE,
  G_MEM_EPOCH,
  G_MEM_FAILED,
  G_MEM_FAIL_AT,
  G_MEM_FAIL_EVERY,
  G_MEM_FLAGS,
  G_MEM_HELD,
  G_MEM_LIMIT,
  G_MEM_LOCK,
  G_MEM_OLDEST_RCU,
  G_MEM_OLDEST_TRACE,
  G_MEM_READERS,
  G_MEM_READER_LIST,
  G_MEM_PEAK,
  G_MEM_POOLS,
  G_MEM_POOL_ID,
  G_MEM_PRESSURE,
  G_MEM_REQUESTS,
  LABEL_INSIDE,
  LOG_FAILURE,
  LOG_REASON_INJECTED,
  LOG_REASON_LIMIT,
  LOG_REASON_MEMORY,
  LOG_REUSE,
  MEM_F_DETECT,
  MEM_F_MODEL,
  MEM_F_POISON,
  MEM_F_REUSE_LATER,
  NOTE_CACHE,
  NOTE_FREED_INSN,
  NOTE_FREED_PROGRAM,
  NOTE_IS_FREE,
  NOTE_IS_LIVE,
  NOTE_IS_RAW,
  NOTE_LINK,
  NOTE_READER,
  READERS_LISTED,
  NOTE_SIZE,
  NOTE_STATE,
  NOTE_TAG,
  POISON,
  POOL_BATCH,
  POOL_CACHES,
  POOL_END,
  POOL_FAILED,
  POOL_FIRST,
  POOL_FRESH,
  POOL_GROW,
  POOL_HELD,
  POOL_HELD_PEAK,
  POOL_HIGH,
  POOL_ID,
  POOL_LIVE,
  POOL_LOCK,
  POOL_LOW,
  POOL_NEXT,
  POOL_NOTES,
  POOL_NOTE_OFFSET,
  POOL_OWNER,
  POOL_PEAK,
  POOL_PER_CPU,
  POOL_POISON_FROM,
  POOL_POISON_SIZE,
  POOL_RAW,
  POOL_REUSED,
  POOL_STRIDE,
  POOL_UNIT,
} from '../mem-layout';
import { cpu_block, cpu_number } from './instance';
import { addCount, lock, unlock } from './lock';
import { cpuCount } from './map';
import { memChoose } from './mem-choice';
import { logEntry } from './mem-log';
import { heap_alloc, heap_free } from './memory';

/** Whether what is freed has to wait. @inline */
export function memModel(): bool {
  return (load<u32>(GLOBALS, G_MEM_FLAGS) & MEM_F_MODEL) != 0;
}

/** Bytes of the size class for `size` bytes (up to 4096). */
export function memClass(size: u32): u32 {
  if (size <= 16) return 16;
  if (size > 64 && size <= 96) return 96;
  if (size > 128 && size <= 192) return 192;
  return (<u32>1) << (32 - clz<u32>(size - 1));
}

// ---- Pools -----------------------------------------------------------------------------------

/**
 * A pool of items that are `unit` bytes in Linux; 0 without memory. It has no items yet: those come
 * with poolArea or poolSlabs, then poolFill.
 */
export function poolNew(owner: u32, unit: u32, perCpu: bool): u32 {
  const pool = heap_alloc(<u32>POOL_CACHES + cpuCount() * CACHE_SIZE, 16);
  if (pool == 0) return 0;
  store<u32>(pool, owner, POOL_OWNER);
  store<u32>(pool, unit, POOL_UNIT);
  store<u32>(pool, perCpu ? 1 : 0, POOL_PER_CPU);
  const small = unit <= 256;
  const low: u32 = perCpu ? 1 : small ? 32 : max<u32>(8192 / unit, 1);
  const high: u32 = perCpu ? 3 : small ? 96 : max<u32>(24576 / unit, 3);
  store<u32>(pool, low, POOL_LOW);
  store<u32>(pool, high, POOL_HIGH);
  store<u32>(pool, max<u32>(((high - low) / 4) * 3, 1), POOL_BATCH);
  for (let cpu: u32 = 0; cpu < cpuCount(); cpu++) {
    store<u32>(cacheAt(pool, cpu), cacheAt(pool, cpu), CACHE_TARGET);
  }
  lock(GLOBALS + G_MEM_LOCK);
  const id = load<u32>(GLOBALS, G_MEM_POOL_ID) + 1;
  store<u32>(GLOBALS, id, G_MEM_POOL_ID);
  store<u32>(pool, id, POOL_ID);
  store<u32>(pool, load<u32>(GLOBALS, G_MEM_POOLS), POOL_NEXT);
  store<u32>(GLOBALS, pool, G_MEM_POOLS);
  unlock(GLOBALS + G_MEM_LOCK);
  return pool;
}

/** Its items are `count` that lie `stride` apart from `first` on. */
export function poolArea(pool: u32, first: u32, stride: u32, count: u32): bool {
  const notes = heap_alloc(count * NOTE_SIZE, 16);
  store<u32>(pool, notes, POOL_NOTES);
  store<u32>(pool, first, POOL_FIRST);
  store<u32>(pool, first, POOL_FRESH);
  store<u32>(pool, first + stride * count, POOL_END);
  store<u32>(pool, stride, POOL_STRIDE);
  return notes != 0;
}

/** Its items come from function `grow` of its owner; their notes are `note` behind their begin. */
export function poolSlabs(pool: u32, grow: u32, note: u32): void {
  store<u32>(pool, grow, POOL_GROW);
  store<u32>(pool, note, POOL_NOTE_OFFSET);
}

/** The bytes that become poison when an item is freed. */
export function poolPoison(pool: u32, from: u32, size: u32): void {
  store<u32>(pool, from, POOL_POISON_FROM);
  store<u32>(pool, size, POOL_POISON_SIZE);
}

/** Puts the first items into the caches of all CPUs. */
export function poolFill(pool: u32): void {
  const few = load<u32>(pool, POOL_PER_CPU) != 0 || load<u32>(pool, POOL_UNIT) > 256;
  for (let cpu: u32 = 0; cpu < cpuCount(); cpu++) fill(pool, cacheAt(pool, cpu), few ? 1 : 4);
}

/** The pool is gone, whatever waits: its owner takes its memory. */
export function poolRelease(pool: u32): void {
  if (pool == 0) return;
  lock(GLOBALS + G_MEM_LOCK);
  let at: u32 = GLOBALS + G_MEM_POOLS;
  while (load<u32>(at) != pool) at = load<u32>(at) + POOL_NEXT;
  store<u32>(at, load<u32>(pool, POOL_NEXT));
  unlock(GLOBALS + G_MEM_LOCK);
  addCount(GLOBALS + G_MEM_HELD, 0 - load<u32>(pool, POOL_HELD) * load<u32>(pool, POOL_UNIT));
  heap_free(load<u32>(pool, POOL_NOTES));
  heap_free(pool);
}

/** Address of what is known of an item. */
export function noteOf(pool: u32, item: u32): u32 {
  const notes = load<u32>(pool, POOL_NOTES);
  if (notes == 0) return item + load<u32>(pool, POOL_NOTE_OFFSET);
  return notes + ((item - load<u32>(pool, POOL_FIRST)) / load<u32>(pool, POOL_STRIDE)) * NOTE_SIZE;
}

export function poolIsLive(pool: u32, item: u32): bool {
  return load<u32>(noteOf(pool, item), NOTE_STATE) == NOTE_IS_LIVE;
}

/** An item's pointer as programs hold it. */
export function poolPointer(pool: u32, item: u32): u64 {
  return ((<u64>load<u32>(noteOf(pool, item), NOTE_TAG)) << 32) | <u64>item;
}

/** @inline */
function cacheAt(pool: u32, cpu: u32): u32 {
  return pool + POOL_CACHES + cpu * CACHE_SIZE;
}

// ---- Lists of a cache ------------------------------------------------------------------------

function push(pool: u32, list: u32, item: u32): void {
  store<u32>(noteOf(pool, item), load<u32>(list), NOTE_LINK);
  store<u32>(list, item);
  store<u32>(list, load<u32>(list, 4) + 1, 4);
}

function pop(pool: u32, list: u32): u32 {
  const item = load<u32>(list);
  if (item == 0) return 0;
  store<u32>(list, load<u32>(noteOf(pool, item), NOTE_LINK));
  store<u32>(list, load<u32>(list, 4) - 1, 4);
  return item;
}

function moveAll(pool: u32, from: u32, to: u32): void {
  for (let item = pop(pool, from); item != 0; item = pop(pool, from)) push(pool, to, item);
}

// ---- The heap behind the pool (kmalloc, kfree) -----------------------------------------------

function refuse(pool: u32, reason: u32): u32 {
  if (reason != LOG_REASON_INJECTED) store<u32>(GLOBALS, 1, G_MEM_PRESSURE);
  addCount(pool + POOL_FAILED, 1);
  addCount(GLOBALS + G_MEM_FAILED, 1);
  logEntry(LOG_FAILURE, pool, 0, 0, reason);
  return 0;
}

function overLimit(unit: u32): bool {
  const limit = load<u32>(GLOBALS, G_MEM_LIMIT);
  return limit != 0 && <u64>load<u32>(GLOBALS, G_MEM_HELD) + unit > <u64>limit;
}

/** An item that nobody had, or that was given back; 0: there is none. */
function rawItem(pool: u32): u32 {
  const given = load<u32>(pool, POOL_RAW);
  if (given != 0) {
    store<u32>(pool, load<u32>(noteOf(pool, given), NOTE_LINK), POOL_RAW);
    return given;
  }
  const grow = load<u32>(pool, POOL_GROW);
  if (grow != 0) {
    const pointer = call_indirect<u64>(grow, load<u32>(pool, POOL_OWNER));
    const made = <u32>pointer;
    if (made != 0) store<u32>(noteOf(pool, made), <u32>(pointer >> 32), NOTE_TAG);
    return made;
  }
  const fresh = load<u32>(pool, POOL_FRESH);
  if (fresh >= load<u32>(pool, POOL_END)) return 0;
  store<u32>(pool, fresh + load<u32>(pool, POOL_STRIDE), POOL_FRESH);
  return fresh;
}

function heapTake(pool: u32): u32 {
  const unit = load<u32>(pool, POOL_UNIT);
  if (overLimit(unit)) return 0;
  const item = rawItem(pool);
  if (item == 0) return 0;
  const held = load<u32>(pool, POOL_HELD) + 1;
  store<u32>(pool, held, POOL_HELD);
  if (held > load<u32>(pool, POOL_HELD_PEAK)) store<u32>(pool, held, POOL_HELD_PEAK);
  addCount(GLOBALS + G_MEM_HELD, unit);
  const all = load<u32>(GLOBALS, G_MEM_HELD);
  if (all > load<u32>(GLOBALS, G_MEM_PEAK)) store<u32>(GLOBALS, all, G_MEM_PEAK);
  return item;
}

function heapGive(pool: u32, item: u32): void {
  const note = noteOf(pool, item);
  poison(pool, item);
  store<u32>(note, NOTE_IS_RAW, NOTE_STATE);
  store<u32>(note, load<u32>(pool, POOL_RAW), NOTE_LINK);
  store<u32>(pool, item, POOL_RAW);
  store<u32>(pool, load<u32>(pool, POOL_HELD) - 1, POOL_HELD);
  addCount(GLOBALS + G_MEM_HELD, 0 - load<u32>(pool, POOL_UNIT));
}

function heapGiveAll(pool: u32, list: u32): void {
  for (let item = pop(pool, list); item != 0; item = pop(pool, list)) heapGive(pool, item);
}

function poison(pool: u32, item: u32): void {
  if (!(load<u32>(GLOBALS, G_MEM_FLAGS) & MEM_F_POISON)) return;
  const size = load<u32>(pool, POOL_POISON_SIZE);
  memory.fill(item + load<u32>(pool, POOL_POISON_FROM), <u8>POISON, size);
}

// ---- Refilling, trimming, waiting (bpf_mem_refill) -------------------------------------------

/** Items for the free list: those that wait for tasks-trace first, then the heap's. */
function fill(pool: u32, cache: u32, count: u32): void {
  const free = cache + CACHE_FREE;
  for (; count != 0; count--) {
    let item = pop(pool, cache + CACHE_TRACE);
    if (item == 0) item = pop(pool, cache + CACHE_TRACE_WAIT);
    if (item == 0) item = heapTake(pool);
    if (item == 0) return;
    store<u32>(noteOf(pool, item), NOTE_IS_FREE, NOTE_STATE);
    push(pool, free, item);
  }
}

function trim(pool: u32, cache: u32): void {
  const target = load<u32>(cache, CACHE_TARGET);
  const middle = (load<u32>(pool, POOL_HIGH) + load<u32>(pool, POOL_LOW)) / 2;
  do {
    const item = pop(pool, cache + CACHE_FREE);
    if (item != 0) push(pool, target + CACHE_TRACE, item);
  } while (load<u32>(cache, CACHE_FREE + 4) > middle);
  waitForTrace(pool, target);
}

function waitForTrace(pool: u32, cache: u32): void {
  if (load<u32>(cache, CACHE_TRACE_BUSY) != 0) return;
  moveAll(pool, cache + CACHE_TRACE, cache + CACHE_TRACE_WAIT);
  store<u32>(cache, 1, CACHE_TRACE_BUSY);
  store<u32>(cache, load<u32>(GLOBALS, G_MEM_EPOCH), CACHE_TRACE_STAMP);
}

function waitForRcu(pool: u32, cache: u32): void {
  if (load<u32>(cache, CACHE_RCU) == 0 || load<u32>(cache, CACHE_RCU_BUSY) != 0) return;
  moveAll(pool, cache + CACHE_RCU, cache + CACHE_RCU_WAIT);
  store<u32>(cache, 1, CACHE_RCU_BUSY);
  store<u32>(cache, load<u32>(GLOBALS, G_MEM_EPOCH), CACHE_RCU_STAMP);
}

function refill(pool: u32, cache: u32): void {
  if (load<u32>(GLOBALS, G_MEM_CHOICE) != 0) endByChoice(pool);
  const count = load<u32>(cache, CACHE_FREE + 4);
  if (count < load<u32>(pool, POOL_LOW)) fill(pool, cache, load<u32>(pool, POOL_BATCH));
  else if (count > load<u32>(pool, POOL_HIGH)) trim(pool, cache);
  waitForRcu(pool, cache);
}

/** Here grace periods may end while a program runs: those that began before it did. */
function endByChoice(pool: u32): void {
  const due = duePool(pool);
  if (due & GP_RCU && memChoose(GP_RCU, LABEL_INSIDE)) endPool(pool, GP_RCU);
  if (due & GP_TRACE && memChoose(GP_TRACE, LABEL_INSIDE)) endPool(pool, GP_TRACE);
}

// ---- Taking and giving -----------------------------------------------------------------------

/** Whether this allocation is one that has to fail. */
function injected(): bool {
  const number = load<u32>(GLOBALS, G_MEM_REQUESTS) + 1;
  store<u32>(GLOBALS, number, G_MEM_REQUESTS);
  if (number == load<u32>(GLOBALS, G_MEM_FAIL_AT)) return true;
  const every = load<u32>(GLOBALS, G_MEM_FAIL_EVERY);
  return every != 0 && number % every == 0;
}

function taken(pool: u32, cache: u32, item: u32): u32 {
  const note = noteOf(pool, item);
  if (load<u32>(GLOBALS, G_MEM_FLAGS) & MEM_F_DETECT) noticeReuse(pool, item, note);
  store<u32>(note, NOTE_IS_LIVE, NOTE_STATE);
  store<u32>(note, cache, NOTE_CACHE);
  const live = load<u32>(pool, POOL_LIVE) + 1;
  store<u32>(pool, live, POOL_LIVE);
  if (live > load<u32>(pool, POOL_PEAK)) store<u32>(pool, live, POOL_PEAK);
  return item;
}

/** Whether a reader has not ended yet; those beyond the list are taken to be there. */
function isThere(reader: u32): bool {
  const readers = load<u32>(GLOBALS, G_MEM_READERS);
  if (readers > <u32>READERS_LISTED) return true;
  for (let i: u32 = 0; i < readers; i++) {
    if (load<u32>(GLOBALS + (i << 2), G_MEM_READER_LIST) == reader) return true;
  }
  return false;
}

/** The reader that got the item before it was freed is still there. */
function noticeReuse(pool: u32, item: u32, note: u32): void {
  const reader = load<u32>(note, NOTE_READER);
  store<u32>(note, 0, NOTE_READER);
  if (reader == 0 || load<u32>(note, NOTE_STATE) == NOTE_IS_LIVE) return;
  if (!isThere(reader)) return;
  addCount(pool + POOL_REUSED, 1);
  logEntry(LOG_REUSE, pool, item, note, 0);
}

/** bpf_mem_cache_alloc(): an item of this CPU's cache; 0 without memory. */
export function poolTake(pool: u32): u32 {
  lock(pool + POOL_LOCK);
  const cache = cacheAt(pool, cpu_number);
  let item: u32 = 0;
  if (injected()) {
    refuse(pool, LOG_REASON_INJECTED);
  } else {
    item = pop(pool, cache + CACHE_FREE);
    if (item == 0)
      refuse(pool, overLimit(load<u32>(pool, POOL_UNIT)) ? LOG_REASON_LIMIT : LOG_REASON_MEMORY);
    else taken(pool, cache, item);
    if (load<u32>(cache, CACHE_FREE + 4) < load<u32>(pool, POOL_LOW)) refill(pool, cache);
  }
  unlock(pool + POOL_LOCK);
  return item;
}

/** kmalloc(): an item past the caches. */
export function poolTakeHeap(pool: u32): u32 {
  lock(pool + POOL_LOCK);
  if (load<u32>(GLOBALS, G_MEM_CHOICE) != 0) endByChoice(pool);
  const fails = injected();
  const item: u32 = fails ? 0 : heapTake(pool);
  if (item != 0) taken(pool, cacheAt(pool, cpu_number), item);
  else if (fails) refuse(pool, LOG_REASON_INJECTED);
  else refuse(pool, overLimit(load<u32>(pool, POOL_UNIT)) ? LOG_REASON_LIMIT : LOG_REASON_MEMORY);
  unlock(pool + POOL_LOCK);
  return item;
}

/** What all ways of freeing do first; false if the item was free already. */
function freed(pool: u32, item: u32): bool {
  const note = noteOf(pool, item);
  if (load<u32>(note, NOTE_STATE) != NOTE_IS_LIVE) return false;
  store<u32>(note, NOTE_IS_FREE, NOTE_STATE);
  store<u32>(note, load<u32>(cpu_block, C_WATCH_PROGRAM), NOTE_FREED_PROGRAM);
  store<u32>(note, load<u32>(cpu_block, C_WATCH_INSN), NOTE_FREED_INSN);
  store<u32>(pool, load<u32>(pool, POOL_LIVE) - 1, POOL_LIVE);
  return true;
}

/** bpf_mem_cache_free(): this CPU's next allocation may have it. */
export function poolGive(pool: u32, item: u32): void {
  if (load<u32>(GLOBALS, G_MEM_FLAGS) & MEM_F_REUSE_LATER) return poolGiveRcu(pool, item);
  lock(pool + POOL_LOCK);
  if (freed(pool, item)) {
    const cache = cacheAt(pool, cpu_number);
    poison(pool, item);
    store<u32>(cache, load<u32>(noteOf(pool, item), NOTE_CACHE), CACHE_TARGET);
    push(pool, cache + CACHE_FREE, item);
    if (load<u32>(cache, CACHE_FREE + 4) > load<u32>(pool, POOL_HIGH)) refill(pool, cache);
  }
  unlock(pool + POOL_LOCK);
}

/** bpf_mem_free_rcu(): nobody has it before a grace period of RCU has ended. */
export function poolGiveRcu(pool: u32, item: u32): void {
  lock(pool + POOL_LOCK);
  if (freed(pool, item)) {
    const cache = cacheAt(pool, cpu_number);
    store<u32>(cache, load<u32>(noteOf(pool, item), NOTE_CACHE), CACHE_TARGET);
    push(pool, cache + CACHE_RCU, item);
    if (load<u32>(cache, CACHE_RCU_BUSY) == 0) refill(pool, cache);
  }
  unlock(pool + POOL_LOCK);
}

/** call_rcu() or call_rcu_tasks_trace(): back to the heap after a grace period of that kind. */
export function poolGiveLater(pool: u32, item: u32, kind: u32): void {
  lock(pool + POOL_LOCK);
  if (freed(pool, item)) {
    const cache = cacheAt(pool, cpu_number);
    const epoch = load<u32>(GLOBALS, G_MEM_EPOCH);
    push(pool, cache + (kind == GP_RCU ? CACHE_LATER_RCU : CACHE_LATER_TRACE), item);
    if (kind == GP_RCU) store<u32>(cache, epoch, CACHE_LATER_RCU_STAMP);
    else store<u32>(cache, epoch, CACHE_LATER_TRACE_STAMP);
  }
  unlock(pool + POOL_LOCK);
}

// ---- Grace periods ---------------------------------------------------------------------------

/** Which kinds of callbacks of a cache (GP_*) wait for nobody who is still there. */
function dueCache(cache: u32): u32 {
  const rcu = load<u32>(GLOBALS, G_MEM_OLDEST_RCU);
  const trace = load<u32>(GLOBALS, G_MEM_OLDEST_TRACE);
  let due: u32 = 0;
  if (load<u32>(cache, CACHE_RCU_BUSY) != 0 && load<u32>(cache, CACHE_RCU_STAMP) < rcu)
    due |= GP_RCU;
  if (load<u32>(cache, CACHE_LATER_RCU) != 0 && load<u32>(cache, CACHE_LATER_RCU_STAMP) < rcu) {
    due |= GP_RCU;
  }
  // The end of a tasks-trace grace period is the end of one of RCU, too (rcu_trace_implies_rcu_gp).
  const both = min<u32>(rcu, trace);
  if (load<u32>(cache, CACHE_TRACE_BUSY) != 0 && load<u32>(cache, CACHE_TRACE_STAMP) < both) {
    due |= GP_TRACE;
  }
  if (
    load<u32>(cache, CACHE_LATER_TRACE) != 0 &&
    load<u32>(cache, CACHE_LATER_TRACE_STAMP) < both
  ) {
    due |= GP_TRACE;
  }
  return due;
}

function duePool(pool: u32): u32 {
  let due: u32 = 0;
  for (let cpu: u32 = 0; cpu < cpuCount(); cpu++) due |= dueCache(cacheAt(pool, cpu));
  return due;
}

function endRcu(pool: u32, cache: u32): void {
  const oldest = load<u32>(GLOBALS, G_MEM_OLDEST_RCU);
  if (load<u32>(cache, CACHE_LATER_RCU_STAMP) < oldest) heapGiveAll(pool, cache + CACHE_LATER_RCU);
  if (load<u32>(cache, CACHE_RCU_BUSY) == 0 || load<u32>(cache, CACHE_RCU_STAMP) >= oldest) return;
  const target = load<u32>(cache, CACHE_TARGET);
  store<u32>(cache, 0, CACHE_RCU_BUSY);
  if (load<u32>(cache, CACHE_RCU_WAIT) == 0) return;
  moveAll(pool, cache + CACHE_RCU_WAIT, target + CACHE_TRACE);
  waitForTrace(pool, target);
}

function endTrace(pool: u32, cache: u32): void {
  const rcu = load<u32>(GLOBALS, G_MEM_OLDEST_RCU);
  const oldest = min<u32>(rcu, load<u32>(GLOBALS, G_MEM_OLDEST_TRACE));
  if (load<u32>(cache, CACHE_LATER_TRACE_STAMP) < oldest)
    heapGiveAll(pool, cache + CACHE_LATER_TRACE);
  if (load<u32>(cache, CACHE_TRACE_BUSY) == 0) return;
  if (load<u32>(cache, CACHE_TRACE_STAMP) >= oldest) return;
  heapGiveAll(pool, cache + CACHE_TRACE_WAIT);
  store<u32>(cache, 0, CACHE_TRACE_BUSY);
}

/** A grace period of a kind ends, as far as this pool goes. */
function endPool(pool: u32, kinds: u32): void {
  for (let cpu: u32 = 0; cpu < cpuCount(); cpu++) {
    if (kinds & GP_TRACE) endTrace(pool, cacheAt(pool, cpu));
    if (kinds & GP_RCU) endRcu(pool, cacheAt(pool, cpu));
  }
}

/** Kinds of grace periods (GP_*) that something waits for and that could end now. */
export function mem_gp_due(): u32 {
  let due: u32 = 0;
  let pool = load<u32>(GLOBALS, G_MEM_POOLS);
  for (; pool != 0; pool = load<u32>(pool, POOL_NEXT)) due |= duePool(pool);
  return due;
}

/** Grace periods of these kinds end: callbacks that wait for no reader who is still there run. */
export function mem_gp_end(kinds: u32): void {
  let pool = load<u32>(GLOBALS, G_MEM_POOLS);
  for (; pool != 0; pool = load<u32>(pool, POOL_NEXT)) {
    lock(pool + POOL_LOCK);
    endPool(pool, kinds);
    unlock(pool + POOL_LOCK);
  }
}
