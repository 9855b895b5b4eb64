/**
 * BPF_MAP_TYPE_CGROUP_ARRAY (kernel/bpf/arraymap.c). The word of an entry is the cgroup's number
 * among the owners.
 */
import {
  M_MAX_ENTRIES,
  M_VALUES,
  OP_DELETE,
  OP_FREE,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
  OWNER_CGROUP,
} from '../layout';
import { arrayNextKey } from '../core/array';
import { E2BIG, EAGAIN, EBADF, EINVAL, ENOTSUPP } from '../core/errno';
import { setOp } from '../core/map';
import { heap_free } from '../core/memory';
import {
  objectArrayCreate,
  objectDelete,
  objectEntry,
  objectForget,
  objectUpdate,
} from '../core/object-array';
import { isBelow, ownerByNumber } from '../core/owner';

export function cgroup_array_create(map: u32): i32 {
  setOp(map, OP_DELETE, cgroup_array_delete.index);
  setOp(map, OP_NEXT_KEY, cgroup_array_next_key.index);
  setOp(map, OP_FREE, cgroup_array_free.index);
  setOp(map, OP_SYS_LOOKUP, cgroup_array_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, cgroup_array_sys_update.index);
  setOp(map, OP_SYS_DELETE, cgroup_array_sys_delete.index);
  return objectArrayCreate(map);
}

export function cgroup_array_free(map: u32): void {
  heap_free(load<u32>(map, M_VALUES));
}

export function cgroup_array_delete(map: u32, key: u32): i64 {
  return objectDelete(map, key);
}

export function cgroup_array_next_key(map: u32, key: u32, next: u32): i32 {
  return arrayNextKey(map, key, next);
}

export function cgroup_array_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return <i32>ENOTSUPP;
}

export function cgroup_array_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  if (flags != 0) return <i32>EINVAL;
  if (objectEntry(map, key) == 0) return <i32>E2BIG;
  if (ownerByNumber(load<u32>(value), OWNER_CGROUP) == 0) return <i32>EBADF;
  return objectUpdate(map, key, value, flags);
}

export function cgroup_array_sys_delete(map: u32, key: u32): i32 {
  return <i32>objectDelete(map, key);
}

/** The cgroup has died. */
export function cgroup_array_owner_gone(map: u32, number: u32): void {
  objectForget(map, number);
}

/** Whether `cgroup` (an owner, or 0) is the one at `index` or below it; negative errno if none. */
export function cgroup_array_holds(map: u32, index: u32, cgroup: u32): i64 {
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return E2BIG;
  const number = load<u32>(load<u32>(map, M_VALUES) + (index << 3));
  if (number == 0) return EAGAIN;
  return isBelow(cgroup, ownerByNumber(number, OWNER_CGROUP)) ? 1 : 0;
}
