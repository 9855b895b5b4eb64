import type { MapTypeDef } from '../types.ts';
import { BPF_F_ACCESS_MASK, BPF_F_NUMA_NODE, KMALLOC_MAX_SIZE, U32_MAX } from './_flags.ts';

/** kernel/bpf/queue_stack_maps.c: queue_stack_map_alloc_check. */
export const stack: MapTypeDef = {
  name: 'stack',
  id: 23,
  runtime: 'stack',
  flags: BPF_F_NUMA_NODE | BPF_F_ACCESS_MASK,
  keySize: 0,
  valueSize: { min: 1, max: KMALLOC_MAX_SIZE },
  maxEntries: { min: 1, max: U32_MAX },
};
