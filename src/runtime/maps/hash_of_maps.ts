/** BPF_MAP_TYPE_HASH_OF_MAPS (kernel/bpf/hashtab.c, map_in_map.c): the values are inner maps. */
import {
  OP_DELETE,
  OP_FREE,
  OP_LOOKUP,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
} from '../layout';
import { ENOENT } from '../core/errno';
import { H_VALUE, hashDelete, hashNextKey, hashRelease, plainTableCreate } from '../core/hash';
import { findNode } from '../core/hash-chains';
import { handleOf, setOp } from '../core/map';
import { innerCheck, innerId, templateCreate } from '../core/map-in-map';
import { hash_update } from './hash';

/** Nodes are those of hash maps. */
const KEY: u32 = 8;

export function hash_of_maps_create(map: u32): i32 {
  const error = templateCreate(map);
  if (error != 0) return error;
  setOp(map, OP_LOOKUP, hash_of_maps_lookup.index);
  setOp(map, OP_DELETE, hash_of_maps_delete.index);
  setOp(map, OP_NEXT_KEY, hash_of_maps_next_key.index);
  setOp(map, OP_FREE, hash_of_maps_free.index);
  setOp(map, OP_SYS_LOOKUP, hash_of_maps_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, hash_of_maps_sys_update.index);
  setOp(map, OP_SYS_DELETE, hash_of_maps_sys_delete.index);
  return plainTableCreate(map, KEY);
}

export function hash_of_maps_free(map: u32): void {
  hashRelease(map);
}

/** Handle of the inner map, or 0. */
export function hash_of_maps_lookup(map: u32, key: u32): u64 {
  const node = findNode(map, key, KEY);
  return node == 0 ? 0 : handleOf(load<u32>(node + load<u32>(map, H_VALUE)));
}

export function hash_of_maps_delete(map: u32, key: u32): i64 {
  return hashDelete(map, key, KEY);
}

export function hash_of_maps_next_key(map: u32, key: u32, next: u32): i32 {
  return hashNextKey(map, key, next, KEY);
}

export function hash_of_maps_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const node = findNode(map, key, KEY);
  if (node == 0) return <i32>ENOENT;
  store<u32>(out, innerId(load<u32>(node + load<u32>(map, H_VALUE))));
  return 0;
}

export function hash_of_maps_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  const error = innerCheck(map, load<u32>(value));
  return error != 0 ? error : <i32>hash_update(map, key, value, flags);
}

export function hash_of_maps_sys_delete(map: u32, key: u32): i32 {
  return <i32>hashDelete(map, key, KEY);
}
