import type { MapTypeDef } from '../types.ts';
import { BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_WRONLY } from './_flags.ts';

/**
 * net/core/sock_map.c: sock_hash_alloc. Keys fit on the stack of a program, buckets of 16 bytes in
 * 4 GiB.
 */
export const sockhash: MapTypeDef = {
  name: 'sockhash',
  id: 18,
  runtime: 'sockhash',
  flags: BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY,
  keySize: { min: 1, max: 512 },
  valueSize: { min: 4, max: 8, multipleOf: 4, tooBig: 'EINVAL' },
  maxEntries: { min: 1, max: 0x8000000, tooBig: 'EINVAL' },
  valueIs: 'socket',
  takesPrograms: true,
};
