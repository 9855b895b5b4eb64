/** The arguments of a call of a kernel function, in the kernel's order (check_kfunc_args). */
import { kfuncFlags, kfuncId } from '../../abi/index.ts';
import type { Btf, BtfType } from '../../btf/index.ts';
import { isContextType } from '../btf/context-type.ts';
import { kindText } from '../btf/kind-text.ts';
import type { VerifierEnv } from '../env.ts';
import { kfuncMessages } from '../messages/kfunc.ts';
import { isRcuReg, isTrustedReg, mayBeNull, standsForStruct } from '../mem/pointers.ts';
import { markChainPrecision } from '../precision/backtrack.ts';
import {
  baseType,
  CONST_PTR_TO_MAP,
  MAP,
  MAP_UID,
  OBJ_RELEASE,
  PTR_TO_BTF_ID,
  REF_OBJ_ID,
  regAt,
  SCALAR_VALUE,
  TYPE,
  VALUE,
} from '../state/layout.ts';
import { tnumIsConst } from '../value/tnum.ts';
import { regIsNull } from '../value/bounds.ts';
import { recordOf } from '../fields/record.ts';
import { checkFuncArgRegOff } from './arguments.ts';
import { isScalarType, isStructOrUnion, type KfuncParam } from './kfunc-contract.ts';
import type { KfuncArgKind } from './kfunc-kinds.ts';
import type { KfuncMeta } from './kfunc-meta.ts';
import { processKfuncArg } from './kfunc-process.ts';

/** Arguments a function can take in registers. */
const MAX_ARGS = 5;
/** Structs within structs that are looked into for memory arguments. */
const MAX_NESTING = 4;

/** Checks every argument and fills `meta`. */
export function checkKfuncArgs(env: VerifierEnv, meta: KfuncMeta): void {
  const { params } = meta.contract;
  if (params.length > MAX_ARGS) {
    env.reject('EINVAL', kfuncMessages.too_many_args(meta.name, params.length, MAX_ARGS));
  }
  for (let arg = 0; arg < params.length; arg++) {
    const param = params[arg]!;
    if (param.ignored) continue;
    if (param.isScalar) checkScalar(env, arg, param, meta);
    else if (checkPointer(env, arg, meta) === 'mem_and_size') arg++;
  }
  if (isRelease(meta) && meta.releaseRegno === 0) {
    env.reject('EINVAL', kfuncMessages.nothing_released(meta.name));
  }
}

const isRelease = (meta: KfuncMeta) => meta.has(kfuncFlags.RELEASE);
const needsTrust = (meta: KfuncMeta) => meta.has(kfuncFlags.TRUSTED_ARGS) || isRelease(meta);

function checkScalar(env: VerifierEnv, arg: number, param: KfuncParam, meta: KfuncMeta): void {
  const regno = arg + 1;
  const w = env.regs;
  const r = regAt(regno);
  if (w[r + TYPE] !== SCALAR_VALUE) env.reject('EINVAL', kfuncMessages.not_scalar(regno));
  if (param.constant) {
    if (meta.constantFound) env.reject('EFAULT', kfuncMessages.two_constants());
    if (!tnumIsConst(w, r)) env.reject('EINVAL', kfuncMessages.not_constant(regno));
    markChainPrecision(env, regno);
    meta.constantFound = true;
    meta.constantLow = w[r + VALUE]!;
    meta.constantHigh = w[r + VALUE + 1]!;
    return;
  }
  if (!param.returnedSize) return;
  if (param.returnedSize === 'rdonly') meta.returnedReadOnly = true;
  if (meta.returnedSize) env.reject('EINVAL', kfuncMessages.two_buffer_sizes());
  if (!tnumIsConst(w, r)) env.reject('EINVAL', kfuncMessages.buffer_size_unknown(regno));
  meta.returnedSize = w[r + VALUE]! >>> 0;
  if (w[r + VALUE + 1] !== 0) env.reject('EINVAL', kfuncMessages.buffer_size_large(regno));
  markChainPrecision(env, regno);
}

function checkPointer(env: VerifierEnv, arg: number, meta: KfuncMeta): KfuncArgKind {
  const param = meta.contract.params[arg]!;
  const regno = arg + 1;
  const r = regAt(regno);
  const w = env.regs;
  if (!param.isPointer) {
    env.reject('EINVAL', kfuncMessages.argument_kind(arg, kindText(param.type)));
  }
  const strict = needsTrust(meta) || meta.has(kfuncFlags.RCU);
  const maybeNull = regIsNull(w, r) || mayBeNull(w[r + TYPE]!);
  if (strict && maybeNull && !param.nullable) {
    env.reject('EACCES', kfuncMessages.possibly_null(arg));
  }
  noteReference(env, regno, meta);
  const kind = kindOf(env, arg, meta);
  if (kind === 'null') return kind;
  if (kind === 'map') noteMap(env, regno, meta);
  if (strict && (kind === 'map' || kind === 'allocated' || kind === 'btf')) {
    checkTrust(env, regno, meta);
  }
  const released = isRelease(meta) && w[r + REF_OBJ_ID] !== 0;
  checkFuncArgRegOff(env, w, r, regno, released ? OBJ_RELEASE : 0);
  processKfuncArg(env, arg, kind, meta);
  return kind;
}

