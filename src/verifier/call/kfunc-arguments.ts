/** The arguments of a call of a kernel function, in the kernel's order (check_kfunc_args). */
import { type ArgKind, isScalarStruct, isScalarType, isStructOrUnion } from '../../abi/index.ts';
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
import type { KfuncMeta } from './kfunc-meta.ts';
import type { KfuncParam } from './kfunc-prototype.ts';
import { type KfuncArgKind, processKfuncArg, releases } from './kfunc-process.ts';

/** Arguments a function can take in registers. */
const MAX_ARGS = 5;

/** Checks every argument and fills `meta`. */
export function checkKfuncArgs(env: VerifierEnv, meta: KfuncMeta): void {
  const { params } = meta.proto;
  if (params.length > MAX_ARGS) {
    env.reject('EINVAL', kfuncMessages.too_many_args(meta.name, params.length, MAX_ARGS));
  }
  for (let arg = 0; arg < params.length; arg++) {
    const param = params[arg]!;
    if (param.arg.ignored) continue;
    if (param.isScalar) checkScalar(env, arg, param, meta);
    else if (checkPointer(env, arg, meta) === 'mem_and_size') arg++;
  }
  if (meta.contract.release && meta.releaseRegno === 0) {
    env.reject('EINVAL', kfuncMessages.nothing_released(meta.name));
  }
}

function checkScalar(env: VerifierEnv, index: number, { arg }: KfuncParam, meta: KfuncMeta): void {
  const regno = index + 1;
  const w = env.regs;
  const r = regAt(regno);
  if (w[r + TYPE] !== SCALAR_VALUE) env.reject('EINVAL', kfuncMessages.not_scalar(regno));
  if (arg.constant && arg.kind === 'scalar') {
    if (meta.constantFound) env.reject('EFAULT', kfuncMessages.two_constants());
    if (!tnumIsConst(w, r)) env.reject('EINVAL', kfuncMessages.not_constant(regno));
    markChainPrecision(env, regno);
    meta.constantFound = true;
    meta.constantLow = w[r + VALUE]!;
    meta.constantHigh = w[r + VALUE + 1]!;
    return;
  }
  if (arg.kind !== 'alloc_size') return;
  if (arg.access === 'read') meta.returnedReadOnly = true;
  if (meta.returnedSize) env.reject('EINVAL', kfuncMessages.two_buffer_sizes());
  if (!tnumIsConst(w, r)) env.reject('EINVAL', kfuncMessages.buffer_size_unknown(regno));
  meta.returnedSize = w[r + VALUE]! >>> 0;
  if (w[r + VALUE + 1] !== 0) env.reject('EINVAL', kfuncMessages.buffer_size_large(regno));
  markChainPrecision(env, regno);
}

function checkPointer(env: VerifierEnv, arg: number, meta: KfuncMeta): KfuncArgKind {
  const param = meta.proto.params[arg]!;
  const regno = arg + 1;
  const r = regAt(regno);
  const w = env.regs;
  if (!param.isPointer) {
    env.reject('EINVAL', kfuncMessages.argument_kind(arg, kindText(param.type)));
  }
  const strict = param.arg.trust !== undefined;
  const maybeNull = regIsNull(w, r) || mayBeNull(w[r + TYPE]!);
  if (strict && maybeNull && !param.arg.nullable) {
    env.reject('EACCES', kfuncMessages.possibly_null(arg));
  }
  if (meta.proto.releasesEach && param.arg.release) noteRelease(env, regno, meta);
  noteReference(env, regno, meta);
  const kind = kindOf(env, arg, meta);
  if (kind === 'null') return kind;
  if (kind === 'map') noteMap(env, regno, meta);
  if (strict && VOUCHED_FOR.has(kind)) checkTrust(env, regno, param);
  const released = releases(env, arg, meta);
  checkFuncArgRegOff(env, w, r, regno, released ? OBJ_RELEASE : 0);
  processKfuncArg(env, arg, kind, meta);
  return kind;
}

/** An argument that is released on its own: it must own something. */
function noteRelease(env: VerifierEnv, regno: number, meta: KfuncMeta): void {
  if (env.regs[regAt(regno) + REF_OBJ_ID] === 0) {
    env.reject('EINVAL', kfuncMessages.nothing_released(meta.name));
  }
  if (meta.releaseRegno === 0) meta.releaseRegno = regno;
  else (meta.moreReleased ??= []).push(regno);
}

