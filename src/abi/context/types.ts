/** Which C types mean the context of a program type (btf.c of the kernel: bpf_ctx_convert). */
import { isTransparent } from '../../btf/btf.ts';
import type { Btf, BtfType } from '../../btf/index.ts';
import { enums } from '../generated/6.12/enums.ts';
import { programTypeFacts } from '../programs/index.ts';

const { bpf_prog_type: programs } = enums;

const namesByType = new Map<number, string>(
  Object.entries(programs).map(([name, id]) => [id, name]),
);

/** Pointers to these are contexts under two names: the user's view and the kernel's own struct. */
const PROJECTIONS: Readonly<Record<string, string>> = { __sk_buff: 'sk_buff', xdp_md: 'xdp_buff' };

/** Is `view` what programs see of the kernel's `struct`? (btf_is_projection_of) */
export function isProjectionOf(view: string, struct: string): boolean {
  return PROJECTIONS[view] === struct;
}

/** A program type's context in the kernel's BTF: the user's view, or the kernel's (`_kern`). */
export function contextMember(kernel: Btf, programType: number, view: 'prog' | 'kern'): BtfType {
  const table = kernel.type(kernel.find('struct', 'bpf_ctx_convert') ?? 0);
  const name = `${namesByType.get(programType)}_${view}`;
  const members = table.kind === 'struct' ? table.members : [];
  return kernel.type(members.find((member) => member.name === name)?.type ?? 0);
}

/** C names of contexts, by program type: what bpf_ctx_convert would say. */
const contextNames: ReadonlyMap<number, string> = new Map(
  programTypeFacts.map(({ id, struct }) => [id, struct]),
);
const allNames: ReadonlySet<string> = new Set(contextNames.values());

/** True if a struct of that name is the context of some program type. */
export function isContextStruct(name: string): boolean {
  return allNames.has(name);
}

/** True if the type is the registers as libbpf's macros for kprobes name them. */
export function isUserRegs(btf: Btf, id: number): boolean {
  let type = btf.type(id);
  while (isTransparent(type) && type.kind !== 'typedef') type = btf.type(type.type);
  return type.kind === 'typedef' && type.name === 'bpf_user_pt_regs_t';
}

/**
 * Does a pointer to type `target` of `btf` mean the context of programs of that type? The kernel's
 * own BTF is only opened if it is needed. Mirrors btf_is_prog_ctx_type.
 */
export function isContextType(
  kernel: { btf(): Btf },
  btf: Btf,
  target: number,
  programType: number,
): boolean {
  if (programType === programs.BPF_PROG_TYPE_KPROBE && isUserRegs(btf, target)) return true;
  const type = btf.resolved(target);
  if (type.kind !== 'struct' && type.kind !== 'union') return false;
  // Most programs end here, and never need the kernel's BTF to be opened.
  if (type.name === contextNames.get(programType)) return true;
  const types = kernel.btf();
  let context = contextMember(types, programType, 'prog');
  while (context.name !== '') {
    if (isProjectionOf(context.name, type.name) || context.name === type.name) return true;
    if (!isTransparent(context)) return false;
    context = types.resolved(context.id);
  }
  return false;
}