function noteReference(env: VerifierEnv, regno: number, meta: KfuncMeta): void {
  const id = env.regs[regAt(regno) + REF_OBJ_ID]!;
  if (id === 0) return;
  if (isRelease(meta) && meta.refObjId !== 0) {
    env.reject('EFAULT', kfuncMessages.two_references(regno, id, meta.refObjId));
  }
  meta.refObjId = id;
  if (isRelease(meta)) meta.releaseRegno = regno;
}

function noteMap(env: VerifierEnv, regno: number, meta: KfuncMeta): void {
  const w = env.regs;
  const r = regAt(regno);
  // The kernel looks at the word alone: of a BTF pointer it passes here, and its type is compared.
  if (w[r + MAP] === 0 && w[r + MAP + 1] === 0) env.reject('EINVAL', kfuncMessages.not_map(regno));
  const map = baseType(w[r + TYPE]!) === CONST_PTR_TO_MAP ? env.maps[w[r + MAP]! - 1] : undefined;
  const hasWorkqueue = map !== undefined && (recordOf(env, map)?.wqOff ?? -1) >= 0;
  const isOther = meta.map !== w[r + MAP] || meta.mapUid !== w[r + MAP_UID];
  if (meta.map !== 0 && hasWorkqueue && isOther) {
    env.reject('EINVAL', kfuncMessages.other_map(meta.mapUid, w[r + MAP_UID]!));
  }
  meta.map = w[r + MAP]!;
  meta.mapUid = w[r + MAP_UID]!;
}

function checkTrust(env: VerifierEnv, regno: number, meta: KfuncMeta): void {
  const r = regAt(regno);
  if (isTrustedReg(env.regs, r)) return;
  if (!meta.has(kfuncFlags.RCU)) env.reject('EINVAL', kfuncMessages.not_trusted(regno));
  if (!isRcuReg(env.regs, r)) env.reject('EINVAL', kfuncMessages.not_rcu(regno));
}

const CAST_TO_KERN_CTX = kfuncId('bpf_cast_to_kern_ctx');

/** What a pointer argument must be, by its type and name (get_kfunc_ptr_arg_type). */
function kindOf(env: VerifierEnv, arg: number, meta: KfuncMeta): KfuncArgKind {
  const param = meta.contract.params[arg]!;
  const { btf } = meta.contract;
  if (meta.id === CAST_TO_KERN_CTX) return 'context';
  const target = param.type.kind === 'ptr' ? param.type.type : 0;
  if (isContextType(env, btf, target, env.programType)) return 'context';
  const r = regAt(arg + 1);
  if (param.nullable && regIsNull(env.regs, r)) return 'null';
  return (
    kindByName(param, arg, meta) ??
    kindByRegister(env, arg, param, meta) ??
    memoryKind(env, arg, meta)
  );
}

function kindByName(param: KfuncParam, arg: number, meta: KfuncMeta): KfuncArgKind | undefined {
  if (param.allocated) return 'allocated';
  if (param.refcounted) return 'refcounted';
  if (param.special === 'dynptr') return 'dynptr';
  const iterates = kfuncFlags.ITER_NEW | kfuncFlags.ITER_NEXT | kfuncFlags.ITER_DESTROY;
  if (meta.has(iterates) ? arg === 0 : param.iterator) return 'iterator';
  if (param.special && param.special !== 'workqueue') return param.special;
  if (param.string) return 'string';
  if (param.map) return 'map';
  return param.special;
}

function kindByRegister(
  env: VerifierEnv,
  arg: number,
  param: KfuncParam,
  meta: KfuncMeta,
): KfuncArgKind | undefined {
  const type = env.regs[regAt(arg + 1) + TYPE]!;
  if (baseType(type) === PTR_TO_BTF_ID || standsForStruct(type)) {
    if (isStructOrUnion(param.pointee)) return 'btf';
    const { pointee } = param;
    const kind = kindText(pointee);
    env.reject('EINVAL', kfuncMessages.unsupported_pointer(meta.name, arg, kind, pointee.name));
  }
  return param.isCallback ? 'callback' : undefined;
}

function memoryKind(env: VerifierEnv, arg: number, meta: KfuncMeta): KfuncArgKind {
  const { pointee } = meta.contract.params[arg]!;
  const next = meta.contract.params[arg + 1];
  const nextIsScalar = env.regs[regAt(arg + 2) + TYPE] === SCALAR_VALUE;
  const sized = next?.sizeOf !== undefined && nextIsScalar;
  const isPlain = isScalarType(pointee) || isScalarStruct(env, meta.contract.btf, pointee, 0);
  if (!isPlain && !(sized && pointee.kind === 'void')) {
    const message = kfuncMessages.not_scalar_struct(arg, kindText(pointee), pointee.name, sized);
    env.reject('EINVAL', message);
  }
  return sized ? 'mem_and_size' : 'mem';
}

/** A struct of numbers, also within structs and arrays (__btf_type_is_scalar_struct). */
export function isScalarStruct(env: VerifierEnv, btf: Btf, type: BtfType, depth: number): boolean {
  if (type.kind !== 'struct' && type.kind !== 'union') return false;
  return type.members.every((member) => {
    const inner = btf.resolved(member.type);
    if (isStructOrUnion(inner)) {
      if (depth < MAX_NESTING - 1) return isScalarStruct(env, btf, inner, depth + 1);
      if (env.talking) env.say(kfuncMessages.struct_nesting());
      return false;
    }
    if (inner.kind === 'array') return inner.count > 0 && isScalarType(btf.resolved(inner.type));
    return isScalarType(inner);
  });
}
