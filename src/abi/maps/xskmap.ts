import type { MapTypeDef } from '../types.ts';
import { BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_WRONLY, U32_MAX } from './_flags.ts';

/** net/xdp/xskmap.c: xsk_map_alloc. */
export const xskmap: MapTypeDef = {
  name: 'xskmap',
  id: 17,
  runtime: 'xskmap',
  flags: BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY,
  keySize: 4,
  valueSize: 4,
  maxEntries: { min: 1, max: U32_MAX },
  valueIs: 'xsk',
};
