import type { VerifierEnv } from '../env.ts';
import {
  MAX_REGS,
  PRECISE,
  REG_SIZE,
  SCALAR_VALUE,
  STACK_SPILL,
  TYPE,
  regAt,
  slotAt,
  slotType,
} from '../state/layout.ts';
import type { VerifierState } from '../state/state.ts';
import { markUnknown } from '../value/bounds.ts';
import { sameCallsites } from './equal.ts';
import { regsExact } from './equal-regs.ts';

/**
 * The latest open checkpoint of `insn` above `state` with the same callers: the round of the loop
 * before (find_prev_entry).
 */
export function previousEntry(
  env: VerifierEnv,
  state: VerifierState,
  insn: number,
): VerifierState | undefined {
  const bucket = env.checkpoints.bucket(insn, env.state.frame.callsite);
  for (let at = env.checkpoints.first(bucket); at; at = at.next) {
    const old = at.state;
    if (old.insnIdx !== insn || !old.branches || !sameCallsites(old, state)) continue;
    if (old.dfsDepth < state.dfsDepth) return old;
  }
  return undefined;
}

/**
 * Forgets the values of scalars that changed since `old` and need not be precise, so that loops
 * converge (widen_imprecise_scalars).
 */
export function widenImpreciseScalars(
  env: VerifierEnv,
  old: VerifierState,
  current: VerifierState,
): void {
  env.ids.reset(env.idGen);
  for (let i = old.curframe; i >= 0; i--) {
    const oldFrame = old.frameAt(i);
    const frame = current.frameAt(i);
    const ow = oldFrame.words;
    const cw = frame.words;
    for (let n = 0; n < MAX_REGS; n++) widenReg(env, ow, cw, regAt(n));
    const slots = Math.min(oldFrame.allocatedStack, frame.allocatedStack) / REG_SIZE;
    for (let spi = 0; spi < slots; spi++) {
      const r = slotAt(spi);
      if (slotType(ow, r, REG_SIZE - 1) !== STACK_SPILL) continue;
      if (slotType(cw, r, REG_SIZE - 1) === STACK_SPILL) widenReg(env, ow, cw, r);
    }
  }
}

/** maybe_widen_reg */
function widenReg(env: VerifierEnv, ow: Int32Array, cw: Int32Array, r: number): void {
  if (ow[r + TYPE] !== SCALAR_VALUE || cw[r + TYPE] !== SCALAR_VALUE) return;
  if (ow[r + PRECISE] || cw[r + PRECISE] || regsExact(ow, r, cw, r, env.ids)) return;
  markUnknown(env, cw, r);
}
