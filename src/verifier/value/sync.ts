/**
 * What the parts of a register's knowledge (tnum, four ranges) tell each other: reg_bounds_sync of
 * Linux 6.12.117. The hottest code of the verifier, hence scalar locals and no helper calls; in
 * words that are compared unsigned the sign bit is flipped (`^ MIN32`), which makes signed
 * comparison do.
 */
import { gates } from '../gates.ts';
import {
  MASK,
  S32_MAX,
  S32_MIN,
  SMAX,
  SMIN,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
} from '../state/layout.ts';
import { syncBoundsOlder } from './sync-older.ts';
import { MAX32, MIN32, sle, slt, ule, ult } from './u64.ts';

/** The kernel's number of deduction rounds. */
const DEDUCTION_ROUNDS = 3;

/** Makes a record's tnum and ranges agree (reg_bounds_sync). */
export function syncBounds(w: Int32Array, r: number): void {
  const constant = (w[r + MASK]! | w[r + MASK + 1]!) === 0;
  if (constant ? isExact(w, r) : isUnknown(w, r)) return;
  if (!gates.comparedRanges) {
    syncBoundsOlder(w, r);
    return;
  }
  updateBounds(w, r);
  // Pointers that moved by a constant end here.
  if (constant && isExact(w, r)) return;
  let rounds = 0;
  while (rounds < DEDUCTION_ROUNDS && deduceBounds(w, r)) rounds++;
  if (tightenTnum(w, r) || rounds > 0) updateBounds(w, r);
}

function isUnknown(w: Int32Array, r: number): boolean {
  return (w[r + MASK]! & w[r + MASK + 1]!) === -1 && isUnbounded(w, r);
}

/** True if all ranges are just the tnum's value. */
export function isExact(w: Int32Array, r: number): boolean {
  const low = w[r + VALUE]!;
  const high = w[r + VALUE + 1]!;
  return (
    w[r + SMIN] === low &&
    w[r + SMAX] === low &&
    w[r + UMIN] === low &&
    w[r + UMAX] === low &&
    w[r + SMIN + 1] === high &&
    w[r + SMAX + 1] === high &&
    w[r + UMIN + 1] === high &&
    w[r + UMAX + 1] === high &&
    w[r + S32_MIN] === low &&
    w[r + S32_MAX] === low &&
    w[r + U32_MIN] === low &&
    w[r + U32_MAX] === low
  );
}

/** True if no range says anything. */
export function isUnbounded(w: Int32Array, r: number): boolean {
  return (
    (w[r + UMIN]! | w[r + UMIN + 1]! | w[r + U32_MIN]! | w[r + SMIN]!) === 0 &&
    (w[r + UMAX]! & w[r + UMAX + 1]! & w[r + U32_MAX]! & w[r + SMAX]!) === -1 &&
    w[r + SMIN + 1] === MIN32 &&
    w[r + SMAX + 1] === MAX32 &&
    w[r + S32_MIN] === MIN32 &&
    w[r + S32_MAX] === MAX32
  );
}

/** Narrows the ranges by the tnum (__update_reg_bounds). */
export function updateBounds(w: Int32Array, r: number): void {
  updateBounds32(w, r);
  updateBounds64(w, r);
}

/** Narrows the 32-bit ranges by the tnum's low half (__update_reg32_bounds). */
export function updateBounds32(w: Int32Array, r: number): void {
  const value = w[r + VALUE]!;
  const mask = w[r + MASK]!;
  const all = value | mask;
  const smin = value | (mask & MIN32);
  const smax = value | (mask & MAX32);
  if (smin > w[r + S32_MIN]!) w[r + S32_MIN] = smin;
  if (smax < w[r + S32_MAX]!) w[r + S32_MAX] = smax;
  if ((value ^ MIN32) > (w[r + U32_MIN]! ^ MIN32)) w[r + U32_MIN] = value;
  if ((all ^ MIN32) < (w[r + U32_MAX]! ^ MIN32)) w[r + U32_MAX] = all;
}

