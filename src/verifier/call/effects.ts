/** What a call does to the state besides its result. */
import type { VerifierEnv } from '../env.ts';
import { isNonOwningRef } from '../mem/pointers.ts';
import { eachReg } from '../state/each-reg.ts';
import {
  baseType,
  DYNPTR_TYPE_SKB_FLAG,
  DYNPTR_TYPE_XDP_FLAG,
  LIVE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
  REF_OBJ_ID,
  REG_LIVE_WRITTEN,
  regAt,
  SUBREG_DEF,
  TYPE,
  CALLER_SAVED_REGS,
} from '../state/layout.ts';
import { releaseReferenceState } from '../state/references.ts';
import { markNotInit, markUnknown } from '../value/bounds.ts';

/** r0..r5 hold nothing after a call; `w`: words of the caller (clear_caller_saved_regs). */
export function clearCallerSavedRegs(env: VerifierEnv, w: Int32Array): void {
  for (let regno = 0; regno < CALLER_SAVED_REGS; regno++) {
    const r = regAt(regno);
    markNotInit(env, w, r);
    env.scratchReg(regno);
    w[r + LIVE]! |= REG_LIVE_WRITTEN;
    w[r + SUBREG_DEF] = env.insnIdx + 1;
  }
}

/** A register whose pointer is gone; without CAP_PERFMON not even a number (mark_reg_invalid). */
export function markInvalid(env: VerifierEnv, w: Int32Array, r: number): void {
  if (env.allowPtrLeaks) markUnknown(env, w, r);
  else markNotInit(env, w, r);
}

function pointsIntoPacket(type: number): boolean {
  if (type === PTR_TO_PACKET_END) return true;
  const base = baseType(type);
  if (base === PTR_TO_PACKET || base === PTR_TO_PACKET_META) return true;
  return base === PTR_TO_MEM && (type & (DYNPTR_TYPE_SKB_FLAG | DYNPTR_TYPE_XDP_FLAG)) !== 0;
}

/** Pointers into the packet are gone in every frame (clear_all_pkt_pointers). */
export function clearAllPacketPointers(env: VerifierEnv): void {
  eachReg(env.state, (w, r) => {
    if (pointsIntoPacket(w[r + TYPE]!)) markInvalid(env, w, r);
  });
}

/** A new reference, taken at instruction `insn`; its id (acquire_reference_state). */
export function acquireReference(env: VerifierEnv, insn: number): number {
  const id = env.newId();
  env.frame.addRef(id, insn);
  return id;
}

/**
 * Gives reference `refObjId` back: registers that depend on it become invalid. False if the running
 * frame does not hold it (release_reference).
 */
export function releaseReference(env: VerifierEnv, refObjId: number): boolean {
  if (!releaseReferenceState(env.frame, refObjId)) return false;
  eachReg(env.state, (w, r) => {
    if (w[r + REF_OBJ_ID] === refObjId) markInvalid(env, w, r);
  });
  return true;
}

/** Pointers to nodes that a lock protected become invalid (invalidate_non_owning_refs). */
export function invalidateNonOwningRefs(env: VerifierEnv): void {
  eachReg(env.state, (w, r) => {
    if (isNonOwningRef(w[r + TYPE]!)) markInvalid(env, w, r);
  });
}
