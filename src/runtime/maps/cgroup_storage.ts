/** BPF_MAP_TYPE_CGROUP_STORAGE (kernel/bpf/local_storage.c): one value for all CPUs. */
import {
  M_SPIN_LOCK,
  OP_FREE,
  OP_LOOKUP,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
} from '../layout';
import {
  E_VALUE,
  cgroupStorageCreate,
  cgroupStorageFind,
  cgroupStorageNextKey,
  cgroupStorageRelease,
  setLocalStorage,
} from '../core/cgroup-storage';
import { copyLocked, copyValue, copyValueOut } from '../core/copy';
import { EINVAL, ENOENT } from '../core/errno';
import { setOp } from '../core/map';
import { BPF_EXIST, BPF_F_LOCK } from '../core/uapi';

export function cgroup_storage_create(map: u32): i32 {
  setOp(map, OP_LOOKUP, cgroup_storage_lookup.index);
  setOp(map, OP_NEXT_KEY, cgroup_storage_next_key.index);
  setOp(map, OP_FREE, cgroup_storage_free.index);
  setOp(map, OP_SYS_LOOKUP, cgroup_storage_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, cgroup_storage_sys_update.index);
  setOp(map, OP_SYS_DELETE, cgroup_storage_sys_delete.index);
  return cgroupStorageCreate(map, false);
}

export function cgroup_storage_free(map: u32): void {
  cgroupStorageRelease(map);
}

export function cgroup_storage_lookup(map: u32, key: u32): u64 {
  const element = cgroupStorageFind(map, key);
  return element == 0 ? 0 : load<u64>(element, E_VALUE);
}

export function cgroup_storage_next_key(map: u32, key: u32, next: u32): i32 {
  return cgroupStorageNextKey(map, key, next);
}

export function cgroup_storage_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const element = cgroupStorageFind(map, key);
  if (element == 0) return <i32>ENOENT;
  copyValueOut(map, out, <u32>load<u64>(element, E_VALUE));
  return 0;
}

export function cgroup_storage_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  if (flags & ~(<u32>(BPF_F_LOCK | BPF_EXIST))) return <i32>EINVAL;
  if (flags & <u32>BPF_F_LOCK && load<u32>(map, M_SPIN_LOCK) == 0) return <i32>EINVAL;
  const element = cgroupStorageFind(map, key);
  if (element == 0) return <i32>ENOENT;
  const to = <u32>load<u64>(element, E_VALUE);
  if (flags & <u32>BPF_F_LOCK) copyLocked(map, to, value);
  else copyValue(map, to, value);
  return 0;
}

export function cgroup_storage_sys_delete(map: u32, key: u32): i32 {
  return <i32>EINVAL;
}

/** A program of the element's cgroup runs next on this CPU; `element` 0: it has ended. */
export function cgroup_storage_enter(map: u32, element: u32): void {
  setLocalStorage(false, element == 0 ? 0 : load<u64>(element, E_VALUE));
}
