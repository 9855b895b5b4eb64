import type { MapTypeDef } from '../types.ts';
import { BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_WRONLY, INT_MAX } from './_flags.ts';

/** net/core/sock_map.c: sock_map_alloc. A value of 8 bytes reads as the socket's cookie. */
export const sockmap: MapTypeDef = {
  name: 'sockmap',
  id: 15,
  runtime: 'sockmap',
  flags: BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY,
  keySize: 4,
  valueSize: { min: 4, max: 8, multipleOf: 4, tooBig: 'EINVAL' },
  maxEntries: { min: 1, max: INT_MAX, tooBig: 'EINVAL' },
  valueIs: 'socket',
  takesPrograms: true,
};
