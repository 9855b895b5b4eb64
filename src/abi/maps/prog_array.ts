import type { MapTypeDef } from '../types.ts';
import { BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_WRONLY, U32_MAX } from './_flags.ts';

/** kernel/bpf/arraymap.c: fd_array_map_alloc_check. */
export const progArray: MapTypeDef = {
  name: 'prog_array',
  id: 3,
  runtime: 'prog_array',
  flags: BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY,
  keySize: 4,
  valueSize: 4,
  maxEntries: { min: 1, max: U32_MAX },
  valueIs: 'program',
  tailCalls: true,
};
