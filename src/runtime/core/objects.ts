/**
 * Objects that programs allocate (bpf_obj_new). All objects of a type lie in slabs, each twice as
 * big as the one before, with a region each: checked code cannot run over an object's ends, and any
 * pointer into one says by its tag which slab it is in, so its type and where it begins. A slab is
 *
 *   u32 next slab, region, type, address of the states; the objects; a state byte for each
 *
 * A free object holds the next free one's pointer.
 */
import {
  FIELDS_REFCOUNT,
  OBJECTS_BYTES,
  OBJECTS_FIELDS,
  OBJECTS_FREE,
  OBJECTS_ITEM,
  OBJECTS_LIVE,
  OBJECTS_LOCK,
  OBJECTS_NEXT_COUNT,
  OBJECTS_POOL,
  OBJECTS_SIZE,
  OBJECTS_SLABS,
  OBJECTS_STRIDE,
  OBJECT_GAP,
  REGION_F_OBJECTS,
  R_END,
  R_FLAGS,
  R_OWNER,
  R_START,
} from '../layout';
import { NOTE_SIZE, POOL_STRIDE } from '../mem-layout';
import { fieldsFree } from './fields';
import { addCount, lock, unlock } from './lock';
import { roundUp8 } from './map';
import {
  memClass,
  memModel,
  poolFill,
  poolGiveRcu,
  poolNew,
  poolPointer,
  poolPoison,
  poolSlabs,
  poolTake,
} from './mem-cache';
import { heap_alloc, heap_free } from './memory';
import { regionRecord, region_new, region_set, tagged } from './regions';

const S_REGION: usize = 4;
const S_TYPE: usize = 8;
const S_STATES: usize = 12;
const HEADER: u32 = 16;
const FIRST: u32 = 8;
const MOST_BYTES: u32 = 1 << 20;
const ALIVE: u8 = 1;

/** A type of `size` bytes, `copies` of them in each object (one per CPU); 0 without memory. */
export function objects_type(size: u32, copies: u32, fields: u32): u32 {
  const type = heap_alloc(OBJECTS_BYTES, 16);
  if (type == 0) return 0;
  const note: u32 = memModel() ? NOTE_SIZE : 0;
  const stride = roundUp8(size) + OBJECT_GAP + note;
  store<u32>(type, size, OBJECTS_SIZE);
  store<u32>(type, stride, OBJECTS_STRIDE);
  store<u32>(type, stride * copies, OBJECTS_ITEM);
  store<u32>(type, fields, OBJECTS_FIELDS);
  store<u32>(type, FIRST, OBJECTS_NEXT_COUNT);
  if (note != 0) poolObjects(type, copies > 1);
  return type;
}

/** Objects wait for grace periods: they come from a pool of their size class. */
function poolObjects(type: u32, perCpu: bool): void {
  const size = load<u32>(type, OBJECTS_SIZE);
  const pool = poolNew(type, memClass(perCpu ? size : size + 8), perCpu);
  if (pool == 0) return;
  poolSlabs(pool, objects_fresh.index, roundUp8(size) + OBJECT_GAP);
  store<u32>(pool, load<u32>(type, OBJECTS_ITEM), POOL_STRIDE);
  poolPoison(pool, 0, size);
  store<u32>(type, pool, OBJECTS_POOL);
  poolFill(pool);
}

/** Pointer to an object that nobody had yet; 0 without memory. */
export function objects_fresh(type: u32): u64 {
  if (load<u64>(type, OBJECTS_FREE) == 0 && !addSlab(type)) return 0;
  const pointer = load<u64>(type, OBJECTS_FREE);
  store<u64>(type, load<u64>(<u32>pointer), OBJECTS_FREE);
  return pointer;
}

function addSlab(type: u32): bool {
  const item = load<u32>(type, OBJECTS_ITEM);
  const count = load<u32>(type, OBJECTS_NEXT_COUNT);
  const slab = heap_alloc(HEADER + (item + 1) * count, 16);
  const region: u32 = slab == 0 ? 0 : region_new();
  if (region == 0) {
    heap_free(slab);
    return false;
  }
  const first = slab + HEADER;
  const end = first + item * count;
  const stride = load<u32>(type, OBJECTS_STRIDE);
  region_set(region, first, end, stride, load<u32>(type, OBJECTS_SIZE), REGION_F_OBJECTS, slab);
  store<u32>(slab, load<u32>(type, OBJECTS_SLABS));
  store<u32>(slab, region, S_REGION);
  store<u32>(slab, type, S_TYPE);
  store<u32>(slab, end, S_STATES);
  store<u32>(type, slab, OBJECTS_SLABS);
  for (let at = end; at != first; ) {
    at -= item;
    store<u64>(at, load<u64>(type, OBJECTS_FREE));
    store<u64>(type, tagged(region, at), OBJECTS_FREE);
  }
  if (item * count < MOST_BYTES) store<u32>(type, count * 2, OBJECTS_NEXT_COUNT);
  return true;
}

