/**
 * The arguments of a call of a kernel function before pointers were trusted or not: one loop for
 * all that is checked (btf_check_func_arg_match), with other words.
 */
import { isContextType, isScalarType, isStructOrUnion, kfuncFlags } from '../../abi/index.ts';
import type { BtfType } from '../../btf/index.ts';
import { kindText } from '../btf/kind-text.ts';
import { KERNEL_BTF, type VerifierEnv } from '../env.ts';
import { BPF_KPTR, BPF_KPTR_REF, fieldAt, kptrTarget, recordOf } from '../fields/record.ts';
import { btfIdsMatch } from '../mem/btf-struct-access.ts';
import { checkKfuncMemSizeReg, checkMemReg } from '../mem/helper-memory.ts';
import { mapAt } from '../mem/map-value.ts';
import { inSleepable, kernelStructOf, standsForStruct, typeFlags } from '../mem/pointers.ts';
import { kfuncMessages } from '../messages/kfunc.ts';
import { olderKfunc } from '../messages/kfunc-older.ts';
import { markChainPrecision } from '../precision/backtrack.ts';
import { Rejection } from '../reject.ts';
import {
  BPF_DYNPTR_TYPE_LOCAL,
  BTF,
  BTF_ID,
  OFF,
  OBJ_RELEASE,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_MAP_VALUE,
  PTR_TO_STACK,
  REF_OBJ_ID,
  regAt,
  SCALAR_VALUE,
  TYPE,
  VALUE,
} from '../state/layout.ts';
import { tnumIsConst } from '../value/tnum.ts';
import { checkFuncArgRegOff } from './arguments.ts';
import { isNumbers } from './kfunc-arguments.ts';
import type { KfuncMeta } from './kfunc-meta.ts';
import type { KfuncParam } from './kfunc-prototype.ts';
import { CallMeta } from './meta.ts';
import { dynptrTypeOlder, isDynptrOlder } from './special/dynptr-older.ts';

/** Arguments a function can take in registers. */
const MAX_ARGS = 5;
const DYNPTR = 'bpf_dynptr_kern';

const scratchMeta = new CallMeta();

/** Checks every argument and fills `meta`. */
export function checkOlderKfuncArgs(env: VerifierEnv, meta: KfuncMeta): void {
  const { params } = meta.proto;
  if (params.length > MAX_ARGS) {
    env.reject('EINVAL', kfuncMessages.too_many_args(meta.name, params.length, MAX_ARGS));
  }
  for (let arg = 0; arg < params.length; arg++) {
    const param = params[arg]!;
    if (param.isScalar) checkScalar(env, arg, param, meta);
    else if (checkPointer(env, arg, param, meta)) arg++;
  }
  if (meta.contract.release && meta.refObjId === 0) {
    env.reject('EINVAL', kfuncMessages.nothing_released(meta.name));
  }
  if (meta.contract.maySleep && !inSleepable(env)) {
    env.reject('EINVAL', olderKfunc.sleepable(meta.name));
  }
}

function checkScalar(env: VerifierEnv, arg: number, param: KfuncParam, meta: KfuncMeta): void {
  const regno = arg + 1;
  const w = env.regs;
  const r = regAt(regno);
  const isScalar = w[r + TYPE] === SCALAR_VALUE;
  if (isScalar && param.arg.kind === 'alloc_size') takeSize(env, regno, param, meta);
  if (!isScalar) env.reject('EINVAL', kfuncMessages.not_scalar(regno));
}

function takeSize(env: VerifierEnv, regno: number, { arg }: KfuncParam, meta: KfuncMeta): void {
  const w = env.regs;
  const r = regAt(regno);
  if (arg.access === 'read') meta.returnedReadOnly = true;
  if (meta.returnedSize) env.reject('EINVAL', kfuncMessages.two_buffer_sizes());
  if (!tnumIsConst(w, r)) env.reject('EINVAL', kfuncMessages.buffer_size_unknown(regno));
  meta.returnedSize = w[r + VALUE]! >>> 0;
  if (w[r + VALUE + 1] !== 0) env.reject('EINVAL', kfuncMessages.buffer_size_large(regno));
  markChainPrecision(env, regno);
}

