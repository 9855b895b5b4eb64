/** BPF_MAP_TYPE_HASH (kernel/bpf/hashtab.c). */
import {
  HASH_KEY,
  M_FIELDS,
  M_KEY_SIZE,
  M_SPIN_LOCK,
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
import { copyKey, copyLocked, copyValue, copyValueOut } from '../core/copy';
import { EINVAL, ENOENT, ENOMEM } from '../core/errno';
import {
  H_POOL,
  H_VALUE,
  countChange,
  existsCheck,
  hashDelete,
  hashDeleteSized,
  hashForEach,
  hashNextKey,
  hashRelease,
  noNode,
  plainTableCreate,
  replaced,
  swapExtra,
  takeNode,
} from '../core/hash';
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
import { setOp } from '../core/map';
import { BPF_EXIST, BPF_F_LOCK } from '../core/uapi';

const KEY: u32 = HASH_KEY;

export function hash_create(map: u32): i32 {
  setOp(map, OP_LOOKUP, hash_lookup.index);
  setOp(map, OP_UPDATE, hash_update.index);
  setOp(map, OP_DELETE, hash_delete.index);
  setOp(map, OP_NEXT_KEY, hash_next_key.index);
  setOp(map, OP_FOR_EACH, hash_for_each.index);
  setOp(map, OP_FREE, hash_free.index);
  setOp(map, OP_SYS_LOOKUP, hash_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, hash_sys_update.index);
  setOp(map, OP_SYS_DELETE, hash_sys_delete.index);
  setOp(map, OP_SYS_LOOKUP_AND_DELETE, hash_sys_lookup_and_delete.index);
  return plainTableCreate(map, KEY);
}

export function hash_free(map: u32): void {
  hashRelease(map);
}

export function hash_lookup(map: u32, key: u32): u64 {
  return pointerTo(map, findNode(map, key, KEY));
}

export function hash_lookup_4(map: u32, key: u32): u64 {
  return pointerTo(map, findNode4(map, key, KEY));
}

export function hash_lookup_8(map: u32, key: u32): u64 {
  return pointerTo(map, findNode8(map, key, KEY));
}

export function hash_lookup_16(map: u32, key: u32): u64 {
  return pointerTo(map, findNode16(map, key, KEY));
}

/**
 * An update of a key that is there fills a spare node and puts it at the head of the chain, as
 * Linux does: readers see the old or the new value, never half of each, and the order of keys
 * changes. Only BPF_F_LOCK writes in place.
 */
export function hash_update(map: u32, key: u32, value: u32, flags: u64): i64 {
  return update(map, key, load<u32>(map, M_KEY_SIZE), hashOf(map, key), value, flags);
}

export function hash_update_4(map: u32, key: u32, value: u32, flags: u64): i64 {
  return update(map, key, 4, hashOf4(map, key), value, flags);
}

export function hash_update_16(map: u32, key: u32, value: u32, flags: u64): i64 {
  return update(map, key, 16, hashOf16(map, key), value, flags);
}

export function hash_update_8(map: u32, key: u32, value: u32, flags: u64): i64 {
  return update(map, key, 8, hashOf8(map, key), value, flags);
}

/** @inline */
function update(map: u32, key: u32, size: u32, hash: u32, value: u32, flags: u64): i64 {
  if (flags != 0) {
    if ((flags & ~BPF_F_LOCK) > BPF_EXIST) return EINVAL;
    if (flags & BPF_F_LOCK && load<u32>(map, M_SPIN_LOCK) == 0) return EINVAL;
  }
  const word = lockOf(map, hash);
  lock(word);
  const error = put(map, key, size, value, flags, hash);
  unlock(word);
  return error;
}

/** @inline */
function put(map: u32, key: u32, size: u32, value: u32, flags: u64, hash: u32): i64 {
  const bucket = bucketOf(map, hash);
  const at = findLink(bucket, key, size, hash, KEY);
  const old: u32 = at == 0 ? 0 : load<u32>(at);
  if (flags != 0) {
    const error = existsCheck(old, flags & ~BPF_F_LOCK);
    if (error != 0) return error;
    if (old != 0 && flags & BPF_F_LOCK) {
      copyLocked(map, old + load<u32>(map, H_VALUE), value);
      return 0;
    }
  }
  const node = old != 0 ? swapExtra(map, old) : takeNode(map);
  if (node == 0) return old != 0 ? ENOMEM : noNode(map);
  copyKey(node + KEY, key, size);
  copyValue(map, node + load<u32>(map, H_VALUE), value);
  if (old != 0) {
    replaceNode(bucket, node, hash, at, old);
    if (load<u32>(map, M_FIELDS) != 0 || load<u32>(map, H_POOL) != 0) replaced(map, old);
  } else {
    linkNode(bucket, node, hash);
    countChange(map, 1);
  }
  return 0;
}

export function hash_delete(map: u32, key: u32): i64 {
  return hashDelete(map, key, KEY);
}

export function hash_delete_4(map: u32, key: u32): i64 {
  return hashDeleteSized(map, key, 4, hashOf4(map, key), KEY);
}

export function hash_delete_16(map: u32, key: u32): i64 {
  return hashDeleteSized(map, key, 16, hashOf16(map, key), KEY);
}

export function hash_delete_8(map: u32, key: u32): i64 {
  return hashDeleteSized(map, key, 8, hashOf8(map, key), KEY);
}

export function hash_next_key(map: u32, key: u32, next: u32): i32 {
  return hashNextKey(map, key, next, KEY);
}

export function hash_for_each(map: u32, slot: u32, ctx: u64, flags: u64): i64 {
  return hashForEach(map, slot, ctx, flags, KEY, 0);
}

export function hash_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const node = findNode(map, key, KEY);
  if (node == 0) return <i32>ENOENT;
  copyValueOut(map, out, node + load<u32>(map, H_VALUE));
  return 0;
}

export function hash_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>hash_update(map, key, value, flags);
}

export function hash_sys_delete(map: u32, key: u32): i32 {
  return <i32>hash_delete(map, key);
}

export function hash_sys_lookup_and_delete(map: u32, key: u32, out: u32, flags: u32): i32 {
  const error = hash_sys_lookup(map, key, out, flags);
  return error != 0 ? error : hash_sys_delete(map, key);
}
