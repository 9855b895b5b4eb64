import type { MapTypeDef } from '../types.ts';
import { BPF_F_CLONE, BPF_F_NO_PREALLOC, STORAGE_MAX_VALUE_SIZE } from './_flags.ts';

/** kernel/bpf/bpf_local_storage.c: bpf_local_storage_map_alloc_check. The key names the owner. */
export const inodeStorage: MapTypeDef = {
  name: 'inode_storage',
  id: 28,
  runtime: 'inode_storage',
  flags: BPF_F_NO_PREALLOC | BPF_F_CLONE,
  needsFlags: BPF_F_NO_PREALLOC,
  needsTypes: true,
  keySize: 4,
  valueSize: { min: 1, max: STORAGE_MAX_VALUE_SIZE },
  maxEntries: 0,
  keyIs: 'inode',
  mayLock: true,
};
