import { BPF_PROG_TYPE_EXT } from '../../abi/generated/6.12/constants.ts';
import {
  type ArgContract,
  functionParameter,
  type FunctionReading,
  isScalarType,
  isTaggedContext,
  type ParameterFault,
} from '../../abi/index.ts';
import type { Btf, BtfFunc } from '../../btf/index.ts';
import { essentialName } from '../../object/index.ts';
import {
  ARG_ANYTHING,
  ARG_PTR_TO_ARENA,
  ARG_PTR_TO_BTF_ID,
  ARG_PTR_TO_CTX,
  ARG_PTR_TO_DYNPTR,
  ARG_PTR_TO_MEM,
} from '../call/arg-types.ts';
import type { SubprogArg, VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import { btfInfo } from '../messages/btf-info.ts';
import { MEM_RDONLY, PTR_MAYBE_NULL, PTR_TRUSTED } from '../state/layout.ts';
import { checkContextType, isContextType } from './context-type.ts';
import { kindText } from './kind-text.ts';

const MAX_BPF_FUNC_REG_ARGS = 5;

/**
 * Makes out from BTF what arguments a function takes; kept in the subprogram. Rejects what cannot
 * be made out: silently (EINVAL) for static functions, with words for global ones. Mirrors
 * btf_prepare_func_args.
 */
export function prepareFunctionArgs(env: VerifierEnv, subprog: number): void {
  const sub = env.subprogs[subprog]!;
  if (sub.args) return;
  const { btf } = env.input;
  if (!env.hasFunctionInfo || !btf) env.reject('EFAULT', btfInfo.verifier_bug());
  if (sub.btfId === 0) {
    if (!sub.global) env.reject('EINVAL');
    env.reject('EFAULT', btfInfo.global_without_btf());
  }
  const func = btf.type(sub.btfId) as BtfFunc;
  if (sub.unreliable) env.reject('EFAULT', btfInfo.bug_in_function(func.name));
  const proto = btf.type(func.type);
  if (proto.kind !== 'func_proto') env.reject('EFAULT');
  const fail = failureOf(env, sub.global);
  const { params } = proto;
  if (params.length > MAX_BPF_FUNC_REG_ARGS) {
    fail(btfInfo.too_many_args(func.name, params.length, MAX_BPF_FUNC_REG_ARGS));
  }
  if (!isScalarType(btf.resolved(proto.returns))) fail(btfInfo.return_not_scalar(func.name));
  const replaced = env.input.type === BPF_PROG_TYPE_EXT ? env.input.attachProgram : undefined;
  const programType = replaced?.input.type ?? env.input.type;
  const reading: FunctionReading = {
    global: sub.global,
    tagged: gates.argTags,
    isContext: (target) => isContextType(env, btf, target, programType),
  };
  sub.args = params.map(({ type }, index) => {
    const arg = functionParameter(btf, func, index, reading);
    if (typeof arg === 'string') return refuse({ env, btf, func, index, type }, arg, sub.global);
    const target = pointeeOf(btf, type);
    if (reading.tagged && arg.kind === 'ctx' && isTaggedContext(btf, func, index)) {
      checkContextType(env, btf, target, index, programType);
    }
    return compile(arg, () => kernelTypeOf(env, btf, index, target));
  });
}

/** What a pointer points to; 0 for others. */
function pointeeOf(btf: Btf, typeId: number): number {
  const type = btf.resolved(typeId);
  return type.kind === 'ptr' ? type.type : 0;
}

/** A parameter that cannot be made out. */
interface Parameter {
  readonly env: VerifierEnv;
  readonly btf: Btf;
  readonly func: BtfFunc;
  readonly index: number;
  /** Id of its type. */
  readonly type: number;
}

/** The words for a fault of a parameter. */
function refuse(
  { env, btf, func, index, type }: Parameter,
  fault: ParameterFault,
  global: boolean,
): never {
  switch (fault) {
    case 'tag_in_static':
      return env.reject('EOPNOTSUPP', btfInfo.tag_in_static(index));
    case 'tag_unknown':
      return env.reject('EOPNOTSUPP', btfInfo.tag_unknown(index));
    case 'tag_not_pointer':
      return env.reject('EINVAL', btfInfo.tag_not_pointer(index));
    case 'tag_combination':
      return env.reject('EINVAL', btfInfo.tag_combination(index));
    case 'tag_arena':
      return env.reject('EINVAL', btfInfo.tag_arena(index));
    case 'size': {
      const pointee = btf.resolved(pointeeOf(btf, type));
      return env.reject('EINVAL', btfInfo.arg_size(index, kindText(pointee), pointee.name));
    }
    default:
      if (!global) env.reject('EINVAL');
      return env.reject('EINVAL', btfInfo.arg_type(index, kindText(btf.resolved(type)), func.name));
  }
}

const plain = (type: number): SubprogArg => ({ type, memSize: 0, btfId: 0 });

/** The contract in the numbers that calls are checked by (struct bpf_subprog_arg_info). */
function compile(arg: ArgContract, kernelType: () => number): SubprogArg {
  const nullable = arg.nullable ? PTR_MAYBE_NULL : 0;
  switch (arg.kind) {
    case 'ctx':
      return plain(ARG_PTR_TO_CTX);
    case 'dynptr':
      return plain(ARG_PTR_TO_DYNPTR | MEM_RDONLY);
    case 'arena':
      return plain(ARG_PTR_TO_ARENA);
    case 'btf_object': {
      const btfId = kernelType();
      return { type: ARG_PTR_TO_BTF_ID | PTR_TRUSTED | nullable, memSize: 0, btfId };
    }
    case 'mem':
      return { type: ARG_PTR_TO_MEM | nullable, memSize: arg.size!, btfId: 0 };
    default:
      return plain(ARG_ANYTHING);
  }
}

type Failure = (message: ReturnType<typeof btfInfo.verifier_bug>) => void;

/** Static functions may be anything: that only means that their BTF is of no use. */
function failureOf(env: VerifierEnv, global: boolean): Failure {
  return (message) => env.reject('EINVAL', global ? message : undefined);
}

/** The one type of the kernel with the target's name. Mirrors btf_get_ptr_to_btf_id. */
function kernelTypeOf(env: VerifierEnv, btf: Btf, index: number, target: number): number {
  const type = btf.resolved(target);
  const reject = (errno: string, why: string): never =>
    env.reject(errno, btfInfo.arg_candidates(index, kindText(type), type.name, why));
  if (type.name === '') reject('EINVAL', 'candidate matching error: -22');
  const found = env.profile.btf().findAll(type.kind, essentialName(type.name));
  if (found.length === 0) reject('ENOENT', 'has no matches');
  if (found.length > 1) reject('ESRCH', 'is ambiguous');
  return found[0]!;
}
