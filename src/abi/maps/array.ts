import type { MapTypeDef } from '../types.ts';
import {
  BPF_F_ACCESS_MASK,
  BPF_F_INNER_MAP,
  BPF_F_MMAPABLE,
  BPF_F_NUMA_NODE,
  INT_MAX,
  U32_MAX,
} from './_flags.ts';

/** kernel/bpf/arraymap.c: array_map_alloc_check. */
export const array: MapTypeDef = {
  name: 'array',
  id: 2,
  runtime: 'array',
  flags: BPF_F_NUMA_NODE | BPF_F_MMAPABLE | BPF_F_ACCESS_MASK | BPF_F_INNER_MAP,
  keySize: 4,
  valueSize: { min: 1, max: INT_MAX },
  maxEntries: { min: 1, max: U32_MAX },
  mayLock: true,
};
