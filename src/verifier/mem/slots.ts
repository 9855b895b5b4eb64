/** Stack slots: 8 bytes with a type each, and the record of what was spilled to them. */
import type { VerifierEnv } from '../env.ts';
import {
  FRAMENO,
  NOT_INIT,
  REG_SIZE,
  SCALAR_VALUE,
  STACK_DYNPTR,
  STACK_INVALID,
  STACK_ITER,
  STACK_MISC,
  STACK_SPILL,
  STACK_ZERO,
  setSlotType,
  slotType,
  TYPE,
} from '../state/layout.ts';
import type { FuncState } from '../state/state.ts';

/** Frame that stack pointer `(w, r)` points into (func()). */
export function pointedFrame(env: VerifierEnv, w: Int32Array, r: number): FuncState {
  return env.state.frameAt(w[r + FRAMENO]!);
}

/** Slot that holds the byte at `off` (below 0) of the stack (__get_spi). */
export function spiOf(off: number): number {
  return (-off - 1) >> 3;
}

/** A register was spilled here, perhaps only its low bytes (is_spilled_reg). */
export function isSpilled(w: Int32Array, r: number): boolean {
  return slotType(w, r, REG_SIZE - 1) === STACK_SPILL;
}

/** Mirrors is_spilled_scalar_reg. */
export function isSpilledScalar(w: Int32Array, r: number): boolean {
  return isSpilled(w, r) && w[r + TYPE] === SCALAR_VALUE;
}

/** Bytes of the register spilled here. */
export function spillSize(w: Int32Array, r: number): number {
  let size = 1;
  while (size < REG_SIZE && slotType(w, r, REG_SIZE - 1 - size) === STACK_SPILL) size++;
  return size;
}

/** What stays of a slot's old content is data of unknown value (mark_stack_slot_misc). */
export function markMisc(w: Int32Array, r: number, i: number): void {
  const type = slotType(w, r, i);
  if (type !== STACK_ZERO && type !== STACK_INVALID) setSlotType(w, r, i, STACK_MISC);
}

/** Nothing is known of the 8 bytes but that they were written (scrub_spilled_slot). */
export function scrubTypes(w: Int32Array, r: number): void {
  for (let i = 0; i < REG_SIZE; i++) {
    if (slotType(w, r, i) !== STACK_INVALID) setSlotType(w, r, i, STACK_MISC);
  }
}

/** A write of plain data ends a spilled register, dynptr or iterator (scrub_special_slot). */
export function scrubSpecial(w: Int32Array, r: number): void {
  w[r + TYPE] = NOT_INIT;
  const type = slotType(w, r, REG_SIZE - 1);
  if (type === STACK_SPILL || type === STACK_DYNPTR || type === STACK_ITER) scrubTypes(w, r);
}
