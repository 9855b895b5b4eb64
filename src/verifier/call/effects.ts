/** What a call does to the state besides its result. */
import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** r1..r5 hold nothing after a call; `w`: words of the caller (clear_caller_saved_regs). */
export function clearCallerSavedRegs(_env: VerifierEnv, _w: Int32Array): void {
  throw new BugError('not written yet');
}

/** Pointers into the packet are gone in every frame (clear_all_pkt_pointers). */
export function clearAllPacketPointers(_env: VerifierEnv): void {
  throw new BugError('not written yet');
}

/** A new reference, taken at instruction `insn`; its id (acquire_reference_state). */
export function acquireReference(_env: VerifierEnv, _insn: number): number {
  throw new BugError('not written yet');
}

/**
 * Gives reference `refObjId` back: registers that depend on it become invalid. False if the running
 * frame does not hold it (release_reference).
 */
export function releaseReference(_env: VerifierEnv, _refObjId: number): boolean {
  throw new BugError('not written yet');
}

/** Pointers to nodes that a lock protected become invalid (invalidate_non_owning_refs). */
export function invalidateNonOwningRefs(_env: VerifierEnv): void {
  throw new BugError('not written yet');
}
