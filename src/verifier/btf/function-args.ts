import { BPF_PROG_TYPE_EXT } from '../../abi/generated/6.12/constants.ts';
import type { Btf, BtfFunc, BtfReference, BtfType } from '../../btf/index.ts';
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
import { btfInfo } from '../messages/btf-info.ts';
import { MEM_RDONLY, PTR_MAYBE_NULL, PTR_TRUSTED } from '../state/layout.ts';
import { checkContextType, isContextType } from './context-type.ts';
import { declTags } from './decl-tags.ts';
import { kindText } from './kind-text.ts';

const MAX_BPF_FUNC_REG_ARGS = 5;

// The tags `__arg_…` a parameter may have.
const TAG_CTX = 1;
const TAG_NONNULL = 2;
const TAG_TRUSTED = 4;
const TAG_NULLABLE = 8;
const TAG_ARENA = 16;

const TAG_BITS: Readonly<Record<string, number>> = {
  ctx: TAG_CTX,
  nonnull: TAG_NONNULL,
  trusted: TAG_TRUSTED,
  nullable: TAG_NULLABLE,
  arena: TAG_ARENA,
};

/** One parameter while it is made out. */
interface Parameter {
  readonly env: VerifierEnv;
  readonly btf: Btf;
  readonly func: BtfFunc;
  readonly index: number;
  readonly tags: number;
  readonly programType: number;
}

const plain = (type: number): SubprogArg => ({ type, memSize: 0, btfId: 0 });

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
  if (!isNumber(btf.resolved(proto.returns))) fail(btfInfo.return_not_scalar(func.name));
  const replaced = env.input.type === BPF_PROG_TYPE_EXT ? env.input.attachProgram : undefined;
  const programType = replaced?.input.type ?? env.input.type;
  sub.args = params.map(({ type }, index) => {
    const tags = tagsOf(env, btf, func, index);
    return argumentOf({ env, btf, func, index, tags, programType }, type, sub.global);
  });
}

type Failure = (message: ReturnType<typeof btfInfo.verifier_bug>) => void;

/** Static functions may be anything: that only means that their BTF is of no use. */
function failureOf(env: VerifierEnv, global: boolean): Failure {
  return (message) => env.reject('EINVAL', global ? message : undefined);
}

const isNumber = ({ kind }: BtfType): boolean =>
  kind === 'int' || kind === 'enum' || kind === 'enum64';

function tagsOf(env: VerifierEnv, btf: Btf, func: BtfFunc, index: number): number {
  let tags = 0;
  for (const tag of declTags(btf, func.id, index, 'arg:')) {
    if (func.linkage !== 'global') env.reject('EOPNOTSUPP', btfInfo.tag_in_static(index));
    const bit = Object.hasOwn(TAG_BITS, tag) ? TAG_BITS[tag]! : 0;
    if (bit === 0) env.reject('EOPNOTSUPP', btfInfo.tag_unknown(index));
    tags |= bit;
  }
  return tags;
}

function argumentOf(parameter: Parameter, typeId: number, global: boolean): SubprogArg {
  const { env, btf, func, index, tags } = parameter;
  const type = btf.resolved(typeId);
  const pointer =
    type.kind === 'ptr' ? pointerArgument(parameter, type as BtfReference, global) : undefined;
  if (pointer) return pointer;
  if (tags) env.reject('EINVAL', btfInfo.tag_not_pointer(index));
  if (isNumber(type)) return plain(ARG_ANYTHING);
  if (!global) env.reject('EINVAL');
  return env.reject('EINVAL', btfInfo.arg_type(index, kindText(type), func.name));
}

function pointerArgument(
  parameter: Parameter,
  { type: target }: BtfReference,
  global: boolean,
): SubprogArg | undefined {
  const { env, btf, index, tags, programType } = parameter;
  const refuseTags = (bits: number): void => {
    if (tags & bits) env.reject('EINVAL', btfInfo.tag_combination(index));
  };
  if (tags & TAG_CTX || isContextType(env, btf, target, programType)) {
    refuseTags(~TAG_CTX);
    if (tags & TAG_CTX) checkContextType(env, btf, target, index, programType);
    return plain(ARG_PTR_TO_CTX);
  }
  if (isDynptr(btf.resolved(target))) {
    refuseTags(~0);
    return plain(ARG_PTR_TO_DYNPTR | MEM_RDONLY);
  }
  if (tags & TAG_TRUSTED) {
    refuseTags(TAG_NONNULL);
    const nullable = tags & TAG_NULLABLE ? PTR_MAYBE_NULL : 0;
    const btfId = kernelTypeOf(parameter, target);
    return { type: ARG_PTR_TO_BTF_ID | PTR_TRUSTED | nullable, memSize: 0, btfId };
  }
  if (tags & TAG_ARENA) {
    if (tags & ~TAG_ARENA) env.reject('EINVAL', btfInfo.tag_arena(index));
    return plain(ARG_PTR_TO_ARENA);
  }
  if (!global) return undefined;
  refuseTags(TAG_NULLABLE);
  const nullable = tags & TAG_NONNULL ? 0 : PTR_MAYBE_NULL;
  return { type: ARG_PTR_TO_MEM | nullable, memSize: sizeOfTarget(parameter, target), btfId: 0 };
}

function isDynptr(type: BtfType): boolean {
  const struct = type.kind === 'struct' || type.kind === 'union';
  return (struct || (type.kind === 'fwd' && type.of === 'struct')) && type.name === 'bpf_dynptr';
}

function sizeOfTarget({ env, btf, index }: Parameter, target: number): number {
  const type = btf.resolved(target);
  try {
    return btf.sizeOf(type.id);
  } catch {
    return env.reject('EINVAL', btfInfo.arg_size(index, kindText(type), type.name));
  }
}

/** The one type of the kernel with the target's name. Mirrors btf_get_ptr_to_btf_id. */
function kernelTypeOf({ env, btf, index }: Parameter, target: number): number {
  const type = btf.resolved(target);
  const refuse = (errno: string, why: string): never =>
    env.reject(errno, btfInfo.arg_candidates(index, kindText(type), type.name, why));
  if (type.name === '') refuse('EINVAL', 'candidate matching error: -22');
  const found = env.profile.btf().findAll(type.kind, essentialName(type.name));
  if (found.length === 0) refuse('ENOENT', 'has no matches');
  if (found.length > 1) refuse('ESRCH', 'is ambiguous');
  return found[0]!;
}
