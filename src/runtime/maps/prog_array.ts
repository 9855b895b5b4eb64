/**
 * BPF_MAP_TYPE_PROG_ARRAY (kernel/bpf/arraymap.c). The word of an entry is the program's slot in
 * the function table, which tail calls read at M_VALUES + index * 8.
 */
import {
  META_NEVER,
  M_META,
  M_VALUES,
  OP_DELETE,
  OP_FREE,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
} from '../layout';
import { arrayNextKey } from '../core/array';
import { setOp } from '../core/map';
import { heap_free } from '../core/memory';
import { objectArrayCreate, objectDelete, objectLookup, objectUpdate } from '../core/object-array';

export function prog_array_create(map: u32): i32 {
  store<u32>(map, META_NEVER, M_META);
  setOp(map, OP_DELETE, prog_array_delete.index);
  setOp(map, OP_NEXT_KEY, prog_array_next_key.index);
  setOp(map, OP_FREE, prog_array_free.index);
  setOp(map, OP_SYS_LOOKUP, prog_array_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, prog_array_sys_update.index);
  setOp(map, OP_SYS_DELETE, prog_array_sys_delete.index);
  return objectArrayCreate(map);
}

export function prog_array_free(map: u32): void {
  heap_free(load<u32>(map, M_VALUES));
}

export function prog_array_delete(map: u32, key: u32): i64 {
  return objectDelete(map, key);
}

export function prog_array_next_key(map: u32, key: u32, next: u32): i32 {
  return arrayNextKey(map, key, next);
}

export function prog_array_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return objectLookup(map, key, out);
}

export function prog_array_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return objectUpdate(map, key, value, flags);
}

export function prog_array_sys_delete(map: u32, key: u32): i32 {
  return <i32>objectDelete(map, key);
}
