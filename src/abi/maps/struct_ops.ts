import type { MapTypeDef } from '../types.ts';
import { BPF_F_LINK, BPF_F_VTYPE_BTF_OBJ_FD, INT_MAX } from './_flags.ts';

/**
 * kernel/bpf/bpf_struct_ops.c: bpf_struct_ops_map_alloc_check. The value is a struct of the kernel.
 */
export const structOps: MapTypeDef = {
  name: 'struct_ops',
  id: 26,
  runtime: 'struct_ops',
  flags: BPF_F_LINK | BPF_F_VTYPE_BTF_OBJ_FD,
  needsKernelType: true,
  keySize: 4,
  valueSize: { min: 0, max: INT_MAX },
  maxEntries: { min: 1, max: 1, tooBig: 'EINVAL' },
  neverFrozen: true,
};
