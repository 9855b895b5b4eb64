import { canBeSleepable } from '../../abi/program-rules.ts';
import { enums } from '../../abi/index.ts';
import { modifyReturnFlags, kfuncFlags } from '../../abi/calls/kfunc-sets.ts';
import { inBtfSet, lsmHook } from '../../abi/lsm.ts';
import type { Btf, BtfFuncProto, BtfType } from '../../btf/index.ts';
import type { VerifierEnv } from '../env.ts';
import { attachKernelBtf, attachModule, btfWord } from '../btf/modules.ts';
import { attach } from '../messages/attach.ts';
import { checkFunctionModel } from './function-model.ts';
import { iteratorArgs } from './iterators.ts';
import { BTF_ATTACHED_TYPES, isGplCompatible } from './program-kinds.ts';
import { checkStructOps } from './struct-ops.ts';
import { checkTargetProgram, type TargetProgram } from './target-program.ts';

const TRACEPOINT_PREFIX = 'btf_trace_';
const ITERATOR_PREFIX = 'bpf_iter_';

const { bpf_prog_type: programs, bpf_attach_type: attachTypes } = enums;

/**
 * What the program attaches to must be there, allow it, and be of a kind that the program's type is
 * made for. Leaves in `env` what the walk needs to know of it. Mirrors check_attach_btf_id.
 */
export function checkAttachTarget(env: VerifierEnv): void {
  const { sleepable } = env;
  const { type } = env.input;
  if (type === programs.BPF_PROG_TYPE_SYSCALL) {
    if (!sleepable) env.reject('EINVAL', attach.syscall_not_sleepable());
    return;
  }
  if (sleepable && !canBeSleepable(type, env.expectedAttachType)) {
    env.reject('EINVAL', attach.cannot_sleep());
  }
  if (type === programs.BPF_PROG_TYPE_STRUCT_OPS) return checkStructOps(env);
  if (!BTF_ATTACHED_TYPES.has(type)) return;
  const target = findTarget(env);
  const proto = checkAttachType(env, target);
  takeTarget(env, target, proto);
  checkTypeRules(env, target);
}

/** What is attached to: a type of the kernel's BTF, or a function of another program. */
interface Target {
  readonly btf: Btf;
  readonly id: number;
  readonly type: BtfType;
  readonly name: string;
  readonly program: TargetProgram | undefined;
}

/** The first half of bpf_check_attach_target. */
function findTarget(env: VerifierEnv): Target {
  const { attachBtfId: id, attachProgram, type: programType } = env.input;
  if (id === 0) env.reject('EINVAL', attach.no_btf_id());
  const btf = attachProgram ? attachProgram.input.btf : attachKernelBtf(env);
  if (!btf) return env.reject('EINVAL', attach.target_without_btf());
  if (id < 0 || id >= btf.count) env.reject('EINVAL', attach.invalid_id(id));
  const type = btf.type(id);
  if (type.name === '') env.reject('EINVAL', attach.no_name(id));
  const isExtension = programType === programs.BPF_PROG_TYPE_EXT;
  if (!attachProgram && isExtension) env.reject('EINVAL', attach.replaces_kernel());
  const program = attachProgram && checkTargetProgram(env, attachProgram.input, type);
  return { btf, id, type, name: type.name, program };
}

type TypeRule = (env: VerifierEnv, target: Target) => BtfFuncProto | undefined;

/** The second half: by expected attach type. Returns the prototype, if it is to be relied on. */
function checkAttachType(env: VerifierEnv, target: Target): BtfFuncProto | undefined {
  const rule = TYPE_RULES.get(env.expectedAttachType);
  if (rule) return rule(env, target);
  if (env.input.type !== programs.BPF_PROG_TYPE_EXT) env.reject('EINVAL');
  return functionTarget(env, target);
}

const rawTracepoint: TypeRule = (env, { btf, id, type, name, program }) => {
  if (program) return env.reject('EINVAL', attach.raw_tracepoint_of_program());
  if (type.kind !== 'typedef') return env.reject('EINVAL', attach.not_typedef(id));
  if (!name.startsWith(TRACEPOINT_PREFIX)) {
    return env.reject('EINVAL', attach.wrong_name(id, name));
  }
  const pointer = btf.type(type.type);
  const proto = pointer.kind === 'ptr' ? btf.type(pointer.type) : undefined;
  return proto?.kind === 'func_proto' ? proto : env.reject('EINVAL');
};

const iterator: TypeRule = (env, { btf, id, type, name }) => {
  if (type.kind !== 'func') return env.reject('EINVAL', attach.not_function(id));
  const proto = btf.type(type.type);
  if (proto.kind !== 'func_proto') return env.reject('EINVAL');
  checkFunctionModel(env, btf, proto, name);
  return proto;
};

