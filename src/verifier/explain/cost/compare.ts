/** In what two states differ: all of it, where pruning looks for the first difference only. */
import type { VerifierEnv } from '../../env.ts';
import { EXACT, type Exactness, NOT_EXACT, RANGE_WITHIN, regSafe } from '../../prune/equal-regs.ts';
import { sameWords } from '../../prune/equal-words.ts';
import { refsSafe, slotSafe } from '../../prune/equal-stack.ts';
import { isMayGoto } from '../../cfg/cfg.ts';
import { AUX_CALLS_CALLBACK, AUX_ITER_NEXT } from '../../env.ts';
import { loopEntryOf } from '../../state/branches.ts';
import {
  baseType,
  MAX_REGS,
  NOT_INIT,
  OFF,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  RANGE,
  REG_SIZE,
  regAt,
  SCALAR_VALUE,
  slotAt,
  slotType,
  STACK_SPILL,
  TYPE,
  VALUE,
} from '../../state/layout.ts';
import type { FuncState, VerifierState } from '../../state/state.ts';
import { rangeWithin } from '../../value/bounds.ts';
import { tnumIn } from '../../value/tnum.ts';
import type { MissKind } from './types.ts';

/** `Found` about no place of a frame. */
export const NO_PLACE = -1;

/** Takes a difference: in which frame, and which record (0 to 10: registers; then slots). */
export type Found = (kind: MissKind, frame: number, record: number) => void;

/**
 * How alike the running state had to be to be covered by `old`, kept at the same instruction.
 * Undefined: `old` is one that the path came through, so that nothing would have been enough.
 */
export function exactnessFor(
  env: VerifierEnv,
  old: VerifierState,
  insn: number,
): Exactness | undefined {
  if (old.branches === 0) return loopEntryOf(old)?.branches ? RANGE_WITHIN : NOT_EXACT;
  const converges =
    (env.aux.flags[insn]! & (AUX_ITER_NEXT | AUX_CALLS_CALLBACK)) !== 0 || isMayGoto(env, insn);
  return converges ? RANGE_WITHIN : undefined;
}

/** Tells every difference that keeps `old` from covering `current`. */
export function findDifferences(
  env: VerifierEnv,
  old: VerifierState,
  current: VerifierState,
  exact: Exactness,
  found: Found,
): void {
  if (!sameFrames(old, current)) {
    found('frames', 0, NO_PLACE);
    return;
  }
  env.ids.reset(env.idGen);
  if (old.speculative && !current.speculative) found('speculative', 0, NO_PLACE);
  if (!sameLocks(env, old, current)) found('lock', 0, NO_PLACE);
  for (let i = 0; i <= old.curframe; i++) {
    inFrame(env, old.frameAt(i), current.frameAt(i), exact, found);
  }
}

function sameFrames(old: VerifierState, current: VerifierState): boolean {
  if (old.curframe !== current.curframe) return false;
  for (let i = 0; i <= old.curframe; i++) {
    if (old.frameAt(i).callsite !== current.frameAt(i).callsite) return false;
  }
  return true;
}

function sameLocks(env: VerifierEnv, old: VerifierState, current: VerifierState): boolean {
  return (
    old.activeLock === current.activeLock &&
    env.ids.check(old.activeLockId, current.activeLockId) &&
    old.activeRcuLock === current.activeRcuLock &&
    old.activePreemptLock === current.activePreemptLock &&
    old.inSleepable === current.inSleepable
  );
}

function inFrame(
  env: VerifierEnv,
  old: FuncState,
  current: FuncState,
  exact: Exactness,
  found: Found,
): void {
  const { frameno } = old;
  if (old.callbackDepth > current.callbackDepth) found('callback', frameno, NO_PLACE);
  for (let n = 0; n < MAX_REGS; n++) {
    if (exact === NOT_EXACT && !((old.readRegs >> n) & 1)) continue;
    const r = regAt(n);
    if (regSafe(env, old.words, r, current.words, r, exact)) continue;
    found(kindOfRegister(env, old.words, current.words, r), frameno, n);
  }
  for (let spi = 0; spi < old.slots; spi++) {
    if (exact === NOT_EXACT && !old.wasSlotRead(spi)) continue;
    if (slotSafe(env, old, current, spi, exact)) continue;
    found(kindOfSlot(env, old, current, spi), frameno, MAX_REGS + spi);
  }
  if (!refsSafe(env, old, current)) found('references', frameno, NO_PLACE);
}

function kindOfSlot(env: VerifierEnv, old: FuncState, current: FuncState, spi: number): MissKind {
  const isKept = isSpill(old, spi) && isSpill(current, spi);
  return isKept ? kindOfRegister(env, old.words, current.words, slotAt(spi)) : 'slot';
}

/** A register is kept in the slot. */
export function isSpill(frame: FuncState, spi: number): boolean {
  return spi < frame.slots && slotType(frame.words, slotAt(spi), REG_SIZE - 1) === STACK_SPILL;
}

/** What it is in which record `r` of the two differs, once it is known that it does. */
function kindOfRegister(env: VerifierEnv, ow: Int32Array, cw: Int32Array, r: number): MissKind {
  const type = ow[r + TYPE]!;
  if (type !== cw[r + TYPE] || type === NOT_INIT) return 'type';
  const isWithin = rangeWithin(ow, r, cw, r) && tnumIn(ow, r, cw, r);
  if (type === SCALAR_VALUE) return isWithin && !env.exploreAluLimits ? 'ids' : 'range';
  const base = baseType(type);
  if (base === PTR_TO_PACKET || base === PTR_TO_PACKET_META) {
    if (ow[r + OFF] === cw[r + OFF] && isWithin) {
      return ow[r + RANGE]! > cw[r + RANGE]! ? 'packet' : 'ids';
    }
    return 'pointer';
  }
  if (!sameWords(ow, r, cw, r, VALUE) || !isWithin) return 'pointer';
  return regSafe(env, ow, r, cw, r, EXACT) ? 'pointer' : 'ids';
}
