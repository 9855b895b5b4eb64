import type { MapTypeDef } from '../types.ts';
import {
  BPF_F_ACCESS_MASK,
  BPF_F_NO_PREALLOC,
  BPF_F_ZERO_SEED,
  PCPU_MIN_UNIT_SIZE,
  U32_MAX,
} from './_flags.ts';

/** kernel/bpf/hashtab.c: htab_map_alloc_check. */
export const percpuHash: MapTypeDef = {
  name: 'percpu_hash',
  id: 5,
  runtime: 'percpu_hash',
  hashed: true,
  flags: BPF_F_NO_PREALLOC | BPF_F_ACCESS_MASK | BPF_F_ZERO_SEED,
  keySize: { min: 1, max: U32_MAX },
  valueSize: { min: 1, max: PCPU_MIN_UNIT_SIZE },
  maxEntries: { min: 1, max: U32_MAX },
  perCpu: true,
};
