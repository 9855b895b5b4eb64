import type { MapTypeDef } from '../types.ts';
import { BPF_F_MMAPABLE, BPF_F_NO_USER_CONV, BPF_F_SEGV_ON_FAULT } from './_flags.ts';

/**
 * kernel/bpf/arena.c: arena_map_alloc. max_entries is its size in pages, map_extra where user space
 * has it.
 */
export const arena: MapTypeDef = {
  name: 'arena',
  id: 33,
  runtime: 'arena',
  flags: BPF_F_MMAPABLE | BPF_F_SEGV_ON_FAULT | BPF_F_NO_USER_CONV,
  needsFlags: BPF_F_MMAPABLE,
  keySize: 0,
  valueSize: 0,
  maxEntries: { min: 1, max: 1 << 20 },
  extra: true,
  unbounded: true,
};