/** Narrows the 64-bit ranges by the tnum (__update_reg64_bounds). */
function updateBounds64(w: Int32Array, r: number): void {
  const value = w[r + VALUE]!;
  const valueHigh = w[r + VALUE + 1]!;
  const maskHigh = w[r + MASK + 1]!;
  const all = value | w[r + MASK]!;
  const sminHigh = valueHigh | (maskHigh & MIN32);
  const smaxHigh = valueHigh | (maskHigh & MAX32);
  const umaxHigh = valueHigh | maskHigh;
  if (slt(w[r + SMIN]!, w[r + SMIN + 1]!, value, sminHigh)) {
    w[r + SMIN] = value;
    w[r + SMIN + 1] = sminHigh;
  }
  if (slt(all, smaxHigh, w[r + SMAX]!, w[r + SMAX + 1]!)) {
    w[r + SMAX] = all;
    w[r + SMAX + 1] = smaxHigh;
  }
  if (ult(w[r + UMIN]!, w[r + UMIN + 1]!, value, valueHigh)) {
    w[r + UMIN] = value;
    w[r + UMIN + 1] = valueHigh;
  }
  if (ult(all, umaxHigh, w[r + UMAX]!, w[r + UMAX + 1]!)) {
    w[r + UMAX] = all;
    w[r + UMAX + 1] = umaxHigh;
  }
}

/**
 * One round of __reg_deduce_bounds. False if it found nothing new, so that another one would find
 * nothing either.
 */
function deduceBounds(w: Int32Array, r: number): boolean {
  const low = deduce32From64(w, r);
  const crossed32 = crossSigns32(w, r);
  const crossed64 = crossSigns64(w, r);
  const mixed = deduce64From32(w, r);
  return low || crossed32 || crossed64 || mixed;
}

/** Raises or lowers the s32 range; true if that changed it. */
function narrowS32(w: Int32Array, r: number, min: number, max: number): boolean {
  let changed = false;
  if (min > w[r + S32_MIN]!) {
    w[r + S32_MIN] = min;
    changed = true;
  }
  if (max < w[r + S32_MAX]!) {
    w[r + S32_MAX] = max;
    changed = true;
  }
  return changed;
}

function narrowU32(w: Int32Array, r: number, min: number, max: number): boolean {
  let changed = false;
  if ((min ^ MIN32) > (w[r + U32_MIN]! ^ MIN32)) {
    w[r + U32_MIN] = min;
    changed = true;
  }
  if ((max ^ MIN32) < (w[r + U32_MAX]! ^ MIN32)) {
    w[r + U32_MAX] = max;
    changed = true;
  }
  return changed;
}

/**
 * 32-bit ranges from 64-bit ones: if the high half is the same at both ends, the low halves are a
 * range; if it grows by one while the low half goes from negative to not negative, they are a
 * signed range.
 */
function deduce32From64(w: Int32Array, r: number): boolean {
  const umin = w[r + UMIN]!;
  const umax = w[r + UMAX]!;
  const smin = w[r + SMIN]!;
  const smax = w[r + SMAX]!;
  const unsignedStep = (w[r + UMAX + 1]! - w[r + UMIN + 1]!) | 0;
  const signedStep = (w[r + SMAX + 1]! - w[r + SMIN + 1]!) | 0;
  let changed = false;
  if (unsignedStep === 0) {
    changed = narrowU32(w, r, umin, umax);
    if (umin <= umax && narrowS32(w, r, umin, umax)) changed = true;
  }
  if (signedStep === 0) {
    if ((smin ^ MIN32) <= (smax ^ MIN32) && narrowU32(w, r, smin, smax)) changed = true;
    if (smin <= smax && narrowS32(w, r, smin, smax)) changed = true;
  }
  if (unsignedStep === 1 && umin < 0 && umax >= 0 && narrowS32(w, r, umin, umax)) changed = true;
  if (signedStep === 1 && smin < 0 && smax >= 0 && narrowS32(w, r, smin, smax)) changed = true;
  return changed;
}

