import type { MapTypeDef } from '../types.ts';
import {
  BPF_F_ACCESS_MASK,
  BPF_F_NO_PREALLOC,
  BPF_F_NUMA_NODE,
  BPF_F_ZERO_SEED,
  U32_MAX,
} from './_flags.ts';

/** kernel/bpf/hashtab.c: htab_map_alloc_check. */
export const hash: MapTypeDef = {
  name: 'hash',
  id: 1,
  runtime: 'hash',
  hashed: true,
  flags: BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | BPF_F_ACCESS_MASK | BPF_F_ZERO_SEED,
  keySize: { min: 1, max: U32_MAX },
  valueSize: { min: 1, max: U32_MAX },
  maxEntries: { min: 1, max: U32_MAX },
  mayLock: true,
};
