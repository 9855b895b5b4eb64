/** Whether a pointer read through another one may be trusted (check_ptr_to_btf_access's tables). */
import { gates } from '../gates.ts';
import type { Btf } from '../../btf/index.ts';
import type { VerifierEnv } from '../env.ts';
import {
  BTF,
  BTF_ID,
  MEM_PERCPU,
  MEM_RCU,
  MEM_USER,
  PTR_MAYBE_NULL,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  TYPE,
} from '../state/layout.ts';
import { inRcuCs, isRcuReg, isTrustedReg, mayBeNull, TRUSTED_MODIFIERS } from './pointers.ts';

/** Longer names do not fit the kernel's buffer: such types vouch for nothing. */
const NAME_MAX = 64;

/**
 * Structs of the kernel's BTF named `<type><suffix>` list the members that are as good as the
 * pointer they are read through. Mirrors btf_nested_type_is_trusted.
 */
function isListed(btf: Btf, id: number, suffix: string, member: string, memberId: number): boolean {
  const type = btf.type(id);
  const name = type.name + suffix;
  if (name.length >= NAME_MAX) return false;
  const listId = btf.find(type.kind, name);
  const list = listId === undefined ? undefined : btf.type(listId);
  if (list?.kind !== 'struct' && list?.kind !== 'union') return false;
  return list.members.some((m) => {
    const pointer = btf.type(m.type);
    return m.name === member && pointer.kind === 'ptr' && btf.resolve(pointer.type) === memberId;
  });
}

/**
 * Flags of the pointer to `memberId` that was read from member `member` through register
 * `(w, r)`; `flags` are those its declaration gives it.
 */
export function trustOfMember(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  member: string,
  memberId: number,
  flags: number,
): number {
  const type = w[r + TYPE]!;
  if (!gates.trustedPointers) return flags | (type & PTR_UNTRUSTED);
  if (type & PTR_UNTRUSTED) return PTR_UNTRUSTED;
  const withoutTrust = flags & ~(TRUSTED_MODIFIERS | MEM_RCU);
  if (!isTrustedReg(w, r) && !isRcuReg(w, r)) return withoutTrust;
  const btf = env.btfAt(w[r + BTF]!);
  const id = w[r + BTF_ID]!;
  const listed = (suffix: string) => isListed(btf, id, suffix, member, memberId);
  if (listed('__safe_trusted')) return flags | PTR_TRUSTED;
  if (listed('__safe_trusted_or_null')) return flags | PTR_TRUSTED | PTR_MAYBE_NULL;
  // Outside of RCU it would be a plain pointer, which helpers take for historical reasons.
  if (!inRcuCs(env) || mayBeNull(type)) return PTR_UNTRUSTED;
  if (listed('__safe_rcu')) return flags | MEM_RCU;
  const safeOrNull = listed('__safe_rcu_or_null');
  if (flags & MEM_RCU || safeOrNull) {
    const known = safeOrNull ? flags & ~PTR_UNTRUSTED : flags;
    return known | MEM_RCU | PTR_MAYBE_NULL;
  }
  return flags & (MEM_PERCPU | MEM_USER) ? flags : withoutTrust;
}
