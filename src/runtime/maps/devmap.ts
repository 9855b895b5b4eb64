/**
 * BPF_MAP_TYPE_DEVMAP (kernel/bpf/devmap.c): {u32 ifindex, u32 program} by index; ifindex 0 means
 * empty. Whether the device exists is the machine's to check.
 */
import {
  M_FLAGS,
  M_MAX_ENTRIES,
  M_VALUE_SIZE,
  OP_DELETE,
  OP_FREE,
  OP_LOOKUP,
  OP_NEXT_KEY,
  OP_REDIRECT,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
} from '../layout';
import { arrayAllocate, arrayNextKey, arrayRelease, arrayValue } from '../core/array';
import { copyBytes } from '../core/copy';
import { E2BIG, EEXIST, EINVAL } from '../core/errno';
import { setOp } from '../core/map';
import { BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS, redirectTo } from '../core/redirect';
import {
  isBadTarget,
  targetDelete,
  targetEntry,
  targetLookup,
  targetSysLookup,
} from '../core/target-array';
import { BPF_EXIST, BPF_F_RDONLY_PROG, BPF_NOEXIST } from '../core/uapi';

export function devmap_create(map: u32): i32 {
  store<u32>(map, load<u32>(map, M_FLAGS) | BPF_F_RDONLY_PROG, M_FLAGS);
  setOp(map, OP_LOOKUP, devmap_lookup.index);
  setOp(map, OP_DELETE, devmap_delete.index);
  setOp(map, OP_NEXT_KEY, devmap_next_key.index);
  setOp(map, OP_REDIRECT, devmap_redirect.index);
  setOp(map, OP_FREE, devmap_free.index);
  setOp(map, OP_SYS_LOOKUP, devmap_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, devmap_sys_update.index);
  setOp(map, OP_SYS_DELETE, devmap_sys_delete.index);
  return arrayAllocate(map, load<u32>(map, M_VALUE_SIZE), 1);
}

export function devmap_free(map: u32): void {
  arrayRelease(map);
}

export function devmap_lookup(map: u32, key: u32): u64 {
  return targetLookup(map, key);
}

export function devmap_delete(map: u32, key: u32): i64 {
  return targetDelete(map, key);
}

export function devmap_next_key(map: u32, key: u32, next: u32): i32 {
  return arrayNextKey(map, key, next);
}

export function devmap_redirect(map: u32, index: u64, flags: u64): i64 {
  const found = targetEntry(map, <u32>index) != 0;
  return redirectTo(map, index, flags, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS, found);
}

export function devmap_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return targetSysLookup(map, key, out);
}

export function devmap_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  const index = load<u32>(key);
  if (flags > <u32>BPF_EXIST) return <i32>EINVAL;
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return <i32>E2BIG;
  if (flags == <u32>BPF_NOEXIST) return <i32>EEXIST;
  // No device has such a number: the host says so.
  if (load<i32>(value) < 0) return <i32>EINVAL;
  const size = load<u32>(map, M_VALUE_SIZE);
  // A program without a device makes no sense.
  if (load<u32>(value) == 0 && size == 8 && load<u32>(value, 4) != 0) return <i32>EINVAL;
  if (isBadTarget(value, size)) return <i32>EINVAL;
  copyBytes(arrayValue(map, 0, index), value, size);
  return 0;
}

export function devmap_sys_delete(map: u32, key: u32): i32 {
  return <i32>devmap_delete(map, key);
}
