/** Arguments of helpers, one at a time, in the kernel's order of checks and words. */
import { gates } from '../gates.ts';
import { mapRules } from '../../abi/index.ts';
import type { VerifierEnv } from '../env.ts';
import { checkAlignment } from '../mem/alignment.ts';
import { checkHelperMemAccess, checkMemSizeReg } from '../mem/helper-memory.ts';
import { mayAccessPacket } from '../mem/packet.ts';
import { isPacketType, isPointerValue } from '../mem/pointers.ts';
import { checkPtrOffReg } from '../mem/region.ts';
import { callMessages, mapCallMessages, referenceMessages } from '../messages/call.ts';
import { dynptrMessages } from '../messages/dynptr.ts';
import { lockMessages } from '../messages/lock.ts';
import { markChainPrecision } from '../precision/backtrack.ts';
import { checkRegArg } from '../prune/liveness.ts';
import {
  BTF,
  BTF_ID,
  baseType,
  FRAMENO,
  MAP,
  MAP_UID,
  MEM_ALIGNED,
  MEM_ALLOC,
  MEM_FIXED_SIZE,
  MEM_RCU,
  MEM_RDONLY,
  MEM_RINGBUF,
  MEM_UNINIT,
  MEM_WRITE,
  NON_OWN_REF,
  OFF,
  PTR_MAYBE_NULL,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  PTR_TRUSTED,
  REF_OBJ_ID,
  REG_SIZE,
  regAt,
  SCALAR_VALUE,
  SUBPROGNO,
  slotAt,
  TYPE,
  VALUE,
} from '../state/layout.ts';
import type { VerifierMap } from '../types.ts';
import { regIsNull } from '../value/bounds.ts';
import { tnumIsConst } from '../value/tnum.ts';
import * as arg from './arg-types.ts';
import type { HelperPrototype } from './contracts.ts';
import type { CallMeta } from './meta.ts';
import { checkRegType } from './register-type.ts';
import { checkConstString } from './special/const-string.ts';
import { dynptrGetSpi, processDynptrFunc } from './special/dynptr.ts';
import { processKptrFunc } from './special/kptr.ts';
import { inRbtreeLockRequiredCallback } from './special/rbtree-callback.ts';
import { processSpinLock } from './special/spin-lock.ts';
import { processTimerFunc } from './special/timer.ts';

/** Checks argument `index` (0-based) of a helper call at `insn` (check_func_arg). */
export function checkFuncArg(
  env: VerifierEnv,
  index: number,
  meta: CallMeta,
  proto: HelperPrototype,
  insn: number,
): void {
  const wanted = proto.argTypes[index]!;
  if (wanted === arg.ARG_DONTCARE) return;
  const regno = index + 1;
  checkRegArg(env, regno, 'src');
  if (wanted === arg.ARG_ANYTHING) {
    if (isPointerValue(env, regno)) env.reject('EACCES', callMessages.leaks_address(regno));
    return;
  }
  const type = env.regs[regAt(regno) + TYPE]!;
  if (isPacketType(type) && !mayAccessPacket(env, meta, 'read')) {
    env.reject('EACCES', callMessages.packet_access());
  }
  const argType =
    baseType(wanted) === arg.ARG_PTR_TO_MAP_VALUE ? mapValueType(env, meta, wanted) : wanted;
  if (argType & PTR_MAYBE_NULL && regIsNull(env.regs, regAt(regno))) {
    markChainPrecision(env, regno);
  } else {
    checkRegType(env, regno, argType, proto.argBtfIds[index]!, meta);
    checkFuncArgRegOff(env, env.regs, regAt(regno), regno, argType);
  }
  noteReferences(env, regno, argType, meta);
  if (arg.isMemSize(argType)) checkSize(env, regno, argType, proto, meta);
  else if (baseType(argType) === arg.ARG_PTR_TO_MEM) checkMemory(env, regno, argType, proto, meta);
  else checkByKind(env, regno, argType, insn, meta);
}

/** What a map's value argument is for this type of map (resolve_map_arg_type). */
function mapValueType(env: VerifierEnv, meta: CallMeta, argType: number): number {
  if (meta.map === 0) env.reject('EACCES', mapCallMessages.no_map('type'));
  const rules = mapRules(env.maps[meta.map - 1]!.type);
  if (rules?.lookup === 'socket') {
    if (argType === arg.ARG_PTR_TO_MAP_VALUE) return arg.ARG_PTR_TO_BTF_ID_SOCK_COMMON;
    env.reject('EINVAL', mapCallMessages.sockmap_value());
  }
  const asks = rules?.peekAsks && meta.proto!.peeks;
  return asks ? arg.ARG_PTR_TO_MAP_VALUE : argType;
}

