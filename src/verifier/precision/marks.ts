/** Marks of precision in a checkpoint. */
import type { VerifierEnv } from '../env.ts';
import { precision } from '../messages/precision.ts';
import { PRECISE, regAt, SCALAR_VALUE, slotAt, TYPE } from '../state/layout.ts';
import { type FuncState, MAIN_CALLSITE, type VerifierState } from '../state/state.ts';

/** r1 to r5. */
const ARGUMENTS = 0x3e;

/** The start of a function that is verified on its own: only its arguments can be left. */
export function markEntryArguments(env: VerifierEnv, state: VerifierState): void {
  const wanted = env.backtrack;
  const frame = state.frameAt(0);
  const regs = wanted.regs[wanted.frame]!;
  const isEntry = state.curframe === 0 && frame.subprogno > 0 && frame.callsite === MAIN_CALLSITE;
  if (!isEntry || wanted.hasSlots || regs & ~ARGUMENTS) {
    const { slotsLow, slotsHigh } = wanted;
    const at = wanted.frame;
    env.reject('EFAULT', precision.bug_entry(frame.subprogno, regs, slotsLow[at]!, slotsHigh[at]!));
  }
  for (let n = 1; n <= 5; n++) {
    if (!wanted.hasReg(n)) continue;
    wanted.clearReg(n);
    markRegPrecise(frame, n);
  }
}

/** Marks a register as precise; false if it was, or is no scalar. */
export function markRegPrecise(frame: FuncState, n: number): boolean {
  if (!markPrecise(frame.words, regAt(n))) return false;
  frame.preciseRegs |= 1 << n;
  return true;
}

/** Marks what is spilled in slot `spi` as precise; false if it was, or is no scalar. */
export function markSlotPrecise(frame: FuncState, spi: number): boolean {
  if (!markPrecise(frame.words, slotAt(spi))) return false;
  if (spi < 32) frame.preciseSlotsLow |= 1 << spi;
  else frame.preciseSlotsHigh |= 1 << (spi - 32);
  return true;
}

function markPrecise(w: Int32Array, r: number): boolean {
  if (w[r + TYPE] !== SCALAR_VALUE || w[r + PRECISE]) return false;
  w[r + PRECISE] = 1;
  return true;
}
