import { contextMember, enums, isContextType as isContextOf, isUserRegs } from '../../abi/index.ts';
import type { Btf, BtfType } from '../../btf/index.ts';
import type { VerifierEnv } from '../env.ts';
import { btfInfo } from '../messages/btf-info.ts';

const { bpf_prog_type: programs, bpf_attach_type: attach } = enums;

/** Id of the struct that is behind the context in the kernel, e.g. 'sk_buff'. */
export function kernelContextType(kernel: Btf, programType: number): BtfType {
  return contextMember(kernel, programType, 'kern');
}

/** Does a pointer to type `target` mean the context of programs of that type? */
export function isContextType(
  env: VerifierEnv,
  btf: Btf,
  target: number,
  programType: number,
): boolean {
  return isContextOf(env.profile, btf, target, programType);
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
