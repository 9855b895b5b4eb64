// Made by `npm run build:wasm` from the list of files in this folder. Do not edit.
import type { MapTypeDef } from '../types.ts';
import { arena } from './arena.ts';
import { array } from './array.ts';
import { arrayOfMaps } from './array_of_maps.ts';
import { bloomFilter } from './bloom_filter.ts';
import { cgroupArray } from './cgroup_array.ts';
import { cgroupStorage } from './cgroup_storage.ts';
import { cgrpStorage } from './cgrp_storage.ts';
import { cpumap } from './cpumap.ts';
import { devmap } from './devmap.ts';
import { devmapHash } from './devmap_hash.ts';
import { hash } from './hash.ts';
import { hashOfMaps } from './hash_of_maps.ts';
import { inodeStorage } from './inode_storage.ts';
import { insnArray } from './insn_array.ts';
import { lpmTrie } from './lpm_trie.ts';
import { lruHash } from './lru_hash.ts';
import { lruPercpuHash } from './lru_percpu_hash.ts';
import { percpuArray } from './percpu_array.ts';
import { percpuCgroupStorage } from './percpu_cgroup_storage.ts';
import { percpuHash } from './percpu_hash.ts';
import { perfEventArray } from './perf_event_array.ts';
import { progArray } from './prog_array.ts';
import { queue } from './queue.ts';
import { reuseportSockarray } from './reuseport_sockarray.ts';
import { ringbuf } from './ringbuf.ts';
import { skStorage } from './sk_storage.ts';
import { sockhash } from './sockhash.ts';
import { sockmap } from './sockmap.ts';
import { stack } from './stack.ts';
import { stackTrace } from './stack_trace.ts';
import { staticKey } from './static_key.ts';
import { structOps } from './struct_ops.ts';
import { taskStorage } from './task_storage.ts';
import { userRingbuf } from './user_ringbuf.ts';
import { wildcard } from './wildcard.ts';
import { xskmap } from './xskmap.ts';

/** Every map type with facts in this folder. */
export const mapTypes: readonly MapTypeDef[] = [
  arena,
  array,
  arrayOfMaps,
  bloomFilter,
  cgroupArray,
  cgroupStorage,
  cgrpStorage,
  cpumap,
  devmap,
  devmapHash,
  hash,
  hashOfMaps,
  inodeStorage,
  insnArray,
  lpmTrie,
  lruHash,
  lruPercpuHash,
  percpuArray,
  percpuCgroupStorage,
  percpuHash,
  perfEventArray,
  progArray,
  queue,
  reuseportSockarray,
  ringbuf,
  skStorage,
  sockhash,
  sockmap,
  stack,
  stackTrace,
  staticKey,
  structOps,
  taskStorage,
  userRingbuf,
  wildcard,
  xskmap,
];
