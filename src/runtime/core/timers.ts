/**
 * Timers and work of map values (kernel/bpf/helpers.c). The field in the value leads to a record
 * (TIMER_*); those that are armed are in a binary heap, by the time they are due and then in the
 * order they were started. The first one's time is in G_TIMER_DUE, where loops over packets look.
 * Nothing happens here by itself: the machine calls `timer_fire` when its clock gets there.
 */
import {
  C_DEPTH,
  C_FAULT_KIND,
  C_FUEL,
  C_TAIL_CALLS,
  C_TIMER_RUNNING,
  FAULT_NONE,
  FIELD_IS_TIMER,
  GLOBALS,
  G_TIMER_COUNT,
  G_TIMER_DUE,
  G_TIMER_FIRST,
  G_TIMER_HEAP,
  G_TIMER_LOCK,
  G_TIMER_ORDER,
  G_TIMER_ROOM,
  HEAP_START,
  M_KEY_SIZE,
  M_STRIDE,
  M_VALUES,
  TIMER_DUE,
  TIMER_FIELD,
  TIMER_KIND,
  TIMER_MAGIC,
  TIMER_MAP,
  TIMER_NEXT,
  TIMER_ORDER,
  TIMER_PLACE,
  TIMER_PREVIOUS,
  TIMER_SIZE,
  TIMER_SLOT,
  TIMER_VALUE,
} from '../layout';
import { callForElement, stackReserve, stackRestore, stackTop } from './callback';
import { copyBytes } from './copy';
import { cpu_block } from './instance';
import { lock, unlock } from './lock';
import { roundUp8, valuePointer } from './map';
import { heap_alloc, heap_free } from './memory';

const MAGIC: u32 = 0x524d4954;
const FIRST_ROOM: u32 = 64;
/** C_TIMER_RUNNING of a callback whose timer was freed meanwhile. */
const GONE: u32 = 1;
const LOCK: u32 = GLOBALS + G_TIMER_LOCK;

/**
 * What the field at an address stands for, or 0: nothing yet. Programs may not write fields, but
 * those nobody has verified can.
 */
export function timerAt(field: u32): u32 {
  const timer = load<u32>(field);
  if (timer < <u32>HEAP_START || (timer & 15) != 0) return 0;
  if (<u64>timer + TIMER_SIZE > (<u64>memory.size()) << 16) return 0;
  return load<u32>(timer, TIMER_MAGIC) == MAGIC && load<u32>(timer, TIMER_FIELD) == field
    ? timer
    : 0;
}

/** A new one for the field, which has none; 0 without memory. */
export function timerNew(field: u32, kind: u32, map: u32, value: u32): u32 {
  const timer = heap_alloc(TIMER_SIZE, 16);
  if (timer == 0) return 0;
  store<u32>(timer, field, TIMER_FIELD);
  store<u32>(timer, kind, TIMER_KIND);
  store<u32>(timer, map, TIMER_MAP);
  store<u32>(timer, value, TIMER_VALUE);
  store<u32>(timer, MAGIC, TIMER_MAGIC);
  lock(LOCK);
  const next = load<u32>(GLOBALS, G_TIMER_FIRST);
  store<u32>(timer, next, TIMER_NEXT);
  if (next != 0) store<u32>(next, timer, TIMER_PREVIOUS);
  store<u32>(GLOBALS, timer, G_TIMER_FIRST);
  unlock(LOCK);
  store<u64>(field, timer);
  return timer;
}

/** The value goes, or is written anew: what its field stands for is cancelled and freed. */
export function timerFree(field: u32): void {
  const timer = timerAt(field);
  store<u64>(field, 0);
  if (timer == 0) return;
  if (load<u32>(cpu_block, C_TIMER_RUNNING) == timer) store<u32>(cpu_block, GONE, C_TIMER_RUNNING);
  lock(LOCK);
  disarm(timer);
  const previous = load<u32>(timer, TIMER_PREVIOUS);
  const next = load<u32>(timer, TIMER_NEXT);
  if (previous == 0) store<u32>(GLOBALS, next, G_TIMER_FIRST);
  else store<u32>(previous, next, TIMER_NEXT);
  if (next != 0) store<u32>(next, previous, TIMER_PREVIOUS);
  unlock(LOCK);
  store<u32>(timer, 0, TIMER_MAGIC);
  heap_free(timer);
}

/** Frees all timers and works of a map. */
export function timers_release(map: u32): void {
  let timer = load<u32>(GLOBALS, G_TIMER_FIRST);
  while (timer != 0) {
    const next = load<u32>(timer, TIMER_NEXT);
    if (load<u32>(timer, TIMER_MAP) == map) timerFree(load<u32>(timer, TIMER_FIELD));
    timer = next;
  }
}

/** It will happen at `due`, not when it was to happen before. False without memory. */
export function timerArm(timer: u32, due: i64): bool {
  lock(LOCK);
  disarm(timer);
  const room = makeRoom();
  if (room) {
    const order = load<u32>(GLOBALS, G_TIMER_ORDER);
    store<u32>(GLOBALS, order + 1, G_TIMER_ORDER);
    store<u32>(timer, order, TIMER_ORDER);
    store<i64>(timer, due, TIMER_DUE);
    const count = load<u32>(GLOBALS, G_TIMER_COUNT);
    store<u32>(GLOBALS, count + 1, G_TIMER_COUNT);
    rise(timer, count);
    noteFirst();
  }
  unlock(LOCK);
  return room;
}

