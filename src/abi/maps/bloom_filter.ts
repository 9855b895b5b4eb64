import type { MapTypeDef } from '../types.ts';
import {
  BPF_F_ACCESS_MASK,
  BPF_F_NUMA_NODE,
  BPF_F_ZERO_SEED,
  KMALLOC_MAX_SIZE,
  U32_MAX,
} from './_flags.ts';

/** kernel/bpf/bloom_filter.c: bloom_map_alloc. map_extra is the number of hash functions. */
export const bloomFilter: MapTypeDef = {
  name: 'bloom_filter',
  id: 30,
  runtime: 'bloom_filter',
  flags: BPF_F_NUMA_NODE | BPF_F_ZERO_SEED | BPF_F_ACCESS_MASK,
  keySize: 0,
  valueSize: { min: 1, max: KMALLOC_MAX_SIZE },
  maxEntries: { min: 1, max: U32_MAX },
  extra: true,
};
