/**
 * BPF_MAP_TYPE_SOCKMAP (net/core/sock_map.c). The word of an entry is the socket's number among the
 * owners.
 */
import {
  M_VALUES,
  OP_DELETE,
  OP_FREE,
  OP_LOOKUP,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
  OP_UPDATE,
  OWNER_ID,
  OWNER_SOCKET,
} from '../layout';
import { arrayNextKey } from '../core/array';
import { E2BIG, EINVAL } from '../core/errno';
import { existsCheck } from '../core/hash';
import { setOp } from '../core/map';
import { heap_free } from '../core/memory';
import { objectArrayCreate, objectEntry, objectForget } from '../core/object-array';
import { ownerByObject } from '../core/owner';
import { cookieOut, socketGiven, socketPointer } from '../core/socket';
import { BPF_EXIST } from '../core/uapi';

export function sockmap_create(map: u32): i32 {
  setOp(map, OP_LOOKUP, sockmap_lookup.index);
  setOp(map, OP_UPDATE, sockmap_update.index);
  setOp(map, OP_DELETE, sockmap_delete.index);
  setOp(map, OP_NEXT_KEY, sockmap_next_key.index);
  setOp(map, OP_FREE, sockmap_free.index);
  setOp(map, OP_SYS_LOOKUP, sockmap_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, sockmap_sys_update.index);
  setOp(map, OP_SYS_DELETE, sockmap_sys_delete.index);
  return objectArrayCreate(map);
}

export function sockmap_free(map: u32): void {
  heap_free(load<u32>(map, M_VALUES));
}

/** The number of the socket at an index, or 0. */
function numberAt(map: u32, key: u32): u32 {
  const entry = objectEntry(map, key);
  return entry == 0 ? 0 : load<u32>(entry);
}

export function sockmap_lookup(map: u32, key: u32): u64 {
  return socketPointer(numberAt(map, key));
}

/** The value is a pointer to a socket. */
export function sockmap_update(map: u32, key: u32, value: u32, flags: u64): i64 {
  const owner = ownerByObject(value, OWNER_SOCKET);
  return owner == 0 ? EINVAL : put(map, key, load<u32>(owner, OWNER_ID), flags);
}

function put(map: u32, key: u32, number: u32, flags: u64): i64 {
  if (flags > BPF_EXIST) return EINVAL;
  const entry = objectEntry(map, key);
  if (entry == 0) return E2BIG;
  const error = existsCheck(load<u32>(entry), flags);
  if (error != 0) return error;
  store<u32>(entry, number);
  return 0;
}

export function sockmap_delete(map: u32, key: u32): i64 {
  const entry = objectEntry(map, key);
  if (entry == 0 || load<u32>(entry) == 0) return EINVAL;
  store<u64>(entry, 0);
  return 0;
}

export function sockmap_next_key(map: u32, key: u32, next: u32): i32 {
  return arrayNextKey(map, key, next);
}

export function sockmap_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return cookieOut(map, numberAt(map, key), out);
}

export function sockmap_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  const number = socketGiven(value);
  return number < 0 ? number : <i32>put(map, key, number, flags);
}

export function sockmap_sys_delete(map: u32, key: u32): i32 {
  return <i32>sockmap_delete(map, key);
}

/** The socket has been closed. */
export function sockmap_owner_gone(map: u32, number: u32): void {
  objectForget(map, number);
}