/** It will not happen. Whether it would have. */
export function timerDisarm(timer: u32): bool {
  lock(LOCK);
  const was = disarm(timer);
  unlock(LOCK);
  return was;
}

function disarm(timer: u32): bool {
  const place = load<u32>(timer, TIMER_PLACE);
  if (place == 0) return false;
  store<u32>(timer, 0, TIMER_PLACE);
  const count = load<u32>(GLOBALS, G_TIMER_COUNT) - 1;
  store<u32>(GLOBALS, count, G_TIMER_COUNT);
  const last = at(count);
  if (last != timer) {
    rise(last, place - 1);
    sink(last, load<u32>(last, TIMER_PLACE) - 1);
  }
  noteFirst();
  return true;
}

function makeRoom(): bool {
  const room = load<u32>(GLOBALS, G_TIMER_ROOM);
  const count = load<u32>(GLOBALS, G_TIMER_COUNT);
  if (count < room) return true;
  const more: u32 = room == 0 ? FIRST_ROOM : room * 2;
  const heap = heap_alloc(more << 2, 16);
  if (heap == 0) return false;
  const old = load<u32>(GLOBALS, G_TIMER_HEAP);
  if (old != 0) memory.copy(heap, old, count << 2);
  heap_free(old);
  store<u32>(GLOBALS, heap, G_TIMER_HEAP);
  store<u32>(GLOBALS, more, G_TIMER_ROOM);
  return true;
}

/** @inline */
function at(place: u32): u32 {
  return load<u32>(load<u32>(GLOBALS, G_TIMER_HEAP) + (place << 2));
}

/** @inline */
function put(timer: u32, place: u32): void {
  store<u32>(load<u32>(GLOBALS, G_TIMER_HEAP) + (place << 2), timer);
  store<u32>(timer, place + 1, TIMER_PLACE);
}

/** Starts are numbered in 32 bits: the difference says which was first, not the number. @inline */
function isBefore(one: u32, other: u32): bool {
  const due = load<i64>(one, TIMER_DUE);
  const otherDue = load<i64>(other, TIMER_DUE);
  if (due != otherDue) return due < otherDue;
  return <i32>(load<u32>(one, TIMER_ORDER) - load<u32>(other, TIMER_ORDER)) < 0;
}

/** Finds the place of a timer from a free place upwards: those it is before go down. */
function rise(timer: u32, place: u32): void {
  while (place != 0) {
    const above = (place - 1) >> 1;
    const parent = at(above);
    if (!isBefore(timer, parent)) break;
    put(parent, place);
    place = above;
  }
  put(timer, place);
}

function sink(timer: u32, place: u32): void {
  const count = load<u32>(GLOBALS, G_TIMER_COUNT);
  for (let below: u32 = 2 * place + 1; below < count; below = 2 * place + 1) {
    if (below + 1 < count && isBefore(at(below + 1), at(below))) below++;
    const child = at(below);
    if (!isBefore(child, timer)) break;
    put(child, place);
    place = below;
  }
  put(timer, place);
}

function noteFirst(): void {
  const none = load<u32>(GLOBALS, G_TIMER_COUNT) == 0;
  store<i64>(GLOBALS, none ? i64.MAX_VALUE : load<i64>(at(0), TIMER_DUE), G_TIMER_DUE);
}

/**
 * Takes the first of the heap off it and calls back: callback(map, key, value), as a run of its own
 * with so much fuel (less than 0: it does not). Whoever calls has moved the clock. A callback that
 * faults leaves by a trap.
 */
export function timer_fire(fuel: f64): void {
  if (load<u32>(GLOBALS, G_TIMER_COUNT) == 0) return;
  const timer = at(0);
  timerDisarm(timer);
  const slot = load<u32>(timer, TIMER_SLOT);
  if (slot == 0 || fuel < 0) return;
  const isTimer = load<u32>(timer, TIMER_KIND) == FIELD_IS_TIMER;
  const map = load<u32>(timer, TIMER_MAP);
  const value = load<u32>(timer, TIMER_VALUE);
  store<u32>(cpu_block, 0, C_TAIL_CALLS);
  store<u32>(cpu_block, 0, C_DEPTH);
  store<u32>(cpu_block, FAULT_NONE, C_FAULT_KIND);
  store<i64>(cpu_block, <i64>fuel, C_FUEL);
  if (isTimer) store<u32>(cpu_block, timer, C_TIMER_RUNNING);
  const top = stackTop();
  const key = keyOf(map, value);
  callForElement(slot, map, key, valuePointer(map, value), 0);
  stackRestore(top);
  if (isTimer) store<u32>(cpu_block, 0, C_TIMER_RUNNING);
}

/** The key of a value, on the stack: the number of an array's, what is before it in a node. */
function keyOf(map: u32, value: u32): u32 {
  const size = load<u32>(map, M_KEY_SIZE);
  const key = stackReserve(size);
  const stride = load<u32>(map, M_STRIDE);
  if (stride != 0) store<u32>(key, (value - load<u32>(map, M_VALUES)) / stride);
  else copyBytes(key, value - roundUp8(size), size);
  return key;
}
