import { prepareFunctionArgs } from '../btf/function-args.ts';
import type { SubprogArg, VerifierEnv } from '../env.ts';
import { checkMemReg } from '../mem/helper-memory.ts';
import { subprog as words } from '../messages/subprog.ts';
import { Rejection } from '../reject.ts';
import {
  baseType,
  MEM_RDONLY,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_CTX,
  regAt,
  SCALAR_VALUE,
  TYPE,
} from '../state/layout.ts';
import { regIsNull } from '../value/bounds.ts';
import {
  ARG_ANYTHING,
  ARG_DONTCARE,
  ARG_PTR_TO_ARENA,
  ARG_PTR_TO_BTF_ID,
  ARG_PTR_TO_CTX,
  ARG_PTR_TO_DYNPTR,
  ARG_PTR_TO_MEM,
} from './arg-types.ts';
import { checkFuncArgRegOff } from './arguments.ts';
import { CallMeta } from './meta.ts';
import { checkRegType } from './register-type.ts';
import { processDynptrFunc } from './special/dynptr.ts';

/** Nothing is known of the function: what calls of it get, once for all of them. */
const UNKNOWN = new Rejection('EINVAL', undefined);

/**
 * Do the registers hold what the BTF of function `subprog` says it takes? Returns what is wrong, or
 * undefined; the words were said. A mismatch of a static function only means that its BTF is of no
 * use, which is remembered. Mirrors btf_check_subprog_call.
 */
export function matchArguments(
  env: VerifierEnv,
  subprog: number,
  w: Int32Array,
): Rejection | undefined {
  const sub = env.subprogs[subprog]!;
  if (!env.hasFunctionInfo) return UNKNOWN;
  if (sub.btfId === 0) env.reject('EFAULT');
  if (sub.unreliable) return UNKNOWN;
  try {
    prepareFunctionArgs(env, subprog);
    const args = sub.args!;
    for (let i = 0; i < args.length; i++) checkArgument(env, w, i, args[i]!);
    return undefined;
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    sub.unreliable = true;
    if (error.errno === 'EFAULT') throw error;
    return error;
  }
}

/** Mirrors the loop of btf_check_func_arg_match. */
function checkArgument(env: VerifierEnv, w: Int32Array, index: number, arg: SubprogArg): void {
  const regno = index + 1;
  const r = regAt(regno);
  const type = w[r + TYPE]!;
  if (arg.type === ARG_ANYTHING) {
    if (type !== SCALAR_VALUE) env.reject('EINVAL', words.not_scalar(regno));
    return;
  }
  if (arg.type === (ARG_PTR_TO_DYNPTR | MEM_RDONLY)) {
    checkFuncArgRegOff(env, w, r, regno, ARG_PTR_TO_DYNPTR);
    processDynptrFunc(env, regno, -1, arg.type, 0);
    return;
  }
  switch (baseType(arg.type)) {
    case ARG_PTR_TO_CTX:
      checkFuncArgRegOff(env, w, r, regno, ARG_DONTCARE);
      if (type !== PTR_TO_CTX) env.reject('EINVAL', words.expects_ctx(index));
      return;
    case ARG_PTR_TO_MEM:
      checkFuncArgRegOff(env, w, r, regno, ARG_DONTCARE);
      checkMemory(env, w, regno, arg.memSize);
      if (!(arg.type & PTR_MAYBE_NULL) && w[r + TYPE]! & PTR_MAYBE_NULL) {
        env.reject('EINVAL', words.expects_nonnull(index));
      }
      return;
    case ARG_PTR_TO_ARENA:
      if (type === PTR_TO_ARENA || type === SCALAR_VALUE) return;
      return env.reject('EINVAL', words.expects_arena(regno));
    case ARG_PTR_TO_BTF_ID: {
      if (regIsNull(w, r) && arg.type & PTR_MAYBE_NULL) return;
      checkRegType(env, regno, arg.type, arg.btfId, new CallMeta());
      checkFuncArgRegOff(env, w, r, regno, arg.type);
      return;
    }
    default:
      env.reject('EFAULT');
  }
}

/** Whatever is wrong with the memory, the call answers EINVAL. */
function checkMemory(env: VerifierEnv, w: Int32Array, regno: number, size: number): void {
  try {
    checkMemReg(env, w, regAt(regno), regno, size);
  } catch (error) {
    if (error instanceof Rejection) throw new Rejection('EINVAL', error.reason);
    throw error;
  }
}
