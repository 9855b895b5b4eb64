/** The array of elements under queue and stack (kernel/bpf/queue_stack_maps.c). */
import { M_COUNT, M_LOCK, M_MAX_ENTRIES, M_PRIVATE, M_VALUES, M_VALUE_SIZE } from '../layout';
import { copyKey } from './copy';
import { E2BIG, EINVAL, ENOENT, ENOMEM } from './errno';
import { lock, unlock } from './lock';
import { heap_alloc, heap_free } from './memory';
import { BPF_EXIST, BPF_NOEXIST } from './uapi';

/** u32: index of the oldest element; M_COUNT elements follow it. */
const TAIL = M_PRIVATE;

export function ringCreate(map: u32): i32 {
  const size = load<u32>(map, M_VALUE_SIZE);
  if (load<u32>(map, M_MAX_ENTRIES) >= u32.MAX_VALUE / size) return <i32>E2BIG;
  const bytes = <u64>size * load<u32>(map, M_MAX_ENTRIES);
  const values: u32 = bytes > 0xe0000000 ? 0 : heap_alloc(<u32>bytes, 64);
  if (values == 0) return <i32>ENOMEM;
  store<u32>(map, values, M_VALUES);
  return 0;
}

export function ringRelease(map: u32): void {
  heap_free(load<u32>(map, M_VALUES));
}

/** Address of the element `offset` places after the oldest one. @inline */
function element(map: u32, offset: u32): u32 {
  const entries = load<u32>(map, M_MAX_ENTRIES);
  let index = <u64>load<u32>(map, TAIL) + offset;
  if (index >= entries) index -= entries;
  return load<u32>(map, M_VALUES) + <u32>index * load<u32>(map, M_VALUE_SIZE);
}

/** @inline */
function dropOldest(map: u32): void {
  const next = load<u32>(map, TAIL) + 1;
  store<u32>(map, next == load<u32>(map, M_MAX_ENTRIES) ? 0 : next, TAIL);
  store<u32>(map, load<u32>(map, M_COUNT) - 1, M_COUNT);
}

/** Adds an element; with BPF_EXIST a full map loses its oldest one. @inline */
export function ringPush(map: u32, value: u32, flags: u64): i64 {
  if (flags & BPF_NOEXIST || flags > BPF_EXIST) return EINVAL;
  lock(map + M_LOCK);
  const full = load<u32>(map, M_COUNT) == load<u32>(map, M_MAX_ENTRIES);
  if (full && flags == BPF_EXIST) dropOldest(map);
  const room = !full || flags == BPF_EXIST;
  if (room) {
    const count = load<u32>(map, M_COUNT);
    copyKey(element(map, count), value, load<u32>(map, M_VALUE_SIZE));
    store<u32>(map, count + 1, M_COUNT);
  }
  unlock(map + M_LOCK);
  return room ? 0 : E2BIG;
}

/**
 * Reads the newest or oldest element, and takes it away. An empty map gives zeroes and ENOENT.
 * @inline
 */
export function ringGet(map: u32, value: u32, newest: bool, take: bool): i64 {
  const size = load<u32>(map, M_VALUE_SIZE);
  lock(map + M_LOCK);
  const count = load<u32>(map, M_COUNT);
  if (count == 0) {
    memory.fill(value, 0, size);
  } else {
    copyKey(value, element(map, newest ? count - 1 : 0), size);
    if (take && newest) store<u32>(map, count - 1, M_COUNT);
    else if (take) dropOldest(map);
  }
  unlock(map + M_LOCK);
  return count == 0 ? ENOENT : 0;
}
