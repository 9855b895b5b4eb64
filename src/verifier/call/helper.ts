/** Calls of helpers, in the kernel's order of checks and words (check_helper_call). */
import { helperName, isAllowedHere } from '../../abi/index.ts';
import { AUX_STORAGE_GET_ATOMIC, type VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import { isGplCompatible } from '../load/program-kinds.ts';
import { checkMemAccess } from '../mem/access.ts';
import { inRcuCs, inSleepable } from '../mem/pointers.ts';
import { pointedFrame } from '../mem/slots.ts';
import { writeStackBytes } from '../mem/stack-write.ts';
import { callMessages, referenceMessages } from '../messages/call.ts';
import { eachReg } from '../state/each-reg.ts';
import {
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  OFF,
  PTR_TO_STACK,
  REF_OBJ_ID,
  regAt,
  TYPE,
  VALUE,
} from '../state/layout.ts';
import { releaseReferenceState } from '../state/references.ts';
import { regIsNull } from '../value/bounds.ts';
import { isDynptr } from './arg-types.ts';
import { checkFuncArg } from './arguments.ts';
import { helperCaller, type HelperPrototype, helperPrototype } from './contracts.ts';
import {
  clearAllPacketPointers,
  clearCallerSavedRegs,
  markInvalid,
  releaseReference,
} from './effects.ts';
import { checkMapFuncCompatibility } from './map-compat.ts';
import { recordKey, recordMap } from './map-record.ts';
import { CallMeta } from './meta.ts';
import { setResult } from './result.ts';
import { unmarkStackSlotsDynptr } from './special/dynptr.ts';
import { CHANGES_PACKET, checkLate, checkSpecial, PERCPU_OBJECT } from './special-helpers.ts';

const sharedMeta = new CallMeta();

/** Checks the helper call at instruction `insn` (check_helper_call). */
export function checkHelperCall(env: VerifierEnv, insn: number): void {
  const id = env.code.imm[insn]!;
  const proto = findPrototype(env, id);
  checkMayCall(env, proto);
  checkMaySleep(env, proto, insn);
  const meta = sharedMeta.reset();
  meta.packetAccess = proto.packetAccess;
  meta.proto = proto;
  for (let i = 0; i < 5; i++) checkFuncArg(env, i, meta, proto, insn);
  recordMap(env, proto, meta, insn);
  recordKey(env, proto, meta, insn);
  if (meta.accessSize > 0) writeRawMemory(env, insn, meta);
  if (meta.releaseRegno !== 0) releaseArgument(env, proto, meta);
  const { state } = env;
  const { curframe } = state;
  const special = checkSpecial(env, insn, meta, proto);
  // Where callbacks are walked once, theirs may run now; the result is the caller's.
  const entered = state.curframe - curframe;
  state.curframe = curframe;
  finishCall(env, insn, proto, meta, special);
  state.curframe += entered;
}

/** What the call writes to the stack, at a fixed place that was checked. */
function writeRawMemory(env: VerifierEnv, insn: number, { regno, accessSize }: CallMeta): void {
  const w = env.regs;
  const r = regAt(regno);
  if (env.bypassSpecV4 && w[r + TYPE] === PTR_TO_STACK) {
    const min = (w[r + OFF]! + w[r + VALUE]!) | 0;
    writeStackBytes(env, pointedFrame(env, w, r), min, min + accessSize, insn);
    return;
  }
  for (let i = 0; i < accessSize; i++) {
    checkMemAccess(env, insn, regno, i, 1, 'write', -1, false, false);
  }
}

function finishCall(
  env: VerifierEnv,
  insn: number,
  proto: HelperPrototype,
  meta: CallMeta,
  special: number,
): void {
  clearCallerSavedRegs(env, env.regs);
  setResult(env, insn, proto, meta, (special & PERCPU_OBJECT) !== 0);
  checkMapFuncCompatibility(env, env.maps[meta.map - 1], proto);
  checkLate(env, proto);
  if (proto.changesPacket || special & CHANGES_PACKET) clearAllPacketPointers(env);
}

/** func_id_name: 'bpf_map_lookup_elem', or 'unknown'. */
function helperText(id: number): string {
  const name = helperName(id);
  return name === undefined ? 'unknown' : `bpf_${name}`;
}

function findPrototype(env: VerifierEnv, id: number): HelperPrototype {
  if (id < 0 || id >= env.profile.tables.helperCount) {
    env.reject('EINVAL', callMessages.invalid_func(helperText(id), id));
  }
  const proto = helperPrototype(env, id);
  if (!proto) {
    const words = gates.helperNotForType
      ? callMessages.wrong_program_type
      : callMessages.unknown_func;
    env.reject('EINVAL', words(helperText(id), id));
  }
  return proto;
}

function checkMayCall(env: VerifierEnv, proto: HelperPrototype): void {
  if (proto.gplOnly && !isGplCompatible(env.input.license)) {
    env.reject('EINVAL', callMessages.gpl_only());
  }
  if (!isAllowedHere(helperCaller(env), proto.contract.prototype!)) {
    env.reject('EINVAL', callMessages.not_in_probe());
  }
  if (proto.mightSleep && !inSleepable(env)) env.reject('EINVAL', callMessages.might_sleep());
}

/** In regions that must not sleep; helpers that allocate are told not to wait there. */
function checkMaySleep(env: VerifierEnv, proto: HelperPrototype, insn: number): void {
  const { state } = env;
  if (!state.activeRcuLock && state.activePreemptLock === 0) return;
  if (proto.mightSleep) {
    const words = state.activeRcuLock
      ? callMessages.sleeps_in_rcu(proto.name, proto.id)
      : callMessages.sleeps_in_preempt(proto.name, proto.id);
    env.reject('EINVAL', words);
  }
  if (inSleepable(env) && proto.allocatesStorage) {
    env.aux.flags[insn]! |= AUX_STORAGE_GET_ATOMIC;
  }
}

/** The call takes over the reference of an argument. */
function releaseArgument(env: VerifierEnv, proto: HelperPrototype, meta: CallMeta): void {
  const r = regAt(meta.releaseRegno);
  let released: boolean;
  if (isDynptr(proto.argTypes[meta.releaseRegno - 1]!)) {
    released = unmarkStackSlotsDynptr(env, env.regs, r);
  } else if (meta.kptrField && meta.refObjId !== 0) {
    released = giveToKptr(env, meta.refObjId);
  } else if (meta.refObjId !== 0) {
    released = releaseReference(env, meta.refObjId);
  } else {
    released = regIsNull(env.regs, r);
  }
  if (!released) env.reject('EINVAL', referenceMessages.not_acquired(proto.name, proto.id));
}

/** A per-CPU object that went into a kptr stays readable until RCU's grace period ends. */
function giveToKptr(env: VerifierEnv, refObjId: number): boolean {
  if (!releaseReferenceState(env.frame, refObjId)) return false;
  const inRcu = inRcuCs(env);
  eachReg(env.state, (w, r) => {
    if (w[r + REF_OBJ_ID] !== refObjId) return;
    const type = w[r + TYPE]!;
    if (inRcu && type & MEM_ALLOC && type & MEM_PERCPU) {
      w[r + REF_OBJ_ID] = 0;
      w[r + TYPE] = (type & ~MEM_ALLOC) | MEM_RCU;
    } else {
      markInvalid(env, w, r);
    }
  });
  return true;
}
