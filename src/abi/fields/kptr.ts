import type { BtfType } from '../../btf/index.ts';
import { kptrDestructor } from '../calls/kfunc-sets.ts';
import { findKernelType } from '../modules.ts';
import type { KernelProfile } from '../profile.ts';
import { FieldError, type KptrTarget } from './parse.ts';
import { BPF_KPTR_REF } from './types.ts';

/**
 * What a kptr points to: by name in the kernel's BTF, else in the program's. The kernel must
 * know how to release what a referenced one holds (btf_parse_kptr).
 */
export function kptrResolver(profile: KernelProfile) {
  return (struct: BtfType, type: number): KptrTarget => {
    const found = findKernelType(profile, 'struct', struct.name);
    if (!found) return { kernel: false, id: struct.id };
    const { module, id } = found;
    const destructors = module?.destructors ?? {};
    const destructor = module
      ? destructors[struct.name]
      : kptrDestructor(struct.name, profile.tables);
    if (type === BPF_KPTR_REF && !destructor) throw new FieldError('ENOENT');
    return {
      kernel: true,
      id,
      ...(module && { module: module.btf() }),
      ...(destructor !== undefined && { destructor }),
    };
  };
}

/** A kptr where no kernel is known: all are to types of the program. */
export function localKptr(struct: BtfType): KptrTarget {
  return { kernel: false, id: struct.id };
}
