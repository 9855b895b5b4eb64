/** BPF_MAP_TYPE_LRU_HASH (kernel/bpf/hashtab.c). */
import {
  M_KEY_SIZE,
  M_VALUE_SIZE,
  OP_DELETE,
  OP_FOR_EACH,
  OP_FREE,
  OP_LOOKUP,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_LOOKUP_AND_DELETE,
  OP_SYS_UPDATE,
  OP_UPDATE,
} from '../layout';
import { copyKey, copyValue, copyValueOut } from '../core/copy';
import { EINVAL, ENOENT, ENOMEM } from '../core/errno';
import { H_VALUE, existsCheck, hashForEach, hashNextKey, nodeRegion } from '../core/hash';
import {
  bucketOf,
  findLink,
  findNode,
  findNode16,
  findNode4,
  findNode8,
  hashOf,
  hashOf16,
  hashOf4,
  hashOf8,
  linkNode,
  lockOf,
  pointerTo,
  replaceNode,
} from '../core/hash-chains';
import { lock, unlock } from '../core/lock';
import { LRU_KEY, lruGive, lruTake, lruTouch } from '../core/lru';
import { lruHashCreate, lruHashDelete, lruHashRelease } from '../core/lru-hash';
import { setOp } from '../core/map';
import { BPF_EXIST } from '../core/uapi';

export function lru_hash_create(map: u32): i32 {
  const error = lruHashCreate(map, load<u32>(map, M_VALUE_SIZE));
  if (error != 0) return error;
  setOp(map, OP_LOOKUP, lru_hash_lookup.index);
  setOp(map, OP_UPDATE, lru_hash_update.index);
  setOp(map, OP_DELETE, lru_hash_delete.index);
  setOp(map, OP_NEXT_KEY, lru_hash_next_key.index);
  setOp(map, OP_FOR_EACH, lru_hash_for_each.index);
  setOp(map, OP_FREE, lru_hash_free.index);
  setOp(map, OP_SYS_LOOKUP, lru_hash_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, lru_hash_sys_update.index);
  setOp(map, OP_SYS_DELETE, lru_hash_sys_delete.index);
  setOp(map, OP_SYS_LOOKUP_AND_DELETE, lru_hash_sys_lookup_and_delete.index);
  return nodeRegion(map);
}

export function lru_hash_free(map: u32): void {
  lruHashRelease(map);
}

export function lru_hash_lookup(map: u32, key: u32): u64 {
  return touched(map, findNode(map, key, LRU_KEY));
}

export function lru_hash_lookup_4(map: u32, key: u32): u64 {
  return touched(map, findNode4(map, key, LRU_KEY));
}

export function lru_hash_lookup_8(map: u32, key: u32): u64 {
  return touched(map, findNode8(map, key, LRU_KEY));
}

export function lru_hash_lookup_16(map: u32, key: u32): u64 {
  return touched(map, findNode16(map, key, LRU_KEY));
}

/** @inline */
function touched(map: u32, node: u32): u64 {
  if (node != 0) lruTouch(node);
  return pointerTo(map, node);
}

/** Takes a node first, which may evict an element, even the one with this key. */
export function lru_hash_update(map: u32, key: u32, value: u32, flags: u64): i64 {
  return update(map, key, load<u32>(map, M_KEY_SIZE), hashOf(map, key), value, flags);
}

export function lru_hash_update_4(map: u32, key: u32, value: u32, flags: u64): i64 {
  return update(map, key, 4, hashOf4(map, key), value, flags);
}

export function lru_hash_update_8(map: u32, key: u32, value: u32, flags: u64): i64 {
  return update(map, key, 8, hashOf8(map, key), value, flags);
}

export function lru_hash_update_16(map: u32, key: u32, value: u32, flags: u64): i64 {
  return update(map, key, 16, hashOf16(map, key), value, flags);
}

/** @inline */
function update(map: u32, key: u32, size: u32, hash: u32, value: u32, flags: u64): i64 {
  if (flags > BPF_EXIST) return EINVAL;
  const node = lruTake(map, hash);
  if (node == 0) return ENOMEM;
  copyKey(node + LRU_KEY, key, size);
  copyValue(map, node + load<u32>(map, H_VALUE), value);
  const word = lockOf(map, hash);
  lock(word);
  const bucket = bucketOf(map, hash);
  const at = findLink(bucket, key, size, hash, LRU_KEY);
  const old: u32 = at == 0 ? 0 : load<u32>(at);
  const error = existsCheck(old, flags);
  if (error == 0) {
    if (old != 0) {
      lruTouch(node);
      replaceNode(bucket, node, hash, at, old);
    } else {
      linkNode(bucket, node, hash);
    }
  }
  unlock(word);
  if (error != 0) lruGive(map, node);
  else if (old != 0) lruGive(map, old);
  return error;
}

// Compiled code does the rest of an update itself (engine/wasm/hash-update.ts).

/** A node for a key with this hash, or 0. */
export function lru_hash_take(map: u32, hash: u32): u32 {
  return lruTake(map, hash);
}

/** Takes a node back that is in no chain. */
export function lru_hash_give(map: u32, node: u32): void {
  lruGive(map, node);
}

export function lru_hash_delete(map: u32, key: u32): i64 {
  return lruHashDelete(map, key);
}

export function lru_hash_next_key(map: u32, key: u32, next: u32): i32 {
  return hashNextKey(map, key, next, LRU_KEY);
}

export function lru_hash_for_each(map: u32, slot: u32, ctx: u64, flags: u64): i64 {
  return hashForEach(map, slot, ctx, flags, LRU_KEY, 0);
}

/** bpf(2) walks must not make elements look used. */
export function lru_hash_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const node = findNode(map, key, LRU_KEY);
  if (node == 0) return <i32>ENOENT;
  copyValueOut(map, out, node + load<u32>(map, H_VALUE));
  return 0;
}

export function lru_hash_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>lru_hash_update(map, key, value, flags);
}

export function lru_hash_sys_delete(map: u32, key: u32): i32 {
  return <i32>lru_hash_delete(map, key);
}

export function lru_hash_sys_lookup_and_delete(map: u32, key: u32, out: u32, flags: u32): i32 {
  const error = lru_hash_sys_lookup(map, key, out, flags);
  return error != 0 ? error : lru_hash_sys_delete(map, key);
}
