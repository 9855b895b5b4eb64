/**
 * BPF_MAP_TYPE_SOCKHASH (net/core/sock_map.c): sockets by key, hashed without a seed. The value in
 * a node is the socket's number among the owners.
 */
import {
  M_KEY_SIZE,
  OP_DELETE,
  OP_FREE,
  OP_LOOKUP,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
  OP_UPDATE,
} from '../layout';
import { copyKey } from '../core/copy';
import { E2BIG, EINVAL } from '../core/errno';
import {
  H_BUCKETS,
  H_INIT,
  H_MASK,
  H_VALUE,
  countChange,
  existsCheck,
  hashDelete,
  hashNextKey,
  hashRelease,
  plainTableCreate,
  swapExtra,
  takeNode,
} from '../core/hash';
import {
  bucketOf,
  findLink,
  findNode,
  hashOf,
  isNode,
  linkNode,
  lockOf,
  replaceNode,
} from '../core/hash-chains';
import { JHASH_INITVAL } from '../core/jhash';
import { lock, unlock } from '../core/lock';
import { setOp } from '../core/map';
import { cookieOut, socketGiven, socketPointer } from '../core/socket';
import { socketEnters, socketLeft, socketMay, socketNumber } from '../core/socket-map';
import { BPF_EXIST } from '../core/uapi';

const KEY: u32 = 8;

export function sockhash_create(map: u32): i32 {
  setOp(map, OP_LOOKUP, sockhash_lookup.index);
  setOp(map, OP_UPDATE, sockhash_update.index);
  setOp(map, OP_DELETE, sockhash_delete.index);
  setOp(map, OP_NEXT_KEY, sockhash_next_key.index);
  setOp(map, OP_FREE, sockhash_free.index);
  setOp(map, OP_SYS_LOOKUP, sockhash_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, sockhash_sys_update.index);
  setOp(map, OP_SYS_DELETE, sockhash_sys_delete.index);
  const error = plainTableCreate(map, KEY);
  store<u32>(map, JHASH_INITVAL + load<u32>(map, M_KEY_SIZE), H_INIT);
  return error;
}

/** Every socket leaves it. */
export function sockhash_free(map: u32): void {
  eachNode(map, 0);
  hashRelease(map);
}

/** Takes out the nodes of a socket; number 0: all of them. */
function eachNode(map: u32, number: u32): void {
  const value = load<u32>(map, H_VALUE);
  const mask = load<u32>(map, H_MASK);
  for (let bucket: u32 = 0; bucket <= mask; bucket++) {
    let node = load<u32>(load<u32>(map, H_BUCKETS) + (bucket << 2));
    while (isNode(node)) {
      const next = load<u32>(node);
      if (number == 0 || load<u32>(node + value) == number) sockhash_delete(map, node + KEY);
      node = next;
    }
  }
}

/** The number of the socket of a key, or 0. */
export function sockhash_number(map: u32, key: u32): u32 {
  const node = findNode(map, key, KEY);
  return node == 0 ? 0 : load<u32>(node + load<u32>(map, H_VALUE));
}

export function sockhash_lookup(map: u32, key: u32): u64 {
  return socketPointer(sockhash_number(map, key));
}

/** The value is a pointer to a socket. */
export function sockhash_update(map: u32, key: u32, value: u32, flags: u64): i64 {
  const number = socketNumber(value);
  return number < 0 ? number : update(map, key, <u32>number, flags);
}

function update(map: u32, key: u32, number: u32, flags: u64): i64 {
  const refused = socketMay(map, number);
  return refused != 0 ? refused : sockhashPut(map, key, number, flags);
}

/** sock_hash_update_common. */
export function sockhashPut(map: u32, key: u32, number: u32, flags: u64): i64 {
  if (flags > BPF_EXIST) return EINVAL;
  const refused = socketEnters(map, number);
  if (refused != 0) return refused;
  const old = sockhash_number(map, key);
  const hash = hashOf(map, key);
  const word = lockOf(map, hash);
  lock(word);
  const error = put(map, key, number, flags, hash);
  unlock(word);
  if (error != 0) socketLeft(map, number);
  else if (old != 0) socketLeft(map, old);
  return error;
}

function put(map: u32, key: u32, number: u32, flags: u64, hash: u32): i64 {
  const size = load<u32>(map, M_KEY_SIZE);
  const bucket = bucketOf(map, hash);
  const at = findLink(bucket, key, size, hash, KEY);
  const old: u32 = at == 0 ? 0 : load<u32>(at);
  const error = existsCheck(old, flags);
  if (error != 0) return error;
  const node = old != 0 ? swapExtra(map, old) : takeNode(map);
  if (node == 0) return E2BIG;
  copyKey(node + KEY, key, size);
  store<u64>(node + load<u32>(map, H_VALUE), number);
  if (old != 0) {
    replaceNode(bucket, node, hash, at, old);
  } else {
    linkNode(bucket, node, hash);
    countChange(map, 1);
  }
  return 0;
}

export function sockhash_delete(map: u32, key: u32): i64 {
  const number = sockhash_number(map, key);
  const error = hashDelete(map, key, KEY);
  if (error == 0 && number != 0) socketLeft(map, number);
  return error;
}

export function sockhash_next_key(map: u32, key: u32, next: u32): i32 {
  return hashNextKey(map, key, next, KEY);
}

export function sockhash_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  return cookieOut(map, sockhash_number(map, key), out);
}

export function sockhash_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  const number = socketGiven(value);
  return number < 0 ? number : <i32>update(map, key, number, flags);
}

export function sockhash_sys_delete(map: u32, key: u32): i32 {
  return <i32>sockhash_delete(map, key);
}

/** The socket has been closed. */
export function sockhash_owner_gone(map: u32, number: u32): void {
  eachNode(map, number);
}
