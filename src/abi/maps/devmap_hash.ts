import type { MapTypeDef } from '../types.ts';
import { BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_WRONLY } from './_flags.ts';

/** kernel/bpf/devmap.c: dev_map_alloc_check. The value is an ifindex, or ifindex and program fd. */
export const devmapHash: MapTypeDef = {
  name: 'devmap_hash',
  id: 25,
  runtime: 'devmap_hash',
  flags: BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY,
  keySize: 4,
  valueSize: { min: 4, max: 8, multipleOf: 4, tooBig: 'EINVAL' },
  maxEntries: { min: 1, max: 0x80000000, tooBig: 'EINVAL' },
  namesDevice: true,
  programFor: 'xdp_devmap',
};
