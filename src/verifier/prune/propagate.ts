import type { VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import { BPF_LOG_LEVEL2 } from '../log/levels.ts';
import { prune } from '../messages/prune.ts';
import { markChainPrecisionBatch } from '../precision/backtrack.ts';
import {
  PRECISE,
  REG_LIVE_READ32,
  REG_LIVE_READ64,
  REG_SIZE,
  SCALAR_VALUE,
  STACK_SPILL,
  TYPE,
  regAt,
  slotAt,
  slotType,
} from '../state/layout.ts';
import type { FuncState, VerifierState } from '../state/state.ts';
import { highSlots, lowSlots, markInsnZext, markRegReadHere, markSlotsRead } from './liveness.ts';

/** r0 to r9. */
const BELOW_FRAME_POINTER = 0x3ff;
/** r6 to r9. */
const CALLEE_SAVED = 0x3c0;

/** What was read after the old state will be read after `current` (propagate_liveness). */
export function propagateLiveness(
  env: VerifierEnv,
  old: VerifierState,
  current: VerifierState,
): void {
  for (let i = 0; i <= old.curframe; i++) {
    const from = old.frames[i]!;
    const to = current.frames[i]!;
    const regs = from.readRegs & (i < old.curframe ? CALLEE_SAVED : BELOW_FRAME_POINTER);
    for (let mask = regs; mask; mask &= mask - 1) {
      const bit = mask & -mask;
      const r = regAt(lowestBit(mask));
      const isWide = (from.read64Regs & bit) !== 0;
      markRegReadHere(env, to.words, r, isWide ? REG_LIVE_READ64 : REG_LIVE_READ32);
      if (isWide) markInsnZext(env, to.words, r);
    }
    const low = from.readSlotsLow & lowSlots(to.slots);
    const high = from.readSlotsHigh & highSlots(to.slots);
    if (low | high) markSlotsRead(env, to, low, high, 1);
  }
}

/** What had to be precise after the old state must be on this path (propagate_precision). */
export function propagatePrecision(env: VerifierEnv, old: VerifierState): void {
  for (let i = old.curframe; i >= 0; i--) {
    const names: string[] | undefined = env.logLevel & BPF_LOG_LEVEL2 ? [] : undefined;
    const found = collectPrecise(env, old.frames[i]!, i, names);
    if (found && env.talking && gates.framedPrecision) env.say(prune.propagating(i, names ?? []));
  }
  markChainPrecisionBatch(env);
}

/** Asks for the registers and slots of `frame` that are precise; false if there are none. */
function collectPrecise(
  env: VerifierEnv,
  frame: FuncState,
  frameno: number,
  names: string[] | undefined,
): boolean {
  let found = false;
  for (let mask = frame.readRegs & frame.preciseRegs; mask; mask &= mask - 1) {
    const n = lowestBit(mask);
    if (!isPrecise(frame.words, regAt(n))) continue;
    env.backtrack.setFrameReg(frameno, n);
    names?.push(`r${n}`);
    found = true;
  }
  const { preciseSlotsLow, preciseSlotsHigh } = frame;
  const low = collectSlots(env, frame, frameno, frame.readSlotsLow & preciseSlotsLow, 0, names);
  const high = collectSlots(env, frame, frameno, frame.readSlotsHigh & preciseSlotsHigh, 32, names);
  return found || low || high;
}

function collectSlots(
  env: VerifierEnv,
  frame: FuncState,
  frameno: number,
  slots: number,
  base: number,
  names: string[] | undefined,
): boolean {
  let found = false;
  for (let mask = slots; mask; mask &= mask - 1) {
    const spi = base + lowestBit(mask);
    const r = slotAt(spi);
    if (slotType(frame.words, r, REG_SIZE - 1) !== STACK_SPILL) continue;
    if (!isPrecise(frame.words, r)) continue;
    env.backtrack.setSlot(frameno, spi);
    names?.push(`fp${-(spi + 1) * REG_SIZE}`);
    found = true;
  }
  return found;
}

function isPrecise(w: Int32Array, r: number): boolean {
  return w[r + TYPE] === SCALAR_VALUE && w[r + PRECISE] !== 0;
}

function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}
