/** BPF_MAP_TYPE_ARRAY (kernel/bpf/arraymap.c). */
import {
  M_MAX_ENTRIES,
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
import { arrayAllocate, arrayNextKey, arrayRelease, arrayUpdateCheck } from '../core/array';
import { callForElement, stackReserve, stackRestore, stackTop } from '../core/callback';
import { EINVAL, ENOENT } from '../core/errno';
import { setOp, valuePointer } from '../core/map';

export function array_create(map: u32): i32 {
  const error = arrayAllocate(map, load<u32>(map, M_VALUE_SIZE), 1);
  if (error != 0) return error;
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
  memory.copy(to, value, load<u32>(map, M_VALUE_SIZE));
  return 0;
}

export function array_delete(map: u32, key: u32): i64 {
  return EINVAL;
}

export function array_next_key(map: u32, key: u32, next: u32): i32 {
  return arrayNextKey(map, key, next);
}

export function array_for_each(map: u32, slot: u32, ctx: u64, flags: u64): i64 {
  if (flags != 0) return EINVAL;
  const top = stackTop();
  const count = load<u32>(map, M_MAX_ENTRIES);
  let index: u32 = 0;
  while (index < count) {
    const key = stackReserve(4);
    store<u32>(key, index);
    const value = load<u32>(map, M_VALUES) + index * load<u32>(map, M_STRIDE);
    const stop = callForElement(slot, map, key, valuePointer(map, value), ctx);
    stackRestore(top);
    index++;
    if (stop != 0) break;
  }
  return index;
}

export function array_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const index = load<u32>(key);
  if (index >= load<u32>(map, M_MAX_ENTRIES)) return <i32>ENOENT;
  const from = load<u32>(map, M_VALUES) + index * load<u32>(map, M_STRIDE);
  memory.copy(out, from, load<u32>(map, M_VALUE_SIZE));
  return 0;
}

export function array_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>array_update(map, key, value, flags);
}

export function array_sys_delete(map: u32, key: u32): i32 {
  return <i32>EINVAL;
}
