import type { Btf } from '../btf/index.ts';

const LOCK = 'bpf_spin_lock';
/** MAX_RESOLVE_DEPTH of the kernel, more or less. */
const DEPTH = 16;

/** Offset of the (first) bpf_spin_lock in values of a type, or undefined. */
export function spinLockOf(btf: Btf, typeId: number, depth = 0): number | undefined {
  const type = typeId === 0 || depth === DEPTH ? undefined : btf.resolved(typeId);
  if (type?.kind !== 'struct') return undefined;
  if (type.name === LOCK) return 0;
  for (const member of type.members) {
    const inner = spinLockOf(btf, member.type, depth + 1);
    if (inner !== undefined) return (member.bitOffset >> 3) + inner;
  }
  return undefined;
}