function noteReference(env: VerifierEnv, regno: number, meta: KfuncMeta): void {
  const id = env.regs[regAt(regno) + REF_OBJ_ID]!;
  if (id === 0) return;
  const { release } = meta.contract;
  if (release && meta.refObjId !== 0) {
    env.reject('EFAULT', kfuncMessages.two_references(regno, id, meta.refObjId));
  }
  meta.refObjId = id;
  if (release) meta.releaseRegno = regno;
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

function checkTrust(env: VerifierEnv, regno: number, { arg }: KfuncParam): void {
  const r = regAt(regno);
  if (isTrustedReg(env.regs, r)) return;
  if (arg.trust !== 'rcu') env.reject('EINVAL', kfuncMessages.not_trusted(regno));
  if (!isRcuReg(env.regs, r)) env.reject('EINVAL', kfuncMessages.not_rcu(regno));
}

/** Kinds whose object must be vouched for; of the others it is only asked that they are there. */
const VOUCHED_FOR: ReadonlySet<KfuncArgKind> = new Set(['map', 'allocated_object', 'btf_object']);

/** Kinds that the contract alone decides; the others also depend on what is passed. */
const NAMED: Readonly<Partial<Record<ArgKind, KfuncArgKind>>> = {
  allocated_object: 'allocated_object',
  refcounted_object: 'refcounted_object',
  dynptr: 'dynptr',
  iterator: 'iterator',
  list_head: 'list_head',
  list_node: 'list_node',
  rb_root: 'rb_root',
  rb_node: 'rb_node',
  const_string: 'const_string',
  map: 'map',
  workqueue: 'workqueue',
};

/** What a pointer argument must be, by its type and name (get_kfunc_ptr_arg_type). */
function kindOf(env: VerifierEnv, arg: number, meta: KfuncMeta): KfuncArgKind {
  const param = meta.proto.params[arg]!;
  const { btf } = meta.proto;
  // bpf_cast_to_kern_ctx takes it as `void *`.
  if (param.arg.kind === 'ctx' && !isStructOrUnion(param.pointee)) return 'ctx';
  const target = param.type.kind === 'ptr' ? param.type.type : 0;
  if (isContextType(env, btf, target, env.programType)) return 'ctx';
  const r = regAt(arg + 1);
  if (param.arg.nullable && regIsNull(env.regs, r)) return 'null';
  return (
    NAMED[param.arg.kind] ?? kindByRegister(env, arg, param, meta) ?? memoryKind(env, arg, meta)
  );
}

function kindByRegister(
  env: VerifierEnv,
  arg: number,
  param: KfuncParam,
  meta: KfuncMeta,
): KfuncArgKind | undefined {
  const type = env.regs[regAt(arg + 1) + TYPE]!;
  if (baseType(type) === PTR_TO_BTF_ID || standsForStruct(type)) {
    if (isStructOrUnion(param.pointee)) return 'btf_object';
    const { pointee } = param;
    const kind = kindText(pointee);
    env.reject('EINVAL', kfuncMessages.unsupported_pointer(meta.name, arg, kind, pointee.name));
  }
  return param.pointee.kind === 'func_proto' ? 'callback' : undefined;
}

function memoryKind(env: VerifierEnv, arg: number, meta: KfuncMeta): KfuncArgKind {
  const { btf, params } = meta.proto;
  const { arg: wanted, pointee } = params[arg]!;
  const next = params[arg + 1];
  const nextIsScalar = env.regs[regAt(arg + 2) + TYPE] === SCALAR_VALUE;
  const sized = next?.arg.kind === 'size' && nextIsScalar;
  const isPlain = wanted.memoryOk || isScalarType(pointee) || isNumbers(env, btf, pointee);
  if (!isPlain && !(sized && pointee.kind === 'void')) {
    const message = kfuncMessages.not_scalar_struct(arg, kindText(pointee), pointee.name, sized);
    env.reject('EINVAL', message);
  }
  return sized ? 'mem_and_size' : 'mem';
}

/** Is it a struct of numbers? Says so if it is too deep to tell. */
export function isNumbers(env: VerifierEnv, btf: Btf, type: BtfType): boolean {
  return isScalarStruct(btf, type, () => {
    if (env.talking) env.say(kfuncMessages.struct_nesting());
  });
}