function noteReferences(env: VerifierEnv, regno: number, argType: number, meta: CallMeta): void {
  if (arg.isRelease(argType)) {
    checkRelease(env, regno, argType);
    meta.releaseRegno = regno;
  }
  const refObjId = env.regs[regAt(regno) + REF_OBJ_ID]!;
  if (refObjId === 0 || baseType(argType) === arg.ARG_KPTR_XCHG_DEST) return;
  if (meta.refObjId !== 0) {
    env.reject('EFAULT', referenceMessages.more_than_one(regno, refObjId, meta.refObjId));
  }
  meta.refObjId = refObjId;
}

function checkRelease(env: VerifierEnv, regno: number, argType: number): void {
  const w = env.regs;
  const r = regAt(regno);
  if (!arg.isDynptr(argType)) {
    if (w[r + REF_OBJ_ID] !== 0 || regIsNull(w, r)) return;
    env.reject('EINVAL', referenceMessages.must_be_referenced(regno));
  }
  if (w[r + TYPE] !== PTR_TO_STACK) {
    const reason = gates.dynptrOverwrites
      ? dynptrMessages.unowned()
      : referenceMessages.unacquired_dynptr(regno);
    env.reject('EINVAL', reason);
  }
  const { words } = env.state.frameAt(w[r + FRAMENO]!);
  const spi = dynptrGetSpi(env, w, r);
  if (spi < 0 || words[slotAt(spi) + REF_OBJ_ID] === 0) {
    env.reject('EINVAL', referenceMessages.unacquired_dynptr(regno));
  }
}

const accessOf = (argType: number): 'read' | 'write' => (argType & MEM_WRITE ? 'write' : 'read');

/** Arguments that stand for themselves. */
function checkByKind(
  env: VerifierEnv,
  regno: number,
  argType: number,
  insn: number,
  meta: CallMeta,
): void {
  switch (baseType(argType)) {
    case arg.ARG_CONST_MAP_PTR:
      return takeMap(env, regno, meta);
    case arg.ARG_PTR_TO_MAP_KEY:
      return checkMapKey(env, regno, meta);
    case arg.ARG_PTR_TO_MAP_VALUE:
      return checkMapValue(env, regno, argType, meta);
    case arg.ARG_PTR_TO_PERCPU_BTF_ID:
      return takePercpuType(env, regno, meta);
    case arg.ARG_PTR_TO_SPIN_LOCK:
      if (inRbtreeLockRequiredCallback(env)) {
        env.reject('EACCES', lockMessages.in_rbtree_callback());
      }
      return processSpinLock(env, regno, meta.proto!.takesLock);
    case arg.ARG_PTR_TO_TIMER:
      return processTimerFunc(env, regno, meta);
    case arg.ARG_PTR_TO_FUNC:
      meta.subprogno = env.regs[regAt(regno) + SUBPROGNO]!;
      return undefined;
    case arg.ARG_PTR_TO_DYNPTR:
      return processDynptrFunc(env, regno, insn, argType, 0);
    case arg.ARG_CONST_ALLOC_SIZE_OR_ZERO:
      return takeAllocSize(env, regno, meta);
    case arg.ARG_PTR_TO_CONST_STR:
      return checkConstString(env, regno);
    case arg.ARG_KPTR_XCHG_DEST:
      return processKptrFunc(env, regno, meta);
    default:
      return undefined;
  }
}

function takeMap(env: VerifierEnv, regno: number, meta: CallMeta): void {
  const w = env.regs;
  const r = regAt(regno);
  const map = w[r + MAP]!;
  const uid = w[r + MAP_UID]!;
  // A timer must be started with the very map it lives in, also when that is an inner map.
  if (meta.map !== 0 && (meta.map !== map || meta.mapUid !== uid)) {
    env.reject('EINVAL', mapCallMessages.different_map(meta.mapUid, uid));
  }
  meta.map = map;
  meta.mapUid = uid;
}

function mapOf(env: VerifierEnv, meta: CallMeta, use: 'key' | 'value'): VerifierMap {
  if (meta.map === 0) env.reject('EACCES', mapCallMessages.no_map(use));
  return env.maps[meta.map - 1]!;
}

function checkMapKey(env: VerifierEnv, regno: number, meta: CallMeta): void {
  const map = mapOf(env, meta, 'key');
  checkHelperMemAccess(env, regno, map.keySize, 'read', false);
}

