/** __uptr: pointers from values of task storage to a page of the user (Linux 6.13). */
import type { KernelGates } from '../gates.ts';
import { KPTR_TAGS, type KptrTags, OLDER_KPTR_TAGS, UPTR_TAGS } from './parse.ts';
import { BPF_UPTR, type FieldRecord, MAP_FIELDS } from './types.ts';

/** A page of the user is pinned whole, and no more than one. */
export const USER_PAGE = 4096;

/** What map values may have on a kernel that knows owned objects. */
export const mapFieldsOf = (gates: KernelGates | undefined): number =>
  gates === undefined || gates.uptrs ? MAP_FIELDS | BPF_UPTR : MAP_FIELDS;

/** The tags of pointers that a kernel knows; undefined: no kernel's rules hold. */
export function pointerTagsOf(gates: KernelGates | undefined): KptrTags {
  if (gates === undefined || gates.uptrs) return UPTR_TAGS;
  return gates.referencedKptrs ? KPTR_TAGS : OLDER_KPTR_TAGS;
}

/** Bytes of the struct that a uptr field points to; 0: it is a struct of the kernel. */
export function uptrSize({ btf, btfId }: FieldRecord['fields'][number]): number {
  const struct = btf?.type(btfId);
  return struct?.kind === 'struct' ? struct.size : 0;
}

/**
 * Errno name for what BPF_MAP_CREATE does not take of a value's uptrs, or '': a struct of the
 * kernel, an empty one, one larger than a page (btf_check_and_fixup_fields).
 */
export function uptrError(record: FieldRecord): string {
  for (const field of record.fields) {
    if (field.type !== BPF_UPTR) continue;
    const size = uptrSize(field);
    if (size === 0) return 'EINVAL';
    if (size > USER_PAGE) return 'E2BIG';
  }
  return '';
}
