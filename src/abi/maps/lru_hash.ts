import type { MapTypeDef } from '../types.ts';
import {
  BPF_F_ACCESS_MASK,
  BPF_F_NO_COMMON_LRU,
  BPF_F_NO_PREALLOC,
  BPF_F_NUMA_NODE,
  BPF_F_ZERO_SEED,
  U32_MAX,
} from './_flags.ts';

/** kernel/bpf/hashtab.c: htab_map_alloc_check. BPF_F_NO_PREALLOC is known, but ENOTSUPP. */
export const lruHash: MapTypeDef = {
  name: 'lru_hash',
  id: 9,
  runtime: 'lru_hash',
  hashed: true,
  flags:
    BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU | BPF_F_NUMA_NODE | BPF_F_ACCESS_MASK | BPF_F_ZERO_SEED,
  keySize: { min: 1, max: U32_MAX },
  valueSize: { min: 1, max: U32_MAX },
  maxEntries: { min: 1, max: U32_MAX },
};
