/** BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE (kernel/bpf/local_storage.c): one value per CPU. */
import {
  M_VALUE_SIZE,
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
import { copyBytes } from '../core/copy';
import { EINVAL, ENOENT } from '../core/errno';
import { cpu_number } from '../core/instance';
import { roundUp8, setOp } from '../core/map';
import { SLAB_ITEM } from '../core/slab';
import { BPF_ANY, BPF_EXIST } from '../core/uapi';

export function percpu_cgroup_storage_create(map: u32): i32 {
  setOp(map, OP_LOOKUP, percpu_cgroup_storage_lookup.index);
  setOp(map, OP_NEXT_KEY, percpu_cgroup_storage_next_key.index);
  setOp(map, OP_FREE, percpu_cgroup_storage_free.index);
  setOp(map, OP_SYS_LOOKUP, percpu_cgroup_storage_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, percpu_cgroup_storage_sys_update.index);
  setOp(map, OP_SYS_DELETE, percpu_cgroup_storage_sys_delete.index);
  return cgroupStorageCreate(map, true);
}

export function percpu_cgroup_storage_free(map: u32): void {
  cgroupStorageRelease(map);
}

export function percpu_cgroup_storage_lookup(map: u32, key: u32): u64 {
  const element = cgroupStorageFind(map, key);
  return element == 0 ? 0 : pointerTo(map, element);
}

export function percpu_cgroup_storage_next_key(map: u32, key: u32, next: u32): i32 {
  return cgroupStorageNextKey(map, key, next);
}

export function percpu_cgroup_storage_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const element = cgroupStorageFind(map, key);
  if (element == 0) return <i32>ENOENT;
  copyBytes(out, <u32>load<u64>(element, E_VALUE), load<u32>(map, SLAB_ITEM));
  return 0;
}

/** This CPU's value. */
function pointerTo(map: u32, element: u32): u64 {
  return load<u64>(element, E_VALUE) + cpu_number * roundUp8(load<u32>(map, M_VALUE_SIZE));
}

export function percpu_cgroup_storage_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  if (flags != BPF_ANY && flags != BPF_EXIST) return <i32>EINVAL;
  const element = cgroupStorageFind(map, key);
  if (element == 0) return <i32>ENOENT;
  copyBytes(<u32>load<u64>(element, E_VALUE), value, load<u32>(map, SLAB_ITEM));
  return 0;
}

export function percpu_cgroup_storage_sys_delete(map: u32, key: u32): i32 {
  return <i32>EINVAL;
}

/** A program of the element's cgroup runs next on this CPU; `element` 0: it has ended. */
export function percpu_cgroup_storage_enter(map: u32, element: u32): void {
  setLocalStorage(true, element == 0 ? 0 : pointerTo(map, element));
}
