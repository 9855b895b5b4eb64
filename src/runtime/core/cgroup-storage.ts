/**
 * Storage of cgroups that programs are attached to (kernel/bpf/local_storage.c): made when a
 * program that uses the map is attached, gone when the cgroup is. Elements are on a list of the
 * map, the newest first:
 *
 *   u32 next, u32 previous, u64 cgroup, u32 attach type, -, u64 the value
 */
import { C_LOCAL_STORAGE, M_KEY_SIZE } from '../layout';
import { ENOENT } from './errno';
import { cpu_block } from './instance';
import { heap_alloc, heap_free } from './memory';
import { SLAB_END, slabGive, slabInit, slabRelease, slabTake } from './slab';

const ELEMENTS = SLAB_END;
const E_CGROUP: u32 = 8;
const E_TYPE: u32 = 16;
export const E_VALUE: u32 = 24;
const E_SIZE: u32 = 32;
/** Keys of 16 bytes tell attach types apart. */
const ISOLATED: u32 = 16;

export function cgroupStorageCreate(map: u32, perCpu: bool): i32 {
  slabInit(map, perCpu);
  return 0;
}

export function cgroupStorageRelease(map: u32): void {
  let element = load<u32>(map, ELEMENTS);
  while (element != 0) {
    const next = load<u32>(element);
    heap_free(element);
    element = next;
  }
  slabRelease(map);
}

/** @inline */
function isolated(map: u32): bool {
  return load<u32>(map, M_KEY_SIZE) == ISOLATED;
}

function findBy(map: u32, cgroup: u64, type: u32): u32 {
  let element = load<u32>(map, ELEMENTS);
  while (element != 0) {
    const same = load<u64>(element, E_CGROUP) == cgroup;
    if (same && (!isolated(map) || load<u32>(element, E_TYPE) == type)) return element;
    element = load<u32>(element);
  }
  return 0;
}

/** The element of the key in memory, or 0. */
export function cgroupStorageFind(map: u32, key: u32): u32 {
  return findBy(map, load<u64>(key), isolated(map) ? load<u32>(key, 8) : 0);
}

export function cgroupStorageNextKey(map: u32, key: u32, next: u32): i32 {
  let element = load<u32>(map, ELEMENTS);
  if (key != 0 && element != 0) {
    element = cgroupStorageFind(map, key);
    if (element != 0) element = load<u32>(element);
  }
  if (element == 0) return <i32>ENOENT;
  store<u64>(next, load<u64>(element, E_CGROUP));
  if (isolated(map)) store<u64>(next, load<u32>(element, E_TYPE), 8);
  return 0;
}

/** A program is attached: there is an element from now on. Its address, or 0 without memory. */
export function cgroup_storage_link(map: u32, cgroup: u64, type: u32): u32 {
  const known = findBy(map, cgroup, type);
  if (known != 0) return known;
  const element = heap_alloc(E_SIZE, 16);
  const value: u64 = element == 0 ? 0 : slabTake(map);
  if (value == 0) {
    heap_free(element);
    return 0;
  }
  store<u32>(element, load<u32>(map, ELEMENTS));
  store<u64>(element, cgroup, E_CGROUP);
  store<u32>(element, type, E_TYPE);
  store<u64>(element, value, E_VALUE);
  store<u32>(map, element, ELEMENTS);
  return element;
}

/** The cgroup is gone, or the last program that used the map there. */
export function cgroup_storage_unlink(map: u32, element: u32): void {
  let at = map + ELEMENTS;
  while (load<u32>(at) != 0 && load<u32>(at) != element) at = load<u32>(at);
  if (load<u32>(at) != element) return;
  store<u32>(at, load<u32>(element));
  slabGive(map, load<u64>(element, E_VALUE));
  heap_free(element);
}

/** What bpf_get_local_storage returns on this CPU; 0 after the program has run. */
export function setLocalStorage(perCpu: bool, pointer: u64): void {
  store<u64>(cpu_block + C_LOCAL_STORAGE + (perCpu ? 8 : 0), pointer);
}
