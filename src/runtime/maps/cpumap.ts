/** BPF_MAP_TYPE_CPUMAP (kernel/bpf/cpumap.c): {u32 queue size, u32 program} by CPU; 0 = empty. */
import {
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
import { E2BIG, EEXIST, EINVAL, ENODEV, ENOMEM, EOVERFLOW } from '../core/errno';
import { cpuCount, setOp } from '../core/map';
import { redirectTo } from '../core/redirect';
import {
  isBadTarget,
  targetDelete,
  targetEntry,
  targetLookup,
  targetSysLookup,
} from '../core/target-array';
import { BPF_EXIST, BPF_NOEXIST } from '../core/uapi';

const MAX_QUEUE: u32 = 16384;

export function cpumap_create(map: u32): i32 {
  setOp(map, OP_LOOKUP, cpumap_lookup.index);
  setOp(map, OP_DELETE, cpumap_delete.index);
  setOp(map, OP_NEXT_KEY, cpumap_next_key.index);
  setOp(map, OP_REDIRECT, cpumap_redirect.index);
  setOp(map, OP_FREE, cpumap_free.index);
  setOp(map, OP_SYS_LOOKUP, cpumap_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, cpumap_sys_update.index);
  setOp(map, OP_SYS_DELETE, cpumap_sys_delete.index);
  return arrayAllocate(map, load<u32>(map, M_VALUE_SIZE), 1);
}

export function cpumap_free(map: u32): void {
  arrayRelease(map);
}

export function cpumap_lookup(map: u32, key: u32): u64 {
  return targetLookup(map, key);
}

export function cpumap_delete(map: u32, key: u32): i64 {
  return targetDelete(map, key);
}

export function cpumap_next_key(map: u32, key: u32, next: u32): i32 {
  return arrayNextKey(map, key, next);
}

export function cpumap_redirect(map: u32, index: u64, flags: u64): i64 {
  return redirectTo(map, index, flags, 0, targetEntry(map, <u32>index) != 0);
}

export function cpumap_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return targetSysLookup(map, key, out);
}

export function cpumap_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  const index = load<u32>(key);
  if (flags > <u32>BPF_EXIST) return <i32>EINVAL;
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return <i32>E2BIG;
  if (flags == <u32>BPF_NOEXIST) return <i32>EEXIST;
  if (load<u32>(value) > MAX_QUEUE) return <i32>EOVERFLOW;
  if (index >= cpuCount()) return <i32>ENODEV;
  if (load<u32>(value) == 0) return <i32>cpumap_delete(map, key);
  const size = load<u32>(map, M_VALUE_SIZE);
  // Whatever is wrong with the program: Linux has no entry, and says that memory was short.
  if (isBadTarget(value, size)) return <i32>ENOMEM;
  copyBytes(arrayValue(map, 0, index), value, size);
  return 0;
}

export function cpumap_sys_delete(map: u32, key: u32): i32 {
  return <i32>cpumap_delete(map, key);
}
