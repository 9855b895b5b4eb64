/**
 * Maps of sockets: bpf(2) names a socket by its number among the owners and reads it as its cookie,
 * a program gets a pointer to it.
 */
import {
  CPU_REGIONS,
  M_VALUE_SIZE,
  OWNER_OBJECT,
  OWNER_SOCKET,
  REGION_OBJECT,
  REGION_SIZE,
  R_END,
  R_START,
  SOCKET_SIZE,
} from '../layout';
import { EBADF, EINVAL, ENOENT, ENOSPC } from './errno';
import { cpu_block } from './instance';
import { ownerByNumber } from './owner';
import { tagged } from './regions';

/** Whether there is a socket with that number. */
export function isSocket(number: u32): bool {
  return ownerByNumber(number, OWNER_SOCKET) != 0;
}

/** The socket that bpf(2) gives as a value: its number, or a negative errno. */
export function socketGiven(value: u32): i32 {
  const number = load<i32>(value);
  if (number < 0) return <i32>EINVAL;
  return isSocket(number) ? number : <i32>EBADF;
}

/** What a program gets for a socket: a pointer to its record, or 0. */
export function socketPointer(number: u32): u64 {
  const owner = ownerByNumber(number, OWNER_SOCKET);
  if (owner == 0) return 0;
  const object = load<u32>(owner, OWNER_OBJECT);
  const record = cpu_block + CPU_REGIONS + REGION_OBJECT * REGION_SIZE;
  store<u32>(record, object, R_START);
  store<u32>(record, object + SOCKET_SIZE, R_END);
  return tagged(REGION_OBJECT, object);
}

/** bpf(2) reads the cookie, if values have room for one. `number` 0: there is no socket. */
export function cookieOut(map: u32, number: u32, out: u32): i32 {
  if (load<u32>(map, M_VALUE_SIZE) != 8) return <i32>ENOSPC;
  if (number == 0) return <i32>ENOENT;
  store<u64>(out, number);
  return 0;
}
