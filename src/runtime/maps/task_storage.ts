/** BPF_MAP_TYPE_TASK_STORAGE (kernel/bpf/bpf_task_storage.c): a value per task. */
import {
  OP_FREE,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
  OWNER_TASK,
} from '../layout';
import { setOp } from '../core/map';
import {
  storageCreate,
  storageNextKey,
  storageRelease,
  storageSysDelete,
  storageSysLookup,
  storageSysUpdate,
} from '../core/storage';

export function task_storage_create(map: u32): i32 {
  setOp(map, OP_NEXT_KEY, task_storage_next_key.index);
  setOp(map, OP_FREE, task_storage_free.index);
  setOp(map, OP_SYS_LOOKUP, task_storage_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, task_storage_sys_update.index);
  setOp(map, OP_SYS_DELETE, task_storage_sys_delete.index);
  return storageCreate(map);
}

export function task_storage_free(map: u32): void {
  storageRelease(map);
}

export function task_storage_next_key(map: u32, key: u32, next: u32): i32 {
  return storageNextKey();
}

export function task_storage_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return storageSysLookup(map, key, out, OWNER_TASK);
}

export function task_storage_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return storageSysUpdate(map, key, value, flags, OWNER_TASK);
}

export function task_storage_sys_delete(map: u32, key: u32): i32 {
  return storageSysDelete(map, key, OWNER_TASK);
}
