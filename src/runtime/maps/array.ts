/** BPF_MAP_TYPE_ARRAY (kernel/bpf/arraymap.c). */
import {
  META_ENTRIES,
  M_FIELDS,
  M_FLAGS,
  M_MAX_ENTRIES,
  M_META,
  M_STRIDE,
  M_VALUES,
  M_VALUE_SIZE,
  OP_DELETE,
  OP_FOR_EACH,
  OP_FREE,
  OP_LOOKUP,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
  OP_UPDATE,
} from '../layout';
import {
  arrayAllocate,
  arrayForEach,
  arrayNextKey,
  arrayRelease,
  arrayUpdateCheck,
} from '../core/array';
import { copyLocked, copyValue, copyValueOut } from '../core/copy';
import { EINVAL, ENOENT } from '../core/errno';
import { valueFree } from '../core/fields';
import { setOp, valuePointer } from '../core/map';
import { BPF_F_INNER_MAP, BPF_F_LOCK } from '../core/uapi';

export function array_create(map: u32): i32 {
  const error = arrayAllocate(map, load<u32>(map, M_VALUE_SIZE), 1);
  if (error != 0) return error;
  // Compiled programs have the number of elements written into them, unless BPF_F_INNER_MAP.
  if (!(load<u32>(map, M_FLAGS) & BPF_F_INNER_MAP)) store<u32>(map, META_ENTRIES, M_META);
  setOp(map, OP_LOOKUP, array_lookup.index);
  setOp(map, OP_UPDATE, array_update.index);
  setOp(map, OP_DELETE, array_delete.index);
  setOp(map, OP_NEXT_KEY, array_next_key.index);
  setOp(map, OP_FOR_EACH, array_for_each.index);
  setOp(map, OP_FREE, array_free.index);
  setOp(map, OP_SYS_LOOKUP, array_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, array_sys_update.index);
  setOp(map, OP_SYS_DELETE, array_sys_delete.index);
  return 0;
}

export function array_free(map: u32): void {
  arrayRelease(map);
}

export function array_lookup(map: u32, key: u32): u64 {
  const index = load<u32>(key);
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return 0;
  return valuePointer(map, load<u32>(map, M_VALUES) + index * load<u32>(map, M_STRIDE));
}

export function array_update(map: u32, key: u32, value: u32, flags: u64): i64 {
  const index = load<u32>(key);
  const error = arrayUpdateCheck(map, index, flags);
  if (error != 0) return error;
  const to = load<u32>(map, M_VALUES) + index * load<u32>(map, M_STRIDE);
  if (flags & BPF_F_LOCK) copyLocked(map, to, value);
  else copyValue(map, to, value);
  if (load<u32>(map, M_FIELDS) != 0) valueFree(map, to);
  return 0;
}

export function array_delete(map: u32, key: u32): i64 {
  return EINVAL;
}

export function array_next_key(map: u32, key: u32, next: u32): i32 {
  return arrayNextKey(map, key, next);
}

export function array_for_each(map: u32, slot: u32, ctx: u64, flags: u64): i64 {
  return arrayForEach(map, slot, ctx, flags);
}

export function array_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const index = load<u32>(key);
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return <i32>ENOENT;
  const from = load<u32>(map, M_VALUES) + index * load<u32>(map, M_STRIDE);
  copyValueOut(map, out, from);
  return 0;
}

export function array_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>array_update(map, key, value, flags);
}

export function array_sys_delete(map: u32, key: u32): i32 {
  return <i32>EINVAL;
}