/** True if the next argument was checked with it: its length. */
function checkPointer(env: VerifierEnv, arg: number, param: KfuncParam, meta: KfuncMeta): boolean {
  const regno = arg + 1;
  const r = regAt(regno);
  const w = env.regs;
  if (!param.isPointer) {
    env.reject('EINVAL', kfuncMessages.argument_kind(arg, kindText(param.type)));
  }
  const type = w[r + TYPE]!;
  const isTrusted = (meta.proto.flags & kfuncFlags.TRUSTED_ARGS) !== 0;
  const isObject = type === PTR_TO_CTX || type === PTR_TO_BTF_ID || standsForStruct(type);
  if (isTrusted && isObject && type !== PTR_TO_CTX && w[r + REF_OBJ_ID] === 0) {
    env.reject('EINVAL', olderKfunc.not_referenced(regno));
  }
  const released = meta.contract.release === true && w[r + REF_OBJ_ID] !== 0;
  const asReleased = (isTrusted && isObject) || released;
  checkFuncArgRegOff(env, w, r, regno, asReleased ? OBJ_RELEASE : 0);
  noteReference(env, regno, meta);
  if (arg === 0 && meta.proto.flags & kfuncFlags.KPTR_GET) checkKptrGet(env, param, meta);
  else if (isContext(env, param, meta)) {
    if (type !== PTR_TO_CTX) {
      env.reject('EINVAL', kfuncMessages.not_context(arg, kindText(param.type)));
    }
  } else if (type === PTR_TO_BTF_ID || (standsForStruct(type) && typeFlags(type) === 0)) {
    checkObject(env, arg, param, meta, isTrusted || released);
  } else return checkMemory(env, arg, param, meta);
  return false;
}

const isContext = (env: VerifierEnv, { type }: KfuncParam, { proto }: KfuncMeta): boolean =>
  type.kind === 'ptr' && isContextType(env.profile, proto.btf, type.type, env.programType);

function noteReference(env: VerifierEnv, regno: number, meta: KfuncMeta): void {
  const id = env.regs[regAt(regno) + REF_OBJ_ID]!;
  if (id === 0) return;
  if (meta.refObjId !== 0) {
    env.reject('EFAULT', kfuncMessages.two_references(regno, id, meta.refObjId));
  }
  meta.refObjId = id;
  if (meta.contract.release) meta.releaseRegno = regno;
}

/** The first argument is a referenced kptr in a map value; the call takes its own reference. */
function checkKptrGet(env: VerifierEnv, param: KfuncParam, meta: KfuncMeta): void {
  const w = env.regs;
  const r = regAt(1);
  if (w[r + TYPE] !== PTR_TO_MAP_VALUE) env.reject('EINVAL', olderKfunc.not_map_value());
  if (!tnumIsConst(w, r)) env.reject('EINVAL', olderKfunc.variable_offset());
  const offset = (w[r + OFF]! + w[r + VALUE]!) | 0;
  const field = fieldAt(recordOf(env, mapAt(env, w, r)), offset, BPF_KPTR);
  if (field?.type !== BPF_KPTR_REF) env.reject('EINVAL', olderKfunc.no_kptr(offset));
  const { btf } = meta.proto;
  if (param.pointee.kind !== 'ptr') env.reject('EINVAL', olderKfunc.not_double());
  const struct = btf.resolved(param.pointee.type);
  const [kind, name] = [kindText(struct), struct.name];
  if (!isStructOrUnion(struct)) {
    env.reject('EINVAL', kfuncMessages.unsupported_pointer(meta.name, 0, kind, name));
  }
  const target = kptrTarget(env, field);
  const targetBtf = env.btfAt(target.btf);
  if (!btfIdsMatch(env, btf, struct.id, 0, targetBtf, target.btfId, true, true)) {
    env.reject('EINVAL', olderKfunc.wrong_kptr(meta.name, kind, name));
  }
}

