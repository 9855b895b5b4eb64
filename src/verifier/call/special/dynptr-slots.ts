/** What a write to the stack does to the dynptr that is there. */
import type { VerifierEnv } from '../../env.ts';
import { dynptrMessages } from '../../messages/dynptr.ts';
import { eachReg } from '../../state/each-reg.ts';
import {
  BPF_DYNPTR_TYPE_RINGBUF,
  DYNPTR_FIRST_SLOT,
  DYNPTR_ID,
  DYNPTR_TYPE,
  fillSlotTypes,
  ID,
  PTR_MAYBE_NULL,
  PTR_TO_MEM,
  STACK_DYNPTR,
  STACK_INVALID,
  slotAt,
  slotType,
  TYPE,
} from '../../state/layout.ts';
import { gates } from '../../gates.ts';
import type { FuncState } from '../../state/state.ts';
import { markNotInit } from '../../value/bounds.ts';
import { markInvalid } from '../effects.ts';

/** Dynptrs of this kind hold a reference (dynptr_type_refcounted). */
export function isRefcounted(dynptrType: number): boolean {
  return dynptrType === BPF_DYNPTR_TYPE_RINGBUF;
}

/** The dynptr at slots `spi` and `spi` - 1 is gone. */
export function resetSlots(env: VerifierEnv, frame: FuncState, spi: number): void {
  const w = frame.words;
  for (let n = spi; n >= spi - 1; n--) markNotInit(env, w, slotAt(n));
  // A later read of the slots must not reach the parent state, which still had the dynptr.
  for (let n = spi; n >= spi - 1; n--) frame.noteSlotWritten(n);
}

/**
 * A write to stack slot `spi` of `frame` destroys the dynptr there, if any, with its slices
 * (destroy_if_dynptr_stack_slot). Rejects if that would lose a reference.
 */
export function destroyIfDynptrStackSlot(env: VerifierEnv, frame: FuncState, spi: number): void {
  const words = frame.words;
  if (slotType(words, slotAt(spi), 0) !== STACK_DYNPTR || !gates.dynptrOverwrites) return;
  const first = words[slotAt(spi) + DYNPTR_FIRST_SLOT] ? spi : spi + 1;
  if (isRefcounted(words[slotAt(first) + DYNPTR_TYPE]!)) {
    env.reject('EINVAL', dynptrMessages.overwrites_referenced());
  }
  env.scratchSlot(first);
  env.scratchSlot(first - 1);
  fillSlotTypes(words, slotAt(first), STACK_INVALID);
  fillSlotTypes(words, slotAt(first - 1), STACK_INVALID);
  invalidateSlices(env, words[slotAt(first) + ID]!);
  resetSlots(env, frame, first);
}

function invalidateSlices(env: VerifierEnv, dynptrId: number): void {
  eachReg(env.state, (w, r) => {
    const type = w[r + TYPE]!;
    if (type !== PTR_TO_MEM && type !== (PTR_TO_MEM | PTR_MAYBE_NULL)) return;
    if (w[r + DYNPTR_ID] === dynptrId) markInvalid(env, w, r);
  });
}
