/** BPF_MAP_TYPE_CGRP_STORAGE (kernel/bpf/bpf_cgrp_storage.c): a value per cgroup. */
import {
  OP_FREE,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
  OWNER_CGROUP,
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

export function cgrp_storage_create(map: u32): i32 {
  setOp(map, OP_NEXT_KEY, cgrp_storage_next_key.index);
  setOp(map, OP_FREE, cgrp_storage_free.index);
  setOp(map, OP_SYS_LOOKUP, cgrp_storage_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, cgrp_storage_sys_update.index);
  setOp(map, OP_SYS_DELETE, cgrp_storage_sys_delete.index);
  return storageCreate(map);
}

export function cgrp_storage_free(map: u32): void {
  storageRelease(map);
}

export function cgrp_storage_next_key(map: u32, key: u32, next: u32): i32 {
  return storageNextKey();
}

export function cgrp_storage_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return storageSysLookup(map, key, out, OWNER_CGROUP);
}

export function cgrp_storage_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return storageSysUpdate(map, key, value, flags, OWNER_CGROUP);
}

export function cgrp_storage_sys_delete(map: u32, key: u32): i32 {
  return storageSysDelete(map, key, OWNER_CGROUP);
}
