/**
 * Marking registers: known, unknown, not initialised, bounded; and questions about their ranges.
 * Every function takes the words of a frame and the offset of a record in them.
 */
import type { VerifierEnv } from '../env.ts';
import { hex64 } from '../log/numbers.ts';
import { alu } from '../messages/alu.ts';
import {
  DEFINED_AT,
  FRAMENO,
  ID,
  MASK,
  NOT_INIT,
  OFF,
  PRECISE,
  REF_OBJ_ID,
  S32_MAX,
  S32_MIN,
  SCALAR_VALUE,
  SMAX,
  SMIN,
  SUBREG_DEF,
  TYPE,
  U0,
  U1,
  U2,
  U3,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
} from '../state/layout.ts';
import { isExact, syncBounds } from './sync.ts';
import { tnumEqualsConst, tnumIsConst, tnumUnknown } from './tnum.ts';
import { MAX32, MIN32, sle, slt, ule, ult } from './u64.ts';

export { isExact, isUnbounded, syncBounds } from './sync.ts';

/** Sets the tnum and all ranges to one value (___mark_reg_known). */
export function setValue(w: Int32Array, r: number, low: number, high: number): void {
  w[r + VALUE] = w[r + SMIN] = w[r + SMAX] = w[r + UMIN] = w[r + UMAX] = low;
  w[r + VALUE + 1] = w[r + SMIN + 1] = w[r + SMAX + 1] = high;
  w[r + UMIN + 1] = w[r + UMAX + 1] = high;
  w[r + MASK] = w[r + MASK + 1] = 0;
  w[r + S32_MIN] = w[r + S32_MAX] = w[r + U32_MIN] = w[r + U32_MAX] = low;
}

/** Sets the low half to a value (__mark_reg32_known). */
export function setValue32(w: Int32Array, r: number, low: number): void {
  w[r + VALUE] = low;
  w[r + MASK] = 0;
  w[r + S32_MIN] = w[r + S32_MAX] = w[r + U32_MIN] = w[r + U32_MAX] = low;
}

function clearOffsetAndUnion(w: Int32Array, r: number): void {
  w[r + OFF] = w[r + U0] = w[r + U1] = w[r + U2] = w[r + U3] = 0;
}

/**
 * The unknown part (value, or variable offset) becomes known; offset, union, ids are cleared, the
 * type stays (__mark_reg_known).
 */
export function markKnown(w: Int32Array, r: number, low: number, high: number): void {
  clearOffsetAndUnion(w, r);
  w[r + ID] = w[r + REF_OBJ_ID] = 0;
  setValue(w, r, low, high);
}

/** `markKnown` with a sign-extended int32. */
export function markKnownInt(w: Int32Array, r: number, value: number): void {
  markKnown(w, r, value, value >> 31);
}

/** For pointers: no variable offset (__mark_reg_known_zero). */
export function markKnownZero(w: Int32Array, r: number): void {
  markKnown(w, r, 0, 0);
}

/** The scalar 0 (__mark_reg_const_zero). */
export function markConstZero(env: VerifierEnv, w: Int32Array, r: number): void {
  markKnown(w, r, 0, 0);
  w[r + TYPE] = SCALAR_VALUE;
  w[r + PRECISE] = env.bpfCapable ? 0 : 1;
}

/** Any scalar, of no importance so far (__mark_reg_unknown_imprecise). */
export function markUnknownImprecise(w: Int32Array, r: number): void {
  w[r + TYPE] = SCALAR_VALUE;
  clearOffsetAndUnion(w, r);
  w[r + ID] = w[r + REF_OBJ_ID] = 0;
  tnumUnknown(w, r);
  w[r + FRAMENO] = 0;
  w[r + PRECISE] = 0;
  markUnbounded(w, r);
}

/** Any scalar (__mark_reg_unknown); unprivileged, every scalar matters. */
export function markUnknown(env: VerifierEnv, w: Int32Array, r: number): void {
  markUnknownImprecise(w, r);
  w[r + PRECISE] = env.bpfCapable ? 0 : 1;
}

/** Nothing was written to it yet (__mark_reg_not_init). */
export function markNotInit(env: VerifierEnv, w: Int32Array, r: number): void {
  markUnknown(env, w, r);
  w[r + TYPE] = NOT_INIT;
}

/** Forgets all ranges; the tnum stays (__mark_reg_unbounded). */
export function markUnbounded(w: Int32Array, r: number): void {
  markUnbounded64(w, r);
  markUnbounded32(w, r);
}

