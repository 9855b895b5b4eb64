import type { MapTypeDef } from '../types.ts';
import { BPF_F_ACCESS_MASK, PCPU_MIN_UNIT_SIZE, U32_MAX } from './_flags.ts';

/** kernel/bpf/arraymap.c: array_map_alloc_check. */
export const percpuArray: MapTypeDef = {
  name: 'percpu_array',
  id: 6,
  runtime: 'percpu_array',
  flags: BPF_F_ACCESS_MASK,
  keySize: 4,
  valueSize: { min: 1, max: PCPU_MIN_UNIT_SIZE },
  maxEntries: { min: 1, max: U32_MAX },
  perCpu: true,
};
