/**
 * BPF_MAP_TYPE_DEVMAP_HASH (kernel/bpf/devmap.c): {u32 ifindex, u32 program} by any number. The
 * bucket is the number's low bits, so keys come in another order than in a hash map.
 */
import {
  M_FLAGS,
  M_VALUE_SIZE,
  OP_DELETE,
  OP_FREE,
  OP_LOOKUP,
  OP_NEXT_KEY,
  OP_REDIRECT,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_UPDATE,
} from '../layout';
import { copyBytes } from '../core/copy';
import { E2BIG, EEXIST, EINVAL, ENOENT, ENOMEM } from '../core/errno';
import {
  H_VALUE,
  countChange,
  giveNode,
  hashRelease,
  nextKeyFrom,
  plainTableCreate,
  swapExtra,
  takeNode,
} from '../core/hash';
import {
  bucketOf,
  findLocked,
  isNode,
  linkNode,
  lockOf,
  pointerTo,
  unlinkNode,
} from '../core/hash-chains';
import { loadLink, lock, unlock } from '../core/lock';
import { setOp } from '../core/map';
import { BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS, redirectTo } from '../core/redirect';
import { isBadTarget } from '../core/target-array';
import { BPF_EXIST, BPF_F_RDONLY_PROG, BPF_NOEXIST } from '../core/uapi';

const KEY: u32 = 8;

export function devmap_hash_create(map: u32): i32 {
  store<u32>(map, load<u32>(map, M_FLAGS) | BPF_F_RDONLY_PROG, M_FLAGS);
  setOp(map, OP_LOOKUP, devmap_hash_lookup.index);
  setOp(map, OP_DELETE, devmap_hash_delete.index);
  setOp(map, OP_NEXT_KEY, devmap_hash_next_key.index);
  setOp(map, OP_REDIRECT, devmap_hash_redirect.index);
  setOp(map, OP_FREE, devmap_hash_free.index);
  setOp(map, OP_SYS_LOOKUP, devmap_hash_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, devmap_hash_sys_update.index);
  setOp(map, OP_SYS_DELETE, devmap_hash_sys_delete.index);
  const error = plainTableCreate(map, KEY);
  // Here Linux has no limit but its memory.
  return error == E2BIG ? <i32>ENOMEM : error;
}

export function devmap_hash_free(map: u32): void {
  hashRelease(map);
}

function find(map: u32, key: u32): u32 {
  return findLocked(map, key, load<u32>(key), KEY);
}

export function devmap_hash_lookup(map: u32, key: u32): u64 {
  return pointerTo(map, find(map, key));
}

export function devmap_hash_delete(map: u32, key: u32): i64 {
  const index = load<u32>(key);
  const word = lockOf(map, index);
  lock(word);
  const node = find(map, key);
  if (node != 0) unlinkNode(map, node, index);
  unlock(word);
  if (node == 0) return ENOENT;
  giveNode(map, node);
  countChange(map, -1);
  return 0;
}

export function devmap_hash_next_key(map: u32, key: u32, next: u32): i32 {
  return nextKeyFrom(map, key, key == 0 ? 0 : load<u32>(key), next, KEY);
}

export function devmap_hash_redirect(map: u32, index: u64, flags: u64): i64 {
  const found = findIndex(map, <u32>index) != 0;
  return redirectTo(map, index, flags, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS, found);
}

/** Node of an index that is not in memory: compares through the node's own key. */
function findIndex(map: u32, index: u32): u32 {
  let node = loadLink(bucketOf(map, index));
  while (isNode(node) && load<u32>(node + KEY) != index) node = loadLink(node);
  return isNode(node) ? node : 0;
}

export function devmap_hash_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const node = find(map, key);
  if (node == 0) return <i32>ENOENT;
  copyBytes(out, node + load<u32>(map, H_VALUE), load<u32>(map, M_VALUE_SIZE));
  return 0;
}

export function devmap_hash_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  if (flags > <u32>BPF_EXIST || load<u32>(value) == 0) return <i32>EINVAL;
  const index = load<u32>(key);
  const word = lockOf(map, index);
  lock(word);
  const error = put(map, key, value, flags);
  unlock(word);
  return error;
}

function put(map: u32, key: u32, value: u32, flags: u32): i32 {
  const old = find(map, key);
  if (old != 0 && flags == <u32>BPF_NOEXIST) return <i32>EEXIST;
  // No device has such a number: the host says so.
  if (load<i32>(value) < 0) return <i32>EINVAL;
  if (isBadTarget(value, load<u32>(map, M_VALUE_SIZE))) return <i32>EINVAL;
  const node = old != 0 ? swapExtra(map, old) : takeNode(map);
  if (node == 0) return <i32>E2BIG;
  store<u32>(node + KEY, load<u32>(key));
  copyBytes(node + load<u32>(map, H_VALUE), value, load<u32>(map, M_VALUE_SIZE));
  linkNode(bucketOf(map, load<u32>(key)), node, load<u32>(key));
  if (old != 0) unlinkNode(map, old, load<u32>(key));
  else countChange(map, 1);
  return 0;
}

export function devmap_hash_sys_delete(map: u32, key: u32): i32 {
  return <i32>devmap_hash_delete(map, key);
}
