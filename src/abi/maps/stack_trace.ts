import type { MapTypeDef } from '../types.ts';
import { BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_STACK_BUILD_ID, BPF_F_WRONLY } from './_flags.ts';

/**
 * kernel/bpf/stackmap.c: stack_map_alloc. A value is up to perf_event_max_stack (127) addresses, or
 * build ids of 32 bytes with BPF_F_STACK_BUILD_ID.
 */
export const stackTrace: MapTypeDef = {
  name: 'stack_trace',
  id: 7,
  runtime: 'stack_trace',
  flags: BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_STACK_BUILD_ID,
  keySize: 4,
  valueSize: { min: 8, max: 127 * 32, multipleOf: 8, tooBig: 'EINVAL' },
  maxEntries: { min: 1, max: 0x80000000 },
};
