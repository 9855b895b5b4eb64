import { enums, programTypeFacts } from '../../abi/index.ts';
import type { Btf, BtfType } from '../../btf/index.ts';
import { isTransparent } from '../../btf/btf.ts';
import type { VerifierEnv } from '../env.ts';
import { btfInfo } from '../messages/btf-info.ts';

const { bpf_prog_type: programs, bpf_attach_type: attach } = enums;

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
function contextMember(kernel: Btf, programType: number, view: 'prog' | 'kern'): BtfType {
  const table = kernel.type(kernel.find('struct', 'bpf_ctx_convert') ?? 0);
  const name = `${namesByType.get(programType)}_${view}`;
  const members = table.kind === 'struct' ? table.members : [];
  return kernel.type(members.find((member) => member.name === name)?.type ?? 0);
}

/** Id of the struct that is behind the context in the kernel, e.g. 'sk_buff'. */
export function kernelContextType(kernel: Btf, programType: number): BtfType {
  return contextMember(kernel, programType, 'kern');
}

/** C names of contexts, by program type: what bpf_ctx_convert would say. */
const contextNames: ReadonlyMap<number, string> = new Map(
  programTypeFacts.map(({ id, struct }) => [id, struct]),
);

/** Qualifiers skipped, but not typedefs. */
function skipQualifiers(btf: Btf, id: number): BtfType {
  let type = btf.type(id);
  while (isTransparent(type) && type.kind !== 'typedef') type = btf.type(type.type);
  return type;
}

const isUserRegs = (btf: Btf, id: number): boolean => {
  const type = skipQualifiers(btf, id);
  return type.kind === 'typedef' && type.name === 'bpf_user_pt_regs_t';
};

/**
 * Does a pointer to type `target` mean the context of programs of that type? Mirrors
 * btf_is_prog_ctx_type.
 */
export function isContextType(
  env: VerifierEnv,
  btf: Btf,
  target: number,
  programType: number,
): boolean {
  if (programType === programs.BPF_PROG_TYPE_KPROBE && isUserRegs(btf, target)) return true;
  const type = btf.resolved(target);
  if (type.kind !== 'struct' && type.kind !== 'union') return false;
  // Most programs end here, and never need the kernel's BTF to be opened.
  if (type.name === contextNames.get(programType)) return true;
  const kernel = env.profile.btf();
  let context = contextMember(kernel, programType, 'prog');
  while (context.name !== '') {
    if (isProjectionOf(context.name, type.name) || context.name === type.name) return true;
    if (!isTransparent(context)) return false;
    context = kernel.resolved(context.id);
  }
  return false;
}

/**
 * Rejects a parameter with the tag `arg:ctx` whose type is not one for the context. Mirrors
 * btf_validate_prog_ctx_type; `target` is what the parameter points to.
 */
export function checkContextType(
  env: VerifierEnv,
  btf: Btf,
  target: number,
  arg: number,
  programType: number,
): void {
  const probe =
    programType === programs.BPF_PROG_TYPE_KPROBE ||
    programType === programs.BPF_PROG_TYPE_PERF_EVENT;
  if (probe && isUserRegs(btf, target)) return;
  const type = btf.resolved(target);
  if (type.kind === 'void') return;
  if (type.name === '') env.reject('EINVAL', btfInfo.ctx_without_name(arg));
  if (isSpecialContext(type, programType, env.expectedAttachType)) return;
  const kernel = env.profile.btf();
  const context = kernel.resolved(contextMember(kernel, programType, 'prog').id);
  if (context.kind !== 'struct') env.reject('EINVAL', btfInfo.ctx_void(arg));
  if (type.kind !== 'struct' || type.name !== context.name) {
    env.reject('EINVAL', btfInfo.ctx_struct(arg, context.name));
  }
}

const isWord = (type: BtfType): boolean => type.kind === 'int' && type.size === 8;
const isStruct = (type: BtfType, name: string): boolean =>
  type.kind === 'struct' && type.name === name;

type SpecialRule = (type: BtfType, attachType: number) => boolean;

const traced: SpecialRule = (type, attachType) => {
  switch (attachType) {
    case attach.BPF_TRACE_RAW_TP:
      return isStruct(type, 'bpf_raw_tracepoint_args') || isWord(type);
    case attach.BPF_TRACE_ITER:
      return type.kind === 'struct' && type.name.startsWith('bpf_iter__');
    case attach.BPF_TRACE_FENTRY:
    case attach.BPF_TRACE_FEXIT:
    case attach.BPF_MODIFY_RETURN:
      return isWord(type);
    default:
      return false;
  }
};

const registers: SpecialRule = (type) => isStruct(type, 'pt_regs');
const anything: SpecialRule = () => true;

/** Other types that stand for the context, by program type. */
const SPECIAL: ReadonlyMap<number, SpecialRule> = new Map<number, SpecialRule>([
  [programs.BPF_PROG_TYPE_KPROBE, registers],
  [programs.BPF_PROG_TYPE_PERF_EVENT, registers],
  [programs.BPF_PROG_TYPE_RAW_TRACEPOINT, isWord],
  [programs.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, isWord],
  [programs.BPF_PROG_TYPE_TRACING, traced],
  [programs.BPF_PROG_TYPE_LSM, isWord],
  [programs.BPF_PROG_TYPE_STRUCT_OPS, isWord],
  [programs.BPF_PROG_TYPE_TRACEPOINT, anything],
  [programs.BPF_PROG_TYPE_SYSCALL, anything],
  [programs.BPF_PROG_TYPE_EXT, anything],
]);

function isSpecialContext(type: BtfType, programType: number, attachType: number): boolean {
  return SPECIAL.get(programType)?.(type, attachType) ?? false;
}