/** The slab a pointer leads into, or 0 if it is no pointer to objects. @inline */
function slabOf(pointer: u64): u32 {
  const record = regionRecord(<u32>(pointer >> 32));
  if (record == 0 || !(load<u32>(record, R_FLAGS) & REGION_F_OBJECTS)) return 0;
  const start = load<u32>(record, R_START);
  return <u32>pointer - start < load<u32>(record, R_END) - start ? load<u32>(record, R_OWNER) : 0;
}

/** Where its state is. @inline */
function stateOf(slab: u32, base: u32): u32 {
  const item = load<u32>(load<u32>(slab, S_TYPE), OBJECTS_ITEM);
  return load<u32>(slab, S_STATES) + (base - slab - HEADER) / item;
}

/** Address of the live object that a pointer leads into, or 0. */
export function objectAt(pointer: u64): u32 {
  const slab = slabOf(pointer);
  if (slab == 0) return 0;
  const offset = <u32>pointer - slab - HEADER;
  const base = <u32>pointer - (offset % load<u32>(load<u32>(slab, S_TYPE), OBJECTS_ITEM));
  return load<u8>(stateOf(slab, base)) == ALIVE ? base : 0;
}

/** The type of the object a pointer leads into. It must be one (objectAt). */
export function objectType(pointer: u64): u32 {
  return load<u32>(slabOf(pointer), S_TYPE);
}

/** Pointer to a new object of zeros, its reference count 1; 0 without memory. */
export function objectTake(type: u32): u64 {
  const word = type + OBJECTS_LOCK;
  lock(word);
  let pointer: u64 = 0;
  const pool = load<u32>(type, OBJECTS_POOL);
  if (pool == 0) pointer = objects_fresh(type);
  else {
    const item = poolTake(pool);
    if (item != 0) pointer = poolPointer(pool, item);
  }
  if (pointer != 0) {
    store<u8>(stateOf(slabOf(pointer), <u32>pointer), ALIVE);
  }
  unlock(word);
  if (pointer == 0) return 0;
  addCount(type + OBJECTS_LIVE, 1);
  clear(type, <u32>pointer, pool != 0);
  const fields = load<u32>(type, OBJECTS_FIELDS);
  const count: u32 = fields == 0 ? 0 : load<u32>(fields, FIELDS_REFCOUNT);
  if (count != 0) store<u32>(<u32>pointer + count - 1, 1);
  return pointer;
}

/** Makes an object zeros, but for the note that is in it. */
function clear(type: u32, at: u32, noted: bool): void {
  if (!noted) return memory.fill(at, 0, load<u32>(type, OBJECTS_ITEM));
  const size = load<u32>(type, OBJECTS_SIZE);
  const stride = load<u32>(type, OBJECTS_STRIDE);
  const end = at + load<u32>(type, OBJECTS_ITEM);
  for (; at < end; at += stride) memory.fill(at, 0, size);
}

function give(type: u32, pointer: u64): void {
  const word = type + OBJECTS_LOCK;
  lock(word);
  store<u8>(stateOf(slabOf(pointer), <u32>pointer), 0);
  const pool = load<u32>(type, OBJECTS_POOL);
  if (pool != 0) {
    poolGiveRcu(pool, <u32>pointer);
  } else {
    store<u64>(<u32>pointer, load<u64>(type, OBJECTS_FREE));
    store<u64>(type, pointer, OBJECTS_FREE);
  }
  unlock(word);
  addCount(type + OBJECTS_LIVE, -1);
}

/** One reference less to the object a pointer leads into; the last takes what it owns with it. */
export function objectDrop(pointer: u64): void {
  const base = objectAt(pointer);
  if (base == 0) return;
  const type = objectType(pointer);
  const fields = load<u32>(type, OBJECTS_FIELDS);
  const start = pointer - <u64>(<u32>pointer - base);
  if (fields != 0) {
    if (!lastReference(fields, base)) return;
    fieldsFree(fields, base);
  }
  give(type, start);
}

function lastReference(fields: u32, base: u32): bool {
  const count = load<u32>(fields, FIELDS_REFCOUNT);
  if (count == 0) return true;
  const at = base + count - 1;
  if (SHARED) return atomic.sub<u32>(at, 1) == 1;
  const left = load<u32>(at) - 1;
  store<u32>(at, left);
  return left == 0;
}
