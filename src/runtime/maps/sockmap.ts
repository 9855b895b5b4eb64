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
  M_MAX_ENTRIES,
  OP_UPDATE,
} from '../layout';
import { arrayNextKey } from '../core/array';
import { E2BIG, EINVAL } from '../core/errno';
import { existsCheck } from '../core/hash';
import { setOp } from '../core/map';
import { heap_free } from '../core/memory';
import { objectArrayCreate, objectEntry } from '../core/object-array';
import { cookieOut, socketGiven, socketPointer } from '../core/socket';
import { socketEnters, socketLeft, socketMay, socketNumber } from '../core/socket-map';
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

/** Every socket leaves it. */
export function sockmap_free(map: u32): void {
  const count = load<u32>(map, M_MAX_ENTRIES);
  const start = load<u32>(map, M_VALUES);
  for (let i: u32 = 0; i < count; i++) empty(map, start + (i << 3));
  heap_free(start);
}

/** Whether there was a socket. */
function empty(map: u32, entry: u32): bool {
  const number = load<u32>(entry);
  if (number == 0) return false;
  store<u64>(entry, 0);
  socketLeft(map, number);
  return true;
}

/** The number of the socket at an index, or 0. */
export function sockmap_number(map: u32, key: u32): u32 {
  const entry = objectEntry(map, key);
  return entry == 0 ? 0 : load<u32>(entry);
}

export function sockmap_lookup(map: u32, key: u32): u64 {
  return socketPointer(sockmap_number(map, key));
}

/** The value is a pointer to a socket. */
export function sockmap_update(map: u32, key: u32, value: u32, flags: u64): i64 {
  const number = socketNumber(value);
  return number < 0 ? number : put(map, key, <u32>number, flags);
}

function put(map: u32, key: u32, number: u32, flags: u64): i64 {
  const refused = socketMay(map, number);
  return refused != 0 ? refused : sockmapPut(map, key, number, flags);
}

/** sock_map_update_common: the socket's link comes first, also if the entry cannot be. */
export function sockmapPut(map: u32, key: u32, number: u32, flags: u64): i64 {
  if (flags > BPF_EXIST) return EINVAL;
  const entry = objectEntry(map, key);
  if (entry == 0) return E2BIG;
  const refused = socketEnters(map, number);
  if (refused != 0) return refused;
  const old = load<u32>(entry);
  const error = existsCheck(old, flags);
  if (error != 0) {
    socketLeft(map, number);
    return error;
  }
  store<u32>(entry, number);
  if (old != 0) socketLeft(map, old);
  return 0;
}

export function sockmap_delete(map: u32, key: u32): i64 {
  const entry = objectEntry(map, key);
  return entry != 0 && empty(map, entry) ? 0 : EINVAL;
}

export function sockmap_next_key(map: u32, key: u32, next: u32): i32 {
  return arrayNextKey(map, key, next);
}

export function sockmap_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return cookieOut(map, sockmap_number(map, key), out);
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
  const count = load<u32>(map, M_MAX_ENTRIES);
  const start = load<u32>(map, M_VALUES);
  for (let i: u32 = 0; i < count; i++) {
    const entry = start + (i << 3);
    if (load<u32>(entry) == number) empty(map, entry);
  }
}
