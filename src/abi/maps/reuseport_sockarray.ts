import type { MapTypeDef } from '../types.ts';
import { BPF_F_ACCESS_MASK, BPF_F_NUMA_NODE, U32_MAX } from './_flags.ts';

/** kernel/bpf/reuseport_array.c: reuseport_array_alloc_check. */
export const reuseportSockarray: MapTypeDef = {
  name: 'reuseport_sockarray',
  id: 20,
  runtime: 'reuseport_sockarray',
  flags: BPF_F_NUMA_NODE | BPF_F_ACCESS_MASK,
  keySize: 4,
  valueSize: { min: 4, max: 8, multipleOf: 4, tooBig: 'EINVAL' },
  maxEntries: { min: 1, max: U32_MAX },
  valueIs: 'socket',
};
