/** What lru_hash and lru_percpu_hash share: a hash table whose nodes an LRU hands out. */
import { M_FLAGS, M_MAX_ENTRIES } from '../layout';
import { EINVAL, ENOENT, ENOMEM, ENOTSUPP } from './errno';
import { H_LRU, hashCreate, hashRelease } from './hash';
import { findLocked, hashOf, lockOf, unlinkNode } from './hash-chains';
import { lock, unlock } from './lock';
import { LRU_KEY, lruCreate, lruGive } from './lru';
import { cpuCount } from './map';
import { heap_free } from './memory';
import { BPF_F_NO_COMMON_LRU, BPF_F_NO_PREALLOC, BPF_F_NUMA_NODE } from './uapi';

export function lruHashCreate(map: u32, inNode: u32): i32 {
  const flags = load<u32>(map, M_FLAGS);
  if (flags & BPF_F_NO_PREALLOC) return <i32>ENOTSUPP;
  if (flags & BPF_F_NO_COMMON_LRU) {
    if (flags & BPF_F_NUMA_NODE) return <i32>EINVAL;
    roundEntries(map);
  }
  const error = hashCreate(map, LRU_KEY, inNode, 0);
  if (error != 0) return error;
  if (lruCreate(map)) return 0;
  hashRelease(map);
  return <i32>ENOMEM;
}

/** Per-CPU lists get the same number of elements each, at least one. */
function roundEntries(map: u32): void {
  const cpus = cpuCount();
  const entries = load<u32>(map, M_MAX_ENTRIES);
  let rounded = <u32>((<u64>entries + cpus - 1) / cpus) * cpus;
  if (rounded < entries) rounded = (entries / cpus) * cpus;
  store<u32>(map, rounded, M_MAX_ENTRIES);
}

export function lruHashRelease(map: u32): void {
  hashRelease(map);
  heap_free(load<u32>(map, H_LRU));
}

export function lruHashDelete(map: u32, key: u32): i64 {
  const hash = hashOf(map, key);
  const word = lockOf(map, hash);
  lock(word);
  const node = findLocked(map, key, hash, LRU_KEY);
  if (node != 0) unlinkNode(map, node, hash);
  unlock(word);
  if (node == 0) return ENOENT;
  lruGive(map, node);
  return 0;
}
