import type { VerifierEnv } from '../env.ts';
import {
  BASE_TYPE_MASK,
  BPF_ADD_CONST,
  FRAMENO,
  ID,
  LIVE,
  MAX_REGS,
  NOT_INIT,
  OFF,
  PRECISE,
  PREFIX_BEFORE_ID,
  PTR_TO_ARENA,
  PTR_TO_BUF,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  PTR_TO_TP_BUFFER,
  RANGE,
  REF_OBJ_ID,
  REG_LIVE_READ,
  REG_SHIFT,
  SCALAR_VALUE,
  TYPE,
  VALUE,
  regAt,
} from '../state/layout.ts';
import type { FuncState, VerifierState } from '../state/state.ts';
import { rangeWithin } from '../value/bounds.ts';
import { tnumIn } from '../value/tnum.ts';
import type { IdMap } from './idmap.ts';
import { refsSafe, slotSafe, stackSafe } from './equal-stack.ts';

/**
 * How alike two states must be (enum exact_level): what the old one did not read or need precisely
 * may differ; all must be the same; or ranges must lie within the old ones, whether read or not.
 */
export const NOT_EXACT = 0;
export const EXACT = 1;
export const RANGE_WITHIN = 2;
export type Exactness = typeof NOT_EXACT | typeof EXACT | typeof RANGE_WITHIN;

const FRAME_SHIFT = 7;
const RECORD_MASK = 0x7f;
const ALL_REGS = (1 << MAX_REGS) - 1;

/** The first `count` words of two records are the same. */
export function sameWords(
  aw: Int32Array,
  a: number,
  bw: Int32Array,
  b: number,
  count: number,
): boolean {
  for (let i = 0; i < count; i++) {
    if (aw[a + i] !== bw[b + i]) return false;
  }
  return true;
}

/** Equal but for the numbers of ids (regs_exact). */
export function regsExact(
  ow: Int32Array,
  o: number,
  cw: Int32Array,
  c: number,
  ids: IdMap,
): boolean {
  return sameWords(ow, o, cw, c, PREFIX_BEFORE_ID) && sameIds(ow, o, cw, c, ids);
}

function sameIds(ow: Int32Array, o: number, cw: Int32Array, c: number, ids: IdMap): boolean {
  return ids.check(ow[o + ID]!, cw[c + ID]!) && ids.check(ow[o + REF_OBJ_ID]!, cw[c + REF_OBJ_ID]!);
}

function valueWithin(ow: Int32Array, o: number, cw: Int32Array, c: number): boolean {
  return rangeWithin(ow, o, cw, c) && tnumIn(ow, o, cw, c);
}

/**
 * If the rest of the program was safe with the old register, it is with this one (regsafe).
 * `(ow, o)`: the old record, `(cw, c)`: the running path's.
 */
export function regSafe(
  env: VerifierEnv,
  ow: Int32Array,
  o: number,
  cw: Int32Array,
  c: number,
  exact: Exactness,
): boolean {
  const ids = env.ids;
  if (exact === EXACT) return regsExact(ow, o, cw, c, ids);
  if (exact === NOT_EXACT && !(ow[o + LIVE]! & REG_LIVE_READ)) return true;
  const type = ow[o + TYPE]!;
  if (type === NOT_INIT && (exact === NOT_EXACT || cw[c + TYPE] === NOT_INIT)) return true;
  if (type !== cw[c + TYPE]) return false;
  switch (type & BASE_TYPE_MASK) {
    case SCALAR_VALUE:
      return scalarSafe(env, ow, o, cw, c, exact);
    case PTR_TO_MAP_KEY:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MEM:
    case PTR_TO_BUF:
    case PTR_TO_TP_BUFFER:
      return (
        sameWords(ow, o, cw, c, VALUE) && valueWithin(ow, o, cw, c) && sameIds(ow, o, cw, c, ids)
      );
    case PTR_TO_PACKET_META:
    case PTR_TO_PACKET:
      return packetSafe(ow, o, cw, c, ids);
    case PTR_TO_STACK:
      return regsExact(ow, o, cw, c, ids) && ow[o + FRAMENO] === cw[c + FRAMENO];
    case PTR_TO_ARENA:
      return true;
    default:
      return regsExact(ow, o, cw, c, ids);
  }
}

function scalarSafe(
  env: VerifierEnv,
  ow: Int32Array,
  o: number,
  cw: Int32Array,
  c: number,
  exact: Exactness,
): boolean {
  const oldId = ow[o + ID]!;
  const currentId = cw[c + ID]!;
  if (env.exploreAluLimits) {
    return sameWords(ow, o, cw, c, PREFIX_BEFORE_ID) && env.ids.checkScalar(oldId, currentId);
  }
  if (exact === NOT_EXACT && !ow[o + PRECISE]) return true;
  // A link with a distance stands only for a link with the same distance.
  if (oldId & BPF_ADD_CONST) {
    if (!(currentId & BPF_ADD_CONST) || ow[o + OFF] !== cw[c + OFF]) return false;
  } else if (oldId !== 0 && currentId & BPF_ADD_CONST) {
    return false;
  }
  return env.ids.checkScalar(oldId, currentId) && valueWithin(ow, o, cw, c);
}

/** At least as many bytes are known to be there, at the same place. */
function packetSafe(ow: Int32Array, o: number, cw: Int32Array, c: number, ids: IdMap): boolean {
  const old = ow[o + RANGE]!;
  const current = cw[c + RANGE]!;
  if (old < 0 || current < 0 ? old !== current : old > current) return false;
  if (ow[o + OFF] !== cw[c + OFF]) return false;
  return ids.check(ow[o + ID]!, cw[c + ID]!) && valueWithin(ow, o, cw, c);
}

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