/** Forgets the 64-bit ranges (__mark_reg64_unbounded). */
export function markUnbounded64(w: Int32Array, r: number): void {
  forgetSigned64(w, r);
  forgetUnsigned64(w, r);
}

/** Forgets the 32-bit ranges (__mark_reg32_unbounded). */
export function markUnbounded32(w: Int32Array, r: number): void {
  forgetSigned32(w, r);
  forgetUnsigned32(w, r);
}

export function forgetSigned64(w: Int32Array, r: number): void {
  w[r + SMIN] = 0;
  w[r + SMIN + 1] = MIN32;
  w[r + SMAX] = -1;
  w[r + SMAX + 1] = MAX32;
}

export function forgetUnsigned64(w: Int32Array, r: number): void {
  w[r + UMIN] = w[r + UMIN + 1] = 0;
  w[r + UMAX] = w[r + UMAX + 1] = -1;
}

export function forgetSigned32(w: Int32Array, r: number): void {
  w[r + S32_MIN] = MIN32;
  w[r + S32_MAX] = MAX32;
}

export function forgetUnsigned32(w: Int32Array, r: number): void {
  w[r + U32_MIN] = 0;
  w[r + U32_MAX] = -1;
}

/** The value is known to be a sign-extended int32 of min..max (__mark_reg_s32_range). */
export function markS32Range(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  min: number,
  max: number,
): void {
  if (min > w[r + S32_MIN]!) w[r + S32_MIN] = min;
  if (max < w[r + S32_MAX]!) w[r + S32_MAX] = max;
  if (slt(w[r + SMIN]!, w[r + SMIN + 1]!, min, min >> 31)) {
    w[r + SMIN] = min;
    w[r + SMIN + 1] = min >> 31;
  }
  if (slt(max, max >> 31, w[r + SMAX]!, w[r + SMAX + 1]!)) {
    w[r + SMAX] = max;
    w[r + SMAX + 1] = max >> 31;
  }
  syncBounds(w, r);
  sanityCheckBounds(env, w, r, 's32_range');
}

/** True if a range is empty. */
function rangesAreBroken(w: Int32Array, r: number): boolean {
  return (
    ult(w[r + UMAX]!, w[r + UMAX + 1]!, w[r + UMIN]!, w[r + UMIN + 1]!) ||
    slt(w[r + SMAX]!, w[r + SMAX + 1]!, w[r + SMIN]!, w[r + SMIN + 1]!) ||
    (w[r + U32_MAX]! ^ MIN32) < (w[r + U32_MIN]! ^ MIN32) ||
    w[r + S32_MAX]! < w[r + S32_MIN]!
  );
}

function isExact64(w: Int32Array, r: number): boolean {
  const low = w[r + VALUE]!;
  const high = w[r + VALUE + 1]!;
  for (let i = SMIN; i < S32_MIN; i += 2) {
    if (w[r + i] !== low || w[r + i + 1] !== high) return false;
  }
  return true;
}

function isExact32(w: Int32Array, r: number): boolean {
  const low = w[r + VALUE]!;
  for (let i = S32_MIN; i <= U32_MAX; i++) {
    if (w[r + i] !== low) return false;
  }
  return true;
}

/** What is wrong with a record's knowledge, or undefined. */
function invariantViolation(w: Int32Array, r: number): string | undefined {
  if (tnumIsConst(w, r) && isExact(w, r)) return undefined;
  if (rangesAreBroken(w, r)) return 'range bounds violation';
  if (tnumIsConst(w, r) && !isExact64(w, r)) return 'const tnum out of sync with range bounds';
  if (w[r + MASK] === 0 && !isExact32(w, r)) {
    return 'const subreg tnum out of sync with range bounds';
  }
  return undefined;
}

function rangesText(w: Int32Array, r: number): string {
  const wide = (at: number) => hex64(w[r + at]!, w[r + at + 1]!);
  const word = (at: number) => hex64(w[r + at]!, 0);
  return (
    `u64=[${wide(UMIN)}, ${wide(UMAX)}] s64=[${wide(SMIN)}, ${wide(SMAX)}] ` +
    `u32=[${word(U32_MIN)}, ${word(U32_MAX)}] s32=[${word(S32_MIN)}, ${word(S32_MAX)}] ` +
    `var_off=(${wide(VALUE)}, ${wide(MASK)})`
  );
}