/**
 * s32 from u32 and back. A signed range that crosses 0 is two pieces of the unsigned world; if the
 * unsigned range meets only one of them, both ranges shrink to that piece.
 */
function crossSigns32(w: Int32Array, r: number): boolean {
  let changed = false;
  const umin = w[r + U32_MIN]!;
  const umax = w[r + U32_MAX]!;
  if (umin <= umax) changed = narrowS32(w, r, umin, umax);
  const smin = w[r + S32_MIN]!;
  const smax = w[r + S32_MAX]!;
  if ((smin ^ MIN32) <= (smax ^ MIN32)) return narrowU32(w, r, smin, smax) || changed;
  if ((umax ^ MIN32) < (smin ^ MIN32)) {
    w[r + S32_MIN] = umin;
    return narrowU32(w, r, umin, smax) || changed || umin !== smin;
  }
  if ((smax ^ MIN32) < (umin ^ MIN32)) {
    w[r + S32_MAX] = umax;
    return narrowU32(w, r, smin, umax) || changed || umax !== smax;
  }
  return changed;
}

function raiseS64(w: Int32Array, r: number, low: number, high: number): boolean {
  if (!slt(w[r + SMIN]!, w[r + SMIN + 1]!, low, high)) return false;
  w[r + SMIN] = low;
  w[r + SMIN + 1] = high;
  return true;
}

function lowerS64(w: Int32Array, r: number, low: number, high: number): boolean {
  if (!slt(low, high, w[r + SMAX]!, w[r + SMAX + 1]!)) return false;
  w[r + SMAX] = low;
  w[r + SMAX + 1] = high;
  return true;
}

function raiseU64(w: Int32Array, r: number, low: number, high: number): boolean {
  if (!ult(w[r + UMIN]!, w[r + UMIN + 1]!, low, high)) return false;
  w[r + UMIN] = low;
  w[r + UMIN + 1] = high;
  return true;
}

function lowerU64(w: Int32Array, r: number, low: number, high: number): boolean {
  if (!ult(low, high, w[r + UMAX]!, w[r + UMAX + 1]!)) return false;
  w[r + UMAX] = low;
  w[r + UMAX + 1] = high;
  return true;
}

/** The same as `crossSigns32` for the 64-bit ranges. */
function crossSigns64(w: Int32Array, r: number): boolean {
  const umin = w[r + UMIN]!;
  const uminHigh = w[r + UMIN + 1]!;
  const umax = w[r + UMAX]!;
  const umaxHigh = w[r + UMAX + 1]!;
  let changed = false;
  if (sle(umin, uminHigh, umax, umaxHigh)) {
    changed = raiseS64(w, r, umin, uminHigh);
    if (lowerS64(w, r, umax, umaxHigh)) changed = true;
  }
  const smin = w[r + SMIN]!;
  const sminHigh = w[r + SMIN + 1]!;
  const smax = w[r + SMAX]!;
  const smaxHigh = w[r + SMAX + 1]!;
  if (ule(smin, sminHigh, smax, smaxHigh)) {
    if (raiseU64(w, r, smin, sminHigh)) changed = true;
    return lowerU64(w, r, smax, smaxHigh) || changed;
  }
  if (ult(umax, umaxHigh, smin, sminHigh)) {
    w[r + SMIN] = umin;
    w[r + SMIN + 1] = uminHigh;
    return lowerU64(w, r, smax, smaxHigh) || changed || umin !== smin || uminHigh !== sminHigh;
  }
  if (ult(smax, smaxHigh, umin, uminHigh)) {
    w[r + SMAX] = umax;
    w[r + SMAX + 1] = umaxHigh;
    return raiseU64(w, r, smin, sminHigh) || changed || umax !== smax || umaxHigh !== smaxHigh;
  }
  return changed;
}

