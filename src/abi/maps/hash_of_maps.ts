import type { MapTypeDef } from '../types.ts';
import {
  BPF_F_ACCESS_MASK,
  BPF_F_NO_PREALLOC,
  BPF_F_NUMA_NODE,
  BPF_F_ZERO_SEED,
  U32_MAX,
} from './_flags.ts';

/** kernel/bpf/hashtab.c: fd_htab_map_alloc_check. */
export const hashOfMaps: MapTypeDef = {
  name: 'hash_of_maps',
  id: 13,
  runtime: 'hash_of_maps',
  hashed: true,
  flags: BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | BPF_F_ACCESS_MASK | BPF_F_ZERO_SEED,
  keySize: { min: 1, max: U32_MAX },
  valueSize: 4,
  maxEntries: { min: 1, max: U32_MAX },
  valueIs: 'map',
};