/**
 * Ranges that contradict each other are forgotten (or, with BPF_F_TEST_REG_INVARIANTS, the program
 * is rejected); happens on branches that cannot be taken (reg_bounds_sanity_check).
 */
export function sanityCheckBounds(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  context: string,
): void {
  const violation = invariantViolation(w, r);
  if (violation === undefined) return;
  if (env.testRegInvariants) {
    env.reject('EFAULT', alu.invariants(context, violation, rangesText(w, r)));
  }
  if (env.talking) env.say(alu.invariants(context, violation, rangesText(w, r)));
  markUnbounded(w, r);
}

/** Takes the 64-bit ranges from the 32-bit ones: the high half is 0 (__reg_assign_32_into_64). */
export function assign32Into64(w: Int32Array, r: number): void {
  w[r + UMIN] = w[r + U32_MIN]!;
  w[r + UMAX] = w[r + U32_MAX]!;
  w[r + UMIN + 1] = w[r + UMAX + 1] = w[r + SMIN + 1] = w[r + SMAX + 1] = 0;
  const signed = w[r + S32_MIN]! >= 0 && w[r + S32_MAX]! >= 0;
  w[r + SMIN] = signed ? w[r + S32_MIN]! : 0;
  w[r + SMAX] = signed ? w[r + S32_MAX]! : -1;
}

/** True for the scalar 0 (register_is_null). */
export function regIsNull(w: Int32Array, r: number): boolean {
  return w[r + TYPE] === SCALAR_VALUE && tnumEqualsConst(w, r, 0, 0);
}

/** True for a scalar of known value; with `subreg`, of known low half (is_reg_const). */
export function isConst(w: Int32Array, r: number, subreg: boolean): boolean {
  return w[r + TYPE] === SCALAR_VALUE && (w[r + MASK]! | (subreg ? 0 : w[r + MASK + 1]!)) === 0;
}

/** True if the record counts as a pointer, whose value may not leak (__is_pointer_value). */
export function isPointerValue(allowPtrLeaks: boolean, w: Int32Array, r: number): boolean {
  return !allowPtrLeaks && w[r + TYPE] !== SCALAR_VALUE;
}

/** True if the ranges of `c` lie within those of `o` (range_within). */
export function rangeWithin(ow: Int32Array, o: number, cw: Int32Array, c: number): boolean {
  return (
    ule(ow[o + UMIN]!, ow[o + UMIN + 1]!, cw[c + UMIN]!, cw[c + UMIN + 1]!) &&
    ule(cw[c + UMAX]!, cw[c + UMAX + 1]!, ow[o + UMAX]!, ow[o + UMAX + 1]!) &&
    sle(ow[o + SMIN]!, ow[o + SMIN + 1]!, cw[c + SMIN]!, cw[c + SMIN + 1]!) &&
    sle(cw[c + SMAX]!, cw[c + SMAX + 1]!, ow[o + SMAX]!, ow[o + SMAX + 1]!) &&
    (ow[o + U32_MIN]! ^ MIN32) <= (cw[c + U32_MIN]! ^ MIN32) &&
    (ow[o + U32_MAX]! ^ MIN32) >= (cw[c + U32_MAX]! ^ MIN32) &&
    ow[o + S32_MIN]! <= cw[c + S32_MIN]! &&
    ow[o + S32_MAX]! >= cw[c + S32_MAX]!
  );
}

/** Words that belong together at the front of a record: all before PARENT. */
const SHARED_WORDS = REF_OBJ_ID + 1;

/**
 * Copies what is known of a register (copy_register_state): all but its place in the chain of
 * states (PARENT, LIVE) and the slot's types.
 */
export function copyRegister(dw: Int32Array, d: number, sw: Int32Array, s: number): void {
  for (let i = 0; i < SHARED_WORDS; i++) dw[d + i] = sw[s + i]!;
  dw[d + FRAMENO] = sw[s + FRAMENO]!;
  dw[d + SUBREG_DEF] = sw[s + SUBREG_DEF]!;
  dw[d + PRECISE] = sw[s + PRECISE]!;
  dw[d + DEFINED_AT] = sw[s + DEFINED_AT]!;
}

/** The scalar is linked with no other any more (clear_scalar_id). */
export function clearScalarId(w: Int32Array, r: number): void {
  w[r + ID] = w[r + OFF] = 0;
}
