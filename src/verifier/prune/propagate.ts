import type { VerifierEnv } from '../env.ts';
import { prune } from '../messages/prune.ts';
import { markChainPrecisionBatch } from '../precision/backtrack.ts';
import {
  LIVE,
  PRECISE,
  REG_LIVE_READ,
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
import { markInsnZext, markRegReadHere } from './liveness.ts';

const FRAME_POINTER = 10;
const FIRST_CALLEE_SAVED = 6;

/** What was read after the old state will be read after `current` (propagate_liveness). */
export function propagateLiveness(
  env: VerifierEnv,
  old: VerifierState,
  current: VerifierState,
): void {
  for (let i = 0; i <= old.curframe; i++) {
    const ow = old.frames[i]!.words;
    const cw = current.frames[i]!.words;
    for (let n = i < old.curframe ? FIRST_CALLEE_SAVED : 0; n < FRAME_POINTER; n++) {
      const r = regAt(n);
      if (propagateReg(env, ow, cw, r) === REG_LIVE_READ64) markInsnZext(env, cw, r);
    }
    const bytes = Math.min(old.frames[i]!.allocatedStack, current.frames[i]!.allocatedStack);
    for (let spi = 0; spi < bytes / REG_SIZE; spi++) propagateReg(env, ow, cw, slotAt(spi));
  }
}

/** The mark that was passed on, or 0 (propagate_liveness_reg). */
function propagateReg(env: VerifierEnv, ow: Int32Array, cw: Int32Array, r: number): number {
  const flag = ow[r + LIVE]! & REG_LIVE_READ;
  if (flag === 0) return 0;
  const own = cw[r + LIVE]! & REG_LIVE_READ;
  if (own === REG_LIVE_READ64 || own === flag) return 0;
  markRegReadHere(env, cw, r, flag);
  return flag;
}

/** What had to be precise after the old state must be on this path (propagate_precision). */
export function propagatePrecision(env: VerifierEnv, old: VerifierState): void {
  for (let i = old.curframe; i >= 0; i--) {
    const names: string[] | undefined = env.logLevel & 2 ? [] : undefined;
    const found = collectPrecise(env, old.frames[i]!, i, names);
    if (found && env.talking) env.say(prune.propagating(i, names ?? []));
  }
  markChainPrecisionBatch(env);
}

function isWanted(w: Int32Array, r: number): boolean {
  return (
    w[r + TYPE] === SCALAR_VALUE && w[r + PRECISE] !== 0 && (w[r + LIVE]! & REG_LIVE_READ) !== 0
  );
}

/** Asks for the registers and slots of `frame` that are precise; false if there are none. */
function collectPrecise(
  env: VerifierEnv,
  frame: FuncState,
  frameno: number,
  names: string[] | undefined,
): boolean {
  const w = frame.words;
  let found = false;
  for (let n = 0; n < FRAME_POINTER; n++) {
    if (!isWanted(w, regAt(n))) continue;
    env.backtrack.setFrameReg(frameno, n);
    names?.push(`r${n}`);
    found = true;
  }
  for (let spi = 0; spi < frame.allocatedStack / REG_SIZE; spi++) {
    const r = slotAt(spi);
    if (slotType(w, r, REG_SIZE - 1) !== STACK_SPILL || !isWanted(w, r)) continue;
    env.backtrack.setSlot(frameno, spi);
    names?.push(`fp${-(spi + 1) * REG_SIZE}`);
    found = true;
  }
  return found;
}