function checkMapValue(env: VerifierEnv, regno: number, argType: number, meta: CallMeta): void {
  if (argType & PTR_MAYBE_NULL && regIsNull(env.regs, regAt(regno))) return;
  const map = mapOf(env, meta, 'value');
  meta.rawMode = (argType & MEM_UNINIT) !== 0;
  checkHelperMemAccess(env, regno, map.valueSize, accessOf(argType), false, meta);
}

function takePercpuType(env: VerifierEnv, regno: number, meta: CallMeta): void {
  const r = regAt(regno);
  if (env.regs[r + BTF_ID] === 0) env.reject('EACCES', callMessages.btf_id(regno));
  meta.retBtf = env.regs[r + BTF]!;
  meta.retBtfId = env.regs[r + BTF_ID]!;
}

/** Memory of unknown size is checked with the size argument behind it. */
function checkMemory(
  env: VerifierEnv,
  regno: number,
  argType: number,
  proto: HelperPrototype,
  meta: CallMeta,
): void {
  meta.rawMode = (argType & MEM_UNINIT) !== 0;
  if (!(argType & MEM_FIXED_SIZE)) return;
  const size = proto.argSizes[regno - 1]!;
  checkHelperMemAccess(env, regno, size, accessOf(argType), false, meta);
  if (argType & MEM_ALIGNED) checkAlignment(env, env.regs, regAt(regno), 0, size, true);
}

/** The length of the memory argument before it. */
function checkSize(
  env: VerifierEnv,
  regno: number,
  argType: number,
  proto: HelperPrototype,
  meta: CallMeta,
): void {
  const zeroOk = argType === arg.ARG_CONST_SIZE_OR_ZERO;
  checkMemSizeReg(env, regno, accessOf(proto.argTypes[regno - 2]!), zeroOk, meta);
}

function takeAllocSize(env: VerifierEnv, regno: number, meta: CallMeta): void {
  const r = regAt(regno);
  if (!tnumIsConst(env.regs, r)) env.reject('EACCES', callMessages.unknown_constant(regno));
  meta.memSize = env.regs[r + VALUE]!;
  markChainPrecision(env, regno);
}

/** Pointers that may have any offset, known and unknown part. */
const ANY_OFFSET = new Set([
  PTR_TO_STACK,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_MEM | MEM_RDONLY,
  PTR_TO_MEM | MEM_RINGBUF,
  PTR_TO_BUF,
  PTR_TO_BUF | MEM_RDONLY,
  PTR_TO_ARENA,
  SCALAR_VALUE,
]);
const FIXED_OFFSET = new Set([
  PTR_TO_BTF_ID,
  PTR_TO_BTF_ID | MEM_ALLOC,
  PTR_TO_BTF_ID | PTR_TRUSTED,
  PTR_TO_BTF_ID | MEM_RCU,
  PTR_TO_BTF_ID | MEM_ALLOC | NON_OWN_REF,
  PTR_TO_BTF_ID | MEM_ALLOC | NON_OWN_REF | MEM_RCU,
]);

/** Which offsets a pointer argument may have (check_func_arg_reg_off). */
export function checkFuncArgRegOff(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  regno: number,
  argType: number,
): void {
  const type = w[r + TYPE]!;
  if (!gates.trustedPointers) {
    checkOlderOffset(env, w, r, regno, argType);
  } else if (arg.isRelease(argType)) {
    // The dynptr is somewhere on the stack; what it holds is released.
    if (arg.isDynptr(argType) && type === PTR_TO_STACK) return;
    if (w[r + OFF] !== 0) env.reject('EINVAL', callMessages.zero_offset(regno));
    checkPtrOffReg(env, w, r, regno, false);
  } else if (!ANY_OFFSET.has(type)) {
    checkPtrOffReg(env, w, r, regno, FIXED_OFFSET.has(type));
  }
}

/** The same in older kernels: what is released may not have been moved only if it is an object. */
function checkOlderOffset(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  regno: number,
  argType: number,
): void {
  const type = w[r + TYPE]!;
  const off = w[r + OFF]!;
  if (type === PTR_TO_STACK && arg.isDynptr(argType) && off % REG_SIZE !== 0) {
    env.reject('EINVAL', callMessages.dynptr_offset());
  }
  if (ANY_OFFSET.has(type) && baseType(argType) !== arg.ARG_PTR_TO_RINGBUF_MEM) return;
  if (type === PTR_TO_BTF_ID && arg.isRelease(argType) && off !== 0) {
    env.reject('EINVAL', callMessages.older_zero_offset(regno));
  }
  checkPtrOffReg(env, w, r, regno, type === PTR_TO_BTF_ID);
}
