/** BPF_MAP_TYPE_ARRAY_OF_MAPS (kernel/bpf/arraymap.c, map_in_map.c). */
import {
  M_VALUES,
  OP_DELETE,
  OP_FREE,
  OP_LOOKUP,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
} from '../layout';
import { arrayNextKey } from '../core/array';
import { E2BIG, EINVAL, ENOENT } from '../core/errno';
import { handleOf, setOp } from '../core/map';
import { innerCheck, innerId, templateCreate } from '../core/map-in-map';
import { heap_free } from '../core/memory';
import { objectArrayCreate, objectDelete, objectEntry } from '../core/object-array';

export function array_of_maps_create(map: u32): i32 {
  const error = templateCreate(map);
  if (error != 0) return error;
  setOp(map, OP_LOOKUP, array_of_maps_lookup.index);
  setOp(map, OP_DELETE, array_of_maps_delete.index);
  setOp(map, OP_NEXT_KEY, array_of_maps_next_key.index);
  setOp(map, OP_FREE, array_of_maps_free.index);
  setOp(map, OP_SYS_LOOKUP, array_of_maps_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, array_of_maps_sys_update.index);
  setOp(map, OP_SYS_DELETE, array_of_maps_sys_delete.index);
  return objectArrayCreate(map);
}

export function array_of_maps_free(map: u32): void {
  heap_free(load<u32>(map, M_VALUES));
}

/** Handle of the inner map, or 0. */
export function array_of_maps_lookup(map: u32, key: u32): u64 {
  const entry = objectEntry(map, key);
  if (entry == 0) return 0;
  const inner = load<u32>(entry);
  return inner == 0 ? 0 : handleOf(inner);
}

export function array_of_maps_delete(map: u32, key: u32): i64 {
  return objectDelete(map, key);
}

export function array_of_maps_next_key(map: u32, key: u32, next: u32): i32 {
  return arrayNextKey(map, key, next);
}

export function array_of_maps_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const entry = objectEntry(map, key);
  if (entry == 0 || load<u32>(entry) == 0) return <i32>ENOENT;
  store<u32>(out, innerId(load<u32>(entry)));
  return 0;
}

export function array_of_maps_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  if (flags != 0) return <i32>EINVAL;
  const entry = objectEntry(map, key);
  if (entry == 0) return <i32>E2BIG;
  const inner = load<u32>(value);
  const error = innerCheck(map, inner);
  if (error == 0) store<u32>(entry, inner);
  return error;
}

export function array_of_maps_sys_delete(map: u32, key: u32): i32 {
  return <i32>objectDelete(map, key);
}
