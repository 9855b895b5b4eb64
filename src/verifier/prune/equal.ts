import type { VerifierEnv } from '../env.ts';
import { MAX_REGS, REG_SHIFT, regAt } from '../state/layout.ts';
import type { FuncState, VerifierState } from '../state/state.ts';
import { type Exactness, NOT_EXACT, regSafe } from './equal-regs.ts';
import { refsSafe, slotSafe, stackSafe } from './equal-stack.ts';
import type { IdMap } from './idmap.ts';

const FRAME_SHIFT = 7;
const RECORD_MASK = 0x7f;
const ALL_REGS = (1 << MAX_REGS) - 1;

/**
 * If the rest of the program was safe from the old state on, it is from `current` on
 * (states_equal).
 */
export function statesEqual(
  env: VerifierEnv,
  old: VerifierState,
  current: VerifierState,
  exact: Exactness,
): boolean {
  if (old.curframe !== current.curframe) return false;
  env.ids.reset(env.idGen);
  env.difference = -1;
  if (old.speculative && !current.speculative) return false;
  if (!locksEqual(env.ids, old, current)) return false;
  for (let i = 0; i <= old.curframe; i++) {
    const oldFrame = old.frames[i]!;
    const frame = current.frames[i]!;
    if (oldFrame.callsite !== frame.callsite) return false;
    if (!framesEqual(env, oldFrame, frame, exact)) return false;
  }
  return true;
}

function locksEqual(ids: IdMap, old: VerifierState, current: VerifierState): boolean {
  if (old.activeLock !== current.activeLock) return false;
  if (!ids.check(old.activeLockId, current.activeLockId)) return false;
  return (
    old.activeRcuLock === current.activeRcuLock &&
    old.activePreemptLock === current.activePreemptLock &&
    old.inSleepable === current.inSleepable
  );
}

function framesEqual(
  env: VerifierEnv,
  old: FuncState,
  current: FuncState,
  exact: Exactness,
): boolean {
  if (old.callbackDepth > current.callbackDepth) return false;
  const ow = old.words;
  const cw = current.words;
  // What was not read may differ, unless the states must be exactly alike.
  for (let mask = exact === NOT_EXACT ? old.readRegs : ALL_REGS; mask; mask &= mask - 1) {
    const n = 31 - Math.clz32(mask & -mask);
    const r = regAt(n);
    if (regSafe(env, ow, r, cw, r, exact)) continue;
    env.difference = (old.frameno << FRAME_SHIFT) | n;
    return false;
  }
  return stackSafe(env, old, current, exact) && refsSafe(env, old, current);
}

/**
 * True if `current` differs from the finished state `old` where an earlier state did: states that
 * do not match mostly differ in the same place, and one look there spares comparing all.
 */
export function differsAt(
  env: VerifierEnv,
  old: VerifierState,
  current: VerifierState,
  difference: number,
): boolean {
  const from = old.frames[difference >> FRAME_SHIFT];
  const to = current.frames[difference >> FRAME_SHIFT];
  if (!from || !to) return false;
  env.ids.reset(env.idGen);
  const record = difference & RECORD_MASK;
  const r = record << REG_SHIFT;
  if (record < MAX_REGS) return !regSafe(env, from.words, r, to.words, r, NOT_EXACT);
  return !slotSafe(env, from, to, record - MAX_REGS, NOT_EXACT);
}

/** Two states have the same callers (same_callsites). */
export function sameCallsites(a: VerifierState, b: VerifierState): boolean {
  if (a.curframe !== b.curframe) return false;
  for (let i = a.curframe; i >= 0; i--) {
    if (a.frames[i]!.callsite !== b.frames[i]!.callsite) return false;
  }
  return true;
}
