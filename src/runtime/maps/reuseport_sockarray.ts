/**
 * BPF_MAP_TYPE_REUSEPORT_SOCKARRAY (kernel/bpf/reuseport_array.c). The word of an entry is the
 * socket's number among the owners. A socket is in one such place at most.
 */
import {
  M_MAX_ENTRIES,
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
import { E2BIG, EBADF, EBUSY, EINVAL } from '../core/errno';
import { existsCheck } from '../core/hash';
import { setOp } from '../core/map';
import { heap_free } from '../core/memory';
import { objectArrayCreate, objectDelete, objectEntry } from '../core/object-array';
import { cookieOut, isSocket, socketPointer } from '../core/socket';
import { socketGrouped, socketUngrouped } from '../core/socket-map';
import { BPF_EXIST } from '../core/uapi';

export function reuseport_sockarray_create(map: u32): i32 {
  setOp(map, OP_LOOKUP, reuseport_sockarray_lookup.index);
  setOp(map, OP_DELETE, reuseport_sockarray_delete.index);
  setOp(map, OP_NEXT_KEY, reuseport_sockarray_next_key.index);
  setOp(map, OP_FREE, reuseport_sockarray_free.index);
  setOp(map, OP_SYS_LOOKUP, reuseport_sockarray_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, reuseport_sockarray_sys_update.index);
  setOp(map, OP_SYS_DELETE, reuseport_sockarray_sys_delete.index);
  return objectArrayCreate(map);
}

export function reuseport_sockarray_free(map: u32): void {
  forget(map, 0);
  heap_free(load<u32>(map, M_VALUES));
}

/** The number of the socket at an index, or 0. */
function numberAt(map: u32, key: u32): u32 {
  const entry = objectEntry(map, key);
  return entry == 0 ? 0 : load<u32>(entry);
}

export function reuseport_sockarray_lookup(map: u32, key: u32): u64 {
  return socketPointer(numberAt(map, key));
}

export function reuseport_sockarray_delete(map: u32, key: u32): i64 {
  const number = numberAt(map, key);
  const error = objectDelete(map, key);
  if (error == 0) socketUngrouped(map, number);
  return error;
}

export function reuseport_sockarray_next_key(map: u32, key: u32, next: u32): i32 {
  return arrayNextKey(map, key, next);
}

export function reuseport_sockarray_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return cookieOut(map, numberAt(map, key), out);
}

export function reuseport_sockarray_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  if (flags > <u32>BPF_EXIST) return <i32>EINVAL;
  const entry = objectEntry(map, key);
  if (entry == 0) return <i32>E2BIG;
  const number = load<u32>(value);
  if (!isSocket(number)) return <i32>EBADF;
  const old = load<u32>(entry);
  const error = existsCheck(old, flags);
  if (error != 0) return <i32>error;
  const refused = socketGrouped(map, number);
  if (refused < 0) return <i32>refused;
  if (refused > 0 && holds(map, number)) return <i32>EBUSY;
  if (old != 0) socketUngrouped(map, old);
  store<u32>(entry, number);
  return 0;
}

function holds(map: u32, number: u32): bool {
  const start = load<u32>(map, M_VALUES);
  const count = load<u32>(map, M_MAX_ENTRIES);
  for (let i: u32 = 0; i < count; i++) if (load<u32>(start + (i << 3)) == number) return true;
  return false;
}

export function reuseport_sockarray_sys_delete(map: u32, key: u32): i32 {
  return <i32>reuseport_sockarray_delete(map, key);
}

/** The socket has been closed. */
export function reuseport_sockarray_owner_gone(map: u32, number: u32): void {
  forget(map, number);
}

/** Takes a socket out; number 0: all of them. */
function forget(map: u32, number: u32): void {
  const start = load<u32>(map, M_VALUES);
  const count = load<u32>(map, M_MAX_ENTRIES);
  for (let i: u32 = 0; i < count; i++) {
    const entry = start + (i << 3);
    const there = load<u32>(entry);
    if (there == 0 || (number != 0 && there != number)) continue;
    store<u64>(entry, 0);
    socketUngrouped(map, there);
  }
}
