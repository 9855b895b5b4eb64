import type { MapTypeDef } from '../types.ts';
import { BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_WRONLY, U32_MAX } from './_flags.ts';

/** kernel/bpf/devmap.c: dev_map_alloc_check. The value is an ifindex, or ifindex and program fd. */
export const devmap: MapTypeDef = {
  name: 'devmap',
  id: 14,
  runtime: 'devmap',
  flags: BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY,
  keySize: 4,
  valueSize: { min: 4, max: 8, multipleOf: 4, tooBig: 'EINVAL' },
  maxEntries: { min: 1, max: U32_MAX },
  namesDevice: true,
  programFor: 'xdp_devmap',
};
