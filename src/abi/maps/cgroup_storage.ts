import type { MapTypeDef } from '../types.ts';
import { BPF_F_ACCESS_MASK, BPF_F_NUMA_NODE, STORAGE_MAX_VALUE_SIZE } from './_flags.ts';

/**
 * kernel/bpf/local_storage.c: cgroup_storage_map_alloc. The key is {u64 cgroup, u32 attach type},
 * or the cgroup alone.
 */
export const cgroupStorage: MapTypeDef = {
  name: 'cgroup_storage',
  id: 19,
  runtime: 'cgroup_storage',
  flags: BPF_F_NUMA_NODE | BPF_F_ACCESS_MASK,
  keySize: { min: 8, max: 16, multipleOf: 8, tooBig: 'EINVAL' },
  valueSize: { min: 1, max: STORAGE_MAX_VALUE_SIZE },
  maxEntries: 0,
  perAttachment: true,
  mayLock: true,
};
