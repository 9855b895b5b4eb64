/** BPF_MAP_TYPE_LRU_PERCPU_HASH (kernel/bpf/hashtab.c). */
import {
  M_CPU_STRIDE,
  M_KEY_SIZE,
  M_VALUES,
  OP_DELETE,
  OP_FOR_EACH,
  OP_FREE,
  OP_LOOKUP,
  OP_LOOKUP_PERCPU,
  OP_NEXT_KEY,
  OP_SYS_DELETE,
  OP_SYS_LOOKUP,
  OP_SYS_LOOKUP_AND_DELETE,
  OP_SYS_UPDATE,
  OP_UPDATE,
} from '../layout';
import { copyBytes } from '../core/copy';
import { EINVAL, ENOENT, ENOMEM } from '../core/errno';
import {
  existsCheck,
  hashForEach,
  hashNextKey,
  percpuHome,
  percpuValues,
  valueAt,
} from '../core/hash';
import { bucketOf, findLocked, findNode, hashOf, linkNode, lockOf } from '../core/hash-chains';
import { lock, unlock } from '../core/lock';
import { LRU_HOME, LRU_KEY, lruGive, lruTake, lruTouch } from '../core/lru';
import { lruHashCreate, lruHashDelete, lruHashRelease } from '../core/lru-hash';
import { cpuCount, setOp, valuePointer } from '../core/map';
import { heap_free } from '../core/memory';
import { percpuCopyIn, percpuCopyOut, percpuInit, percpuSet } from '../core/percpu';
import { BPF_EXIST } from '../core/uapi';

export function lru_percpu_hash_create(map: u32): i32 {
  const error = lruHashCreate(map, 0);
  if (error != 0) return error;
  setOp(map, OP_LOOKUP, lru_percpu_hash_lookup.index);
  setOp(map, OP_LOOKUP_PERCPU, lru_percpu_hash_lookup_percpu.index);
  setOp(map, OP_UPDATE, lru_percpu_hash_update.index);
  setOp(map, OP_DELETE, lru_percpu_hash_delete.index);
  setOp(map, OP_NEXT_KEY, lru_percpu_hash_next_key.index);
  setOp(map, OP_FOR_EACH, lru_percpu_hash_for_each.index);
  setOp(map, OP_FREE, lru_percpu_hash_free.index);
  setOp(map, OP_SYS_LOOKUP, lru_percpu_hash_sys_lookup.index);
  setOp(map, OP_SYS_UPDATE, lru_percpu_hash_sys_update.index);
  setOp(map, OP_SYS_DELETE, lru_percpu_hash_sys_delete.index);
  setOp(map, OP_SYS_LOOKUP_AND_DELETE, lru_percpu_hash_sys_lookup_and_delete.index);
  return percpuValues(map);
}

export function lru_percpu_hash_free(map: u32): void {
  lruHashRelease(map);
  heap_free(load<u32>(map, M_VALUES));
}

export function lru_percpu_hash_lookup(map: u32, key: u32): u64 {
  const node = findNode(map, key, LRU_KEY);
  if (node == 0) return 0;
  lruTouch(node);
  return valuePointer(map, valueAt(map, node, LRU_HOME));
}

export function lru_percpu_hash_lookup_percpu(map: u32, key: u32, cpu: u32): u64 {
  if (cpu >= cpuCount()) return 0;
  const node = findNode(map, key, LRU_KEY);
  if (node == 0) return 0;
  lruTouch(node);
  return valuePointer(map, load<u32>(node + LRU_HOME) + cpu * load<u32>(map, M_CPU_STRIDE));
}

/** Unless the element must exist, takes a node first, which may evict (then gives it back). */
function update(map: u32, key: u32, value: u32, flags: u64, all: bool): i64 {
  if (flags > BPF_EXIST) return EINVAL;
  const hash = hashOf(map, key);
  let node: u32 = 0;
  if (flags != BPF_EXIST) {
    node = lruTake(map, hash);
    if (node == 0) return ENOMEM;
  }
  const word = lockOf(map, hash);
  lock(word);
  const old = findLocked(map, key, hash, LRU_KEY);
  const error = existsCheck(old, flags);
  const insert = error == 0 && old == 0;
  if (insert) {
    fill(map, node, key, value, all);
    linkNode(bucketOf(map, hash), node, hash);
  } else if (error == 0) {
    lruTouch(old);
    if (all) percpuCopyIn(map, load<u32>(old + LRU_HOME), value);
    else percpuSet(map, load<u32>(old + LRU_HOME), value);
  }
  unlock(word);
  if (!insert && node != 0) lruGive(map, node);
  return error;
}

function fill(map: u32, node: u32, key: u32, value: u32, all: bool): void {
  const home = percpuHome(map, node);
  store<u32>(node + LRU_HOME, home);
  copyBytes(node + LRU_KEY, key, load<u32>(map, M_KEY_SIZE));
  if (all) percpuCopyIn(map, home, value);
  else percpuInit(map, home, value);
}

export function lru_percpu_hash_update(map: u32, key: u32, value: u32, flags: u64): i64 {
  return update(map, key, value, flags, false);
}

export function lru_percpu_hash_delete(map: u32, key: u32): i64 {
  return lruHashDelete(map, key);
}

export function lru_percpu_hash_next_key(map: u32, key: u32, next: u32): i32 {
  return hashNextKey(map, key, next, LRU_KEY);
}

export function lru_percpu_hash_for_each(map: u32, slot: u32, ctx: u64, flags: u64): i64 {
  return hashForEach(map, slot, ctx, flags, LRU_KEY, LRU_HOME);
}

export function lru_percpu_hash_sys_lookup(map: u32, key: u32, out: u32, flags: u32): i32 {
  const node = findNode(map, key, LRU_KEY);
  if (node == 0) return <i32>ENOENT;
  percpuCopyOut(map, load<u32>(node + LRU_HOME), out);
  return 0;
}

export function lru_percpu_hash_sys_update(map: u32, key: u32, value: u32, flags: u32): i32 {
  return <i32>update(map, key, value, flags, true);
}

export function lru_percpu_hash_sys_delete(map: u32, key: u32): i32 {
  return <i32>lru_percpu_hash_delete(map, key);
}

export function lru_percpu_hash_sys_lookup_and_delete(
  map: u32,
  key: u32,
  out: u32,
  flags: u32,
): i32 {
  const error = lru_percpu_hash_sys_lookup(map, key, out, flags);
  return error != 0 ? error : lru_percpu_hash_sys_delete(map, key);
}