function checkObject(
  env: VerifierEnv,
  arg: number,
  { pointee }: KfuncParam,
  meta: KfuncMeta,
  strict: boolean,
): void {
  const w = env.regs;
  const r = regAt(arg + 1);
  const [kind, name] = [kindText(pointee), pointee.name];
  if (!isStructOrUnion(pointee)) {
    env.reject('EINVAL', kfuncMessages.unsupported_pointer(meta.name, arg, kind, name));
  }
  const isBtf = w[r + TYPE] === PTR_TO_BTF_ID;
  const btf = env.btfAt(isBtf ? w[r + BTF]! : KERNEL_BTF);
  const id = btf.resolve(isBtf ? w[r + BTF_ID]! : kernelStructOf(env, w[r + TYPE]!)!);
  if (btfIdsMatch(env, btf, id, w[r + OFF]!, meta.proto.btf, pointee.id, strict, true)) return;
  const found = btf.type(id);
  env.reject(
    'EINVAL',
    kfuncMessages.wrong_struct(meta.name, arg, kind, name, kindText(found), found.name),
  );
}

/** Memory of numbers; with a length behind it, which is then checked too, of anything. */
function checkMemory(env: VerifierEnv, arg: number, param: KfuncParam, meta: KfuncMeta): boolean {
  const { pointee } = param;
  const next = meta.proto.params[arg + 1];
  const nextIsScalar = env.regs[regAt(arg + 2) + TYPE] === SCALAR_VALUE;
  const sized = next?.arg.kind === 'size' && !next.arg.constant && nextIsScalar;
  const isDynptr = isStructOrUnion(pointee) && pointee.name === DYNPTR;
  const [kind, name] = [kindText(pointee), pointee.name];
  if (!isPlain(env, meta, pointee) && !isDynptr && !(sized && pointee.kind === 'void')) {
    env.reject('EINVAL', kfuncMessages.not_scalar_struct(arg, kind, name, sized));
  }
  if (isDynptr) {
    checkDynptr(env, arg, kind, name);
    return false;
  }
  if (sized) {
    checkPair(env, arg);
    return true;
  }
  const size = sizeOf(meta, pointee);
  if (size === undefined) env.reject('EINVAL', kfuncMessages.no_size(arg, kind, name));
  checkWhole(env, arg + 1, size);
  return false;
}

/** Only of the program's own memory. */
function checkDynptr(env: VerifierEnv, arg: number, kind: string, name: string): void {
  const w = env.regs;
  const r = regAt(arg + 1);
  if (w[r + TYPE] !== PTR_TO_STACK) {
    env.reject('EINVAL', olderKfunc.dynptr_not_stack(arg, kind, name));
  }
  if (!isDynptrOlder(env, w, r)) {
    env.reject('EINVAL', olderKfunc.dynptr_not_initialized(arg, kind, name));
  }
  if (dynptrTypeOlder(env, w, r) !== BPF_DYNPTR_TYPE_LOCAL) {
    env.reject('EINVAL', olderKfunc.dynptr_kind(arg, kind, name));
  }
}

const isPlain = (env: VerifierEnv, { proto }: KfuncMeta, pointee: BtfType): boolean =>
  isScalarType(pointee) || isNumbers(env, proto.btf, pointee);

function sizeOf({ proto }: KfuncMeta, pointee: BtfType): number | undefined {
  if (pointee.kind === 'void' || pointee.kind === 'func_proto') return undefined;
  return proto.btf.sizeOf(pointee.id);
}

function checkWhole(env: VerifierEnv, regno: number, size: number): void {
  try {
    checkMemReg(env, env.regs, regAt(regno), regno, size);
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    throw new Rejection('EINVAL', error.reason);
  }
}

function checkPair(env: VerifierEnv, arg: number): void {
  try {
    checkKfuncMemSizeReg(env, arg + 2, scratchMeta);
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    env.reject('EINVAL', kfuncMessages.bad_memory(arg));
  }
}