/** Puts the 32-bit bounds into the low halves of the 64-bit ones where that tightens them. */
function lowHalves(w: Int32Array, r: number, min: number, max: number): boolean {
  let changed = false;
  if ((w[r + UMIN]! ^ MIN32) < (min ^ MIN32)) {
    w[r + UMIN] = min;
    changed = true;
  }
  if ((max ^ MIN32) < (w[r + UMAX]! ^ MIN32)) {
    w[r + UMAX] = max;
    changed = true;
  }
  if ((w[r + SMIN]! ^ MIN32) < (min ^ MIN32)) {
    w[r + SMIN] = min;
    changed = true;
  }
  if ((max ^ MIN32) < (w[r + SMAX]! ^ MIN32)) {
    w[r + SMAX] = max;
    changed = true;
  }
  return changed;
}

/** 64-bit ranges from 32-bit ones (__reg_deduce_mixed_bounds). */
function deduce64From32(w: Int32Array, r: number): boolean {
  let changed = lowHalves(w, r, w[r + U32_MIN]!, w[r + U32_MAX]!);
  const s32min = w[r + S32_MIN]!;
  const s32max = w[r + S32_MAX]!;
  if ((s32min ^ MIN32) <= (s32max ^ MIN32) && lowHalves(w, r, s32min, s32max)) changed = true;
  if (s32min >= 0 && isSignExtended(w, r)) return takeS32(w, r, s32min, s32max) || changed;
  return changed;
}

/** True if the s64 range lies within that of an int32. */
function isSignExtended(w: Int32Array, r: number): boolean {
  return (
    sle(MIN32, -1, w[r + SMIN]!, w[r + SMIN + 1]!) && sle(w[r + SMAX]!, w[r + SMAX + 1]!, MAX32, 0)
  );
}

/**
 * The value is a sign-extended int32 and its low half is not negative: the 64-bit ranges are the
 * s32 range, and the tnum can have no other bits.
 */
function takeS32(w: Int32Array, r: number, min: number, max: number): boolean {
  const maxHigh = max >> 31;
  const moved =
    w[r + SMIN] !== min ||
    w[r + SMIN + 1] !== 0 ||
    w[r + SMAX] !== max ||
    w[r + SMAX + 1] !== maxHigh ||
    w[r + UMIN] !== min ||
    w[r + UMIN + 1] !== 0 ||
    w[r + UMAX] !== max ||
    w[r + UMAX + 1] !== maxHigh;
  w[r + SMIN] = w[r + UMIN] = min;
  w[r + SMIN + 1] = w[r + UMIN + 1] = 0;
  w[r + SMAX] = w[r + UMAX] = max;
  w[r + SMAX + 1] = w[r + UMAX + 1] = maxHigh;
  return intersectRange(w, r, min, 0, max, maxHigh) || moved;
}

/** Narrows the tnum to what a range allows; true if that changed it. */
function intersectRange(
  w: Int32Array,
  r: number,
  min: number,
  minHigh: number,
  max: number,
  maxHigh: number,
): boolean {
  const high = intersectWord(w, r + VALUE + 1, minHigh, maxHigh);
  // With unknown bits above, the low half may be anything: then only what disagrees is dropped.
  const low =
    minHigh === maxHigh
      ? intersectWord(w, r + VALUE, min, max)
      : intersectWord(w, r + VALUE, 0, -1);
  return high || low;
}

/** The same for one word of the tnum, at `v`, its mask two words on. */
function intersectWord(w: Int32Array, v: number, min: number, max: number): boolean {
  const differs = min ^ max;
  const unknown = differs === 0 ? 0 : -1 >>> Math.clz32(differs);
  const mask = w[v + 2]! & unknown;
  const value = (w[v]! | (min & ~unknown)) & ~mask;
  if (w[v] === value && w[v + 2] === mask) return false;
  w[v] = value;
  w[v + 2] = mask;
  return true;
}

/** Narrows the tnum by the unsigned ranges (__reg_bound_offset); true if that changed it. */
function tightenTnum(w: Int32Array, r: number): boolean {
  const wide = intersectRange(w, r, w[r + UMIN]!, w[r + UMIN + 1]!, w[r + UMAX]!, w[r + UMAX + 1]!);
  return intersectWord(w, r + VALUE, w[r + U32_MIN]!, w[r + U32_MAX]!) || wide;
}
