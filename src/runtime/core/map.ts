/**
 * What all map types share: headers and the region of the values.
 *
 * A map type is a file in ../maps whose functions begin with the type's name.
 * `<type>_create(map): i32` finds the header filled in from BPF_MAP_CREATE, makes the storage, and
 * names the type's operations in the header (setOp); it returns 0 or a negative errno and then
 * leaves nothing behind. Addresses are u32; what is missing is not supported:
 *
 *   for programs and helpers, through the header or directly
 *     _lookup(map, key): u64             tagged pointer or 0
 *     _lookup_8(map, key): u64           the same for keys of 8 bytes (any size; optional)
 *     _lookup_percpu(map, key, cpu): u64
 *     _update(map, key, value, flags: u64): i64                   _delete(map, key): i64
 *     _push(map, value, flags: u64): i64    _pop(map, value): i64    _peek(map, value): i64
 *     _for_each(map, slot, ctx: u64, flags: u64): i64
 *     _redirect(map, index: u64, flags: u64): i64
 *   for bpf(2), which copies, all CPUs' values at once; i32 results
 *     _sys_lookup(map, key, out, flags)  _sys_update(map, key, value, flags)  _sys_delete(map, key)
 *     _sys_lookup_and_delete(map, key, out, flags)                _next_key(map, key or 0, next)
 *   _free(map)                           gives back the storage; the header is map_discard's
 */
import {
  GLOBALS,
  G_CPUS,
  G_HEAP_LOCK,
  G_MAP_ID,
  MAPS,
  MAP_HEADER_SIZE,
  MAP_MAGIC,
  MAX_MAPS,
  M_EXTRA,
  M_FLAGS,
  M_ID,
  M_KEY_SIZE,
  M_MAGIC,
  M_MAX_ENTRIES,
  M_OPS,
  M_TYPE,
  M_VALUE_SIZE,
  M_VALUE_TAG,
  REGION_F_READ_ONLY,
  REGION_F_WRITE_ONLY,
  REGION_MAP_HANDLE,
  TAG_BASE,
} from '../layout';
import { lock, unlock } from './lock';
import { region_free, region_new, region_set, tagged } from './regions';
import { BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG } from './uapi';

/** Address of a new map's header, filled with what BPF_MAP_CREATE says, or 0 if all are taken. */
export function map_new(
  type: u32,
  keySize: u32,
  valueSize: u32,
  maxEntries: u32,
  flags: u32,
  extra: u64,
): u32 {
  lock(GLOBALS + G_HEAP_LOCK);
  let map: u32 = MAPS;
  const end: u32 = MAPS + MAX_MAPS * MAP_HEADER_SIZE;
  while (map < end && load<u32>(map, M_MAGIC) != 0) map += MAP_HEADER_SIZE;
  const id = load<u32>(GLOBALS, G_MAP_ID) + 1;
  if (map < end) {
    store<u32>(map, MAP_MAGIC, M_MAGIC);
    store<u32>(GLOBALS, id, G_MAP_ID);
  }
  unlock(GLOBALS + G_HEAP_LOCK);
  if (map == end) return 0;
  store<u32>(map, type, M_TYPE);
  store<u32>(map, id, M_ID);
  store<u32>(map, keySize, M_KEY_SIZE);
  store<u32>(map, valueSize, M_VALUE_SIZE);
  store<u32>(map, maxEntries, M_MAX_ENTRIES);
  store<u32>(map, flags, M_FLAGS);
  store<u64>(map, extra, M_EXTRA);
  return map;
}

/** Frees a header and the region of its values (storage is the map type's business). */
export function map_discard(map: u32): void {
  const tag = load<u32>(map, M_VALUE_TAG);
  if (tag != 0) region_free(tag - <u32>TAG_BASE);
  memory.fill(map, 0, MAP_HEADER_SIZE);
}

/** Stores the table slot of an operation: `setOp(map, OP_LOOKUP, hash_lookup.index)`. @inline */
export function setOp(map: u32, op: u32, slot: u32): void {
  store<u32>(map + op, slot, M_OPS);
}

/** Gives the map a region: values of `element` bytes, `stride` apart, from start to end. */
export function valueRegion(map: u32, start: u32, end: u32, stride: u32, element: u32): bool {
  const id = region_new();
  if (id == 0) return false;
  region_set(id, start, end, stride, element, programAccess(map), map);
  store<u32>(map, <u32>TAG_BASE + id, M_VALUE_TAG);
  return true;
}

/** Region flags from BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG. */
export function programAccess(map: u32): u32 {
  const flags = load<u32>(map, M_FLAGS);
  if (flags & BPF_F_RDONLY_PROG) return REGION_F_READ_ONLY;
  return flags & BPF_F_WRONLY_PROG ? REGION_F_WRITE_ONLY : 0;
}

/** What a program gets for the value at `address`. @inline */
export function valuePointer(map: u32, address: u32): u64 {
  return ((<u64>load<u32>(map, M_VALUE_TAG)) << 32) | <u64>address;
}

/** What a program holds for the map itself. @inline */
export function handleOf(map: u32): u64 {
  return tagged(REGION_MAP_HANDLE, map);
}

/** @inline */
export function cpuCount(): u32 {
  return load<u32>(GLOBALS, G_CPUS);
}

/** @inline */
export function roundUp8(size: u32): u32 {
  return (size + 7) & ~7;
}
