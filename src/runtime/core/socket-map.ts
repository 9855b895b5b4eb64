/**
 * What sockmap and sockhash have in common (net/core/sock_map.c): the machine is asked before a
 * socket comes into one and told when it has left, and redirects leave a socket's number for it.
 */
import {
  GLOBALS,
  G_SOCKET_MAPS,
  OWNER_ID,
  OWNER_OBJECT,
  OWNER_SOCKET,
  SOCKET_ENTERS,
  SOCKET_GROUPED,
  SOCKET_LEFT,
  SOCKET_MAY,
  SOCKET_NUMBER,
  SOCKET_PROTOCOL,
  SOCKET_STATE,
  SOCKET_UNGROUPED,
} from '../layout';
import { EINVAL } from './errno';
import { ownerByNumber, ownerByObject } from './owner';

const TCP_ESTABLISHED: u32 = 1;
const TCP_LISTEN: u32 = 10;
const IPPROTO_TCP: u32 = 6;

/** Asks the machine (SOCKET_*); a runtime without one lets everything happen. */
function ask(question: u32, map: u32, number: u32): i64 {
  const slot = load<u32>(GLOBALS, G_SOCKET_MAPS);
  if (slot == 0) return 0;
  return call_indirect<i64>(slot, <u64>question, <u64>map, <u64>number);
}

/** Whether a socket may be in such a map at all: 0 or a negative errno. */
export function socketMay(map: u32, number: u32): i64 {
  return ask(SOCKET_MAY, map, number);
}

/** It comes in: 0 or a negative errno. */
export function socketEnters(map: u32, number: u32): i64 {
  return ask(SOCKET_ENTERS, map, number);
}

/** One of its entries is no more. */
export function socketLeft(map: u32, number: u32): void {
  ask(SOCKET_LEFT, map, number);
}

/** It comes into an array of its group: 0, a negative errno, or 1: nobody knows it. */
export function socketGrouped(map: u32, number: u32): i64 {
  return load<u32>(GLOBALS, G_SOCKET_MAPS) == 0 ? 1 : ask(SOCKET_GROUPED, map, number);
}

export function socketUngrouped(map: u32, number: u32): void {
  ask(SOCKET_UNGROUPED, map, number);
}

/** The number of the socket that a program's pointer means, or a negative errno. */
export function socketNumber(pointer: u32): i64 {
  const owner = ownerByObject(pointer, OWNER_SOCKET);
  if (owner != 0) return load<u32>(owner, OWNER_ID);
  const number = ask(SOCKET_NUMBER, 0, pointer);
  return number > 0 ? number : EINVAL;
}

/** The record of a socket that packets may be redirected to, or 0 (sock_map_redirect_allowed). */
export function redirectTarget(number: u32): u32 {
  const owner = ownerByNumber(number, OWNER_SOCKET);
  if (owner == 0) return 0;
  const record = load<u32>(owner, OWNER_OBJECT);
  const state = load<u32>(record, SOCKET_STATE);
  const allowed = isTcp(record) ? state != TCP_LISTEN : state == TCP_ESTABLISHED;
  return allowed ? record : 0;
}

/** @inline */
export function isTcp(record: u32): bool {
  return load<u32>(record, SOCKET_PROTOCOL) == IPPROTO_TCP;
}