function functionTarget(env: VerifierEnv, target: Target): BtfFuncProto | undefined {
  const { btf, id, type, name, program } = target;
  if (type.kind !== 'func') return env.reject('EINVAL', attach.not_function(id));
  program?.checkPrototype(type);
  const proto = btf.type(type.type);
  if (proto.kind !== 'func_proto') return env.reject('EINVAL');
  const reliable = !program?.conservative;
  const returned = reliable ? checkFunctionModel(env, btf, proto, name) : 8;
  const usesResult =
    env.expectedAttachType === attachTypes.BPF_MODIFY_RETURN ||
    env.expectedAttachType === attachTypes.BPF_TRACE_FEXIT;
  if (returned > 8 && usesResult) env.reject('EOPNOTSUPP', attach.large_return(name));
  if (env.sleepable) {
    if (!maySleep(env, target)) env.reject('EINVAL', attach.not_sleepable(name));
  } else if (env.expectedAttachType === attachTypes.BPF_MODIFY_RETURN) {
    if (program) env.reject('EINVAL', attach.modifies_program());
    const modifiable =
      modifyReturnFlags(id, env.profile.tables) !== undefined || name.startsWith('security_');
    if (!modifiable) env.reject('EINVAL', attach.not_modifiable(name));
  }
  return reliable ? proto : undefined;
}

const TYPE_RULES: ReadonlyMap<number, TypeRule> = new Map<number, TypeRule>([
  [attachTypes.BPF_TRACE_RAW_TP, rawTracepoint],
  [attachTypes.BPF_TRACE_ITER, iterator],
  [attachTypes.BPF_MODIFY_RETURN, functionTarget],
  [attachTypes.BPF_LSM_MAC, functionTarget],
  [attachTypes.BPF_LSM_CGROUP, functionTarget],
  [attachTypes.BPF_TRACE_FENTRY, functionTarget],
  [attachTypes.BPF_TRACE_FEXIT, functionTarget],
]);

/** This kernel is built without error injection, which would let more functions be slept in. */
function maySleep(env: VerifierEnv, { id, name, program }: Target): boolean {
  switch (env.input.type) {
    case programs.BPF_PROG_TYPE_TRACING:
      return (
        !program && ((modifyReturnFlags(id, env.profile.tables) ?? 0) & kfuncFlags.SLEEPABLE) !== 0
      );
    case programs.BPF_PROG_TYPE_LSM:
      return lsmHook(name, env.profile.tables)?.sleepable === true;
    default:
      return false;
  }
}

/** What the walk will ask for. */
function takeTarget(env: VerifierEnv, target: Target, proto: BtfFuncProto | undefined): void {
  const { btf, name, program } = target;
  if (program && env.input.type === programs.BPF_PROG_TYPE_EXT) {
    env.expectedAttachType = program.expectedAttachType;
    env.programType = program.type;
  }
  env.attachBtf = program ? env.btfs.push(btf) : btfWord(env, attachModule(env));
  env.attachProto = proto?.id ?? 0;
  const isTracepoint = !program && env.expectedAttachType === attachTypes.BPF_TRACE_RAW_TP;
  env.attachName = isTracepoint ? name.slice(TRACEPOINT_PREFIX.length) : name;
}

/** The rest of check_attach_btf_id. */
function checkTypeRules(env: VerifierEnv, { btf, id, name }: Target): void {
  switch (env.expectedAttachType) {
    case attachTypes.BPF_TRACE_RAW_TP:
      env.attachBtfTrace = true;
      return;
    case attachTypes.BPF_TRACE_ITER:
      env.contextArgs = name.startsWith(ITERATOR_PREFIX)
        ? (iteratorArgs(btf, name.slice(ITERATOR_PREFIX.length)) ?? env.reject('EINVAL'))
        : env.reject('EINVAL');
      return;
    default:
  }
  if (env.input.type === programs.BPF_PROG_TYPE_LSM) return checkLsmHook(env, id, name);
  const isTracing = env.input.type === programs.BPF_PROG_TYPE_TRACING;
  if (isTracing && !env.input.attachProgram && inBtfSet('btf_id_deny', name, env.profile.tables))
    env.reject('EINVAL');
  const afterwards =
    env.expectedAttachType === attachTypes.BPF_TRACE_FEXIT ||
    env.expectedAttachType === attachTypes.BPF_MODIFY_RETURN;
  if (
    afterwards &&
    !env.input.attachProgram &&
    inBtfSet('noreturn_deny', name, env.profile.tables)
  ) {
    env.reject('EINVAL', attach.no_return());
  }
}

/** Mirrors bpf_lsm_verify_prog. */
function checkLsmHook(env: VerifierEnv, id: number, name: string): void {
  if (!isGplCompatible(env.input.license)) env.reject('EINVAL', attach.lsm_license());
  if (inBtfSet('bpf_lsm_disabled_hooks', name, env.profile.tables)) {
    env.reject('EINVAL', attach.disabled_hook(id, name));
  }
  if (!lsmHook(name, env.profile.tables)) env.reject('EINVAL', attach.wrong_name(id, name));
}
