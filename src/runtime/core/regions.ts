/**
 * Regions: what checked code proves its accesses against.
 *
 * A 64-bit pointer is {tag, offset}. The tag names a region record (layout.ts): per-CPU regions
 * (packet, context, stack, …) have theirs in this instance's CPU block, all others in REGIONS. The
 * packet's tag is 0, because programs read packet pointers from 32-bit context fields. An access of
 * `size` bytes is right when it lies in start .. end, and, if the region is an array of elements,
 * inside the first `element` bytes of one stride: a map value's neighbour is as far away as another
 * map. Freed records have start = end = 0, so stale pointers fail.
 */
import {
  CPU_REGIONS,
  FAULT_BAD_POINTER,
  FAULT_NONE,
  FAULT_OUT_OF_RANGE,
  FAULT_READ_ONLY,
  FIRST_SHARED_REGION,
  GLOBALS,
  G_HEAP_LOCK,
  G_REGION_FREE,
  G_REGION_NEXT,
  MAX_REGIONS,
  REGIONS,
  REGION_F_GUARD,
  REGION_F_READ_ONLY,
  REGION_F_WRITE_ONLY,
  REGION_SIZE,
  R_ELEMENT,
  R_END,
  R_FLAGS,
  R_GUARD_END,
  R_GUARD_START,
  R_OWNER,
  R_START,
  R_STRIDE,
  TAG_BASE,
} from '../layout';
import { cpu_block } from './instance';
import { lock, unlock } from './lock';

/** Pointer with the tag of region `id`. @inline */
export function tagged(id: u32, address: u32): u64 {
  return ((<u64>(<u32>TAG_BASE + id)) << 32) | <u64>address;
}

/** Id of a new region with an empty record, or 0 when all are taken. */
export function region_new(): u32 {
  lock(GLOBALS + G_HEAP_LOCK);
  let id = load<u32>(GLOBALS, G_REGION_FREE);
  if (id != 0) {
    store<u32>(GLOBALS, load<u32>(REGIONS + id * REGION_SIZE, R_OWNER), G_REGION_FREE);
  } else {
    id = load<u32>(GLOBALS, G_REGION_NEXT);
    if (id >= <u32>MAX_REGIONS) id = 0;
    else store<u32>(GLOBALS, id + 1, G_REGION_NEXT);
  }
  unlock(GLOBALS + G_HEAP_LOCK);
  if (id != 0) memory.fill(REGIONS + id * REGION_SIZE, 0, REGION_SIZE);
  return id;
}

/** Bytes start .. end become accessible through region `id`; stride 0 = one piece. */
export function region_set(
  id: u32,
  start: u32,
  end: u32,
  stride: u32,
  element: u32,
  flags: u32,
  owner: u32,
): void {
  const record = REGIONS + id * REGION_SIZE;
  store<u32>(record, start, R_START);
  store<u32>(record, end, R_END);
  store<u32>(record, stride, R_STRIDE);
  store<u32>(record, element, R_ELEMENT);
  store<u32>(record, flags, R_FLAGS);
  store<u32>(record, owner, R_OWNER);
}

/** Gives a region back. Pointers into it fail from now on, until its id is used again. */
export function region_free(id: u32): void {
  if (id < <u32>FIRST_SHARED_REGION || id >= <u32>MAX_REGIONS) return;
  const record = REGIONS + id * REGION_SIZE;
  memory.fill(record, 0, REGION_SIZE);
  lock(GLOBALS + G_HEAP_LOCK);
  store<u32>(record, load<u32>(GLOBALS, G_REGION_FREE), R_OWNER);
  store<u32>(GLOBALS, id, G_REGION_FREE);
  unlock(GLOBALS + G_HEAP_LOCK);
}

/** Address of the record a pointer's high half names, or 0 if it names none. @inline */
export function regionRecord(high: u32): u32 {
  if (high == 0) return cpu_block + CPU_REGIONS;
  const id = high - <u32>TAG_BASE;
  if (id >= <u32>MAX_REGIONS) return 0;
  return (
    (id < <u32>FIRST_SHARED_REGION ? cpu_block + CPU_REGIONS : <u32>REGIONS) + id * REGION_SIZE
  );
}

function isGuarded(record: u32, at: u32, size: u32): bool {
  return at < load<u32>(record, R_GUARD_END) && at + size > load<u32>(record, R_GUARD_START);
}

/**
 * Whether a program may access `size` bytes at `ptr`: FAULT_NONE, or the kind of fault. `write` is
 * not 0 for stores and atomics.
 */
export function region_check(ptr: u64, size: u32, write: u32): u32 {
  const record = regionRecord(<u32>(ptr >> 32));
  if (record == 0) return FAULT_BAD_POINTER;
  const start = load<u32>(record, R_START);
  const end = load<u32>(record, R_END);
  const offset = <u32>ptr - start;
  const length = end - start;
  if (offset > length || size > length - offset) {
    // A small number or a region that is no memory is no pointer at all.
    const number = ptr >> 32 == 0 && <u32>ptr < 0x10000;
    return number || end == 0 ? FAULT_BAD_POINTER : FAULT_OUT_OF_RANGE;
  }
  const stride = load<u32>(record, R_STRIDE);
  if (stride != 0) {
    const within = (stride & (stride - 1)) == 0 ? offset & (stride - 1) : offset % stride;
    const element = load<u32>(record, R_ELEMENT);
    if (within > element || size > element - within) return FAULT_OUT_OF_RANGE;
  }
  const flags = load<u32>(record, R_FLAGS);
  if (flags == 0) return FAULT_NONE;
  if (write != 0) {
    if (flags & REGION_F_GUARD && !isGuarded(record, <u32>ptr, size)) return FAULT_NONE;
    return flags & (REGION_F_READ_ONLY | REGION_F_GUARD) ? FAULT_READ_ONLY : FAULT_NONE;
  }
  return flags & REGION_F_WRITE_ONLY ? FAULT_OUT_OF_RANGE : FAULT_NONE;
}
