/** What a comparison of two scalars decides, and what either outcome teaches. */
import {
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_X,
} from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import {
  MASK,
  S32_MAX,
  S32_MIN,
  SCALAR_VALUE,
  SMAX,
  SMIN,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
} from '../state/layout.ts';
import { isConst, markUnbounded, sanityCheckBounds } from './bounds.ts';
import { refineBranchesOlder } from './refine-older.ts';
import { syncBounds } from './sync.ts';
import { tnumIsConst, tnumOverlap, tnumSubregOverlap } from './tnum.ts';
import { MIN32, slt, sle, ule, ult } from './u64.ts';

/** What `is it taken` answers. */
export const NOT_TAKEN = 0;
export const TAKEN = 1;
export const UNKNOWN = -1;

/** The condition that is false when JSET is true; no opcode of its own (rev_opcode). */
const JNSET = BPF_JSET | BPF_X;

function jumpTable(pairs: readonly (readonly [number, number])[]): Uint8Array {
  const table = new Uint8Array(256);
  for (const [a, b] of pairs) {
    table[a] = b;
    table[b] = a;
  }
  return table;
}

/** `a op b` as `b op a`. */
const FLIPPED = jumpTable([
  [BPF_JEQ, BPF_JEQ],
  [BPF_JNE, BPF_JNE],
  [BPF_JSET, BPF_JSET],
  [BPF_JGE, BPF_JLE],
  [BPF_JGT, BPF_JLT],
  [BPF_JSGE, BPF_JSLE],
  [BPF_JSGT, BPF_JSLT],
]);

/** The opposite of `a op b`. */
const REVERSED = jumpTable([
  [BPF_JEQ, BPF_JNE],
  [BPF_JSET, JNSET],
  [BPF_JGE, BPF_JLT],
  [BPF_JGT, BPF_JLE],
  [BPF_JSGE, BPF_JSLT],
  [BPF_JSGT, BPF_JSLE],
]);

/** The operation that gives the same with the operands exchanged (flip_opcode). */
export function flipOpcode(op: number): number {
  return FLIPPED[op]!;
}

/**
 * Whether `reg1 op reg2` is always true (TAKEN), never (NOT_TAKEN), or not known
 * (is_scalar_branch_taken).
 */
export function scalarBranchTaken(
  w1: Int32Array,
  r1: number,
  w2: Int32Array,
  r2: number,
  op: number,
  jmp32: boolean,
): number {
  if (!gates.comparedRanges && !isComparable(w1, r1, w2, r2, op, jmp32)) return UNKNOWN;
  if (op === BPF_JEQ || op === BPF_JNE) {
    const equal = jmp32 ? equal32(w1, r1, w2, r2) : equal64(w1, r1, w2, r2);
    return op === BPF_JEQ || equal === UNKNOWN ? equal : 1 - equal;
  }
  if (op === BPF_JSET) return bitsTaken(w1, r1, w2, r2, jmp32);
  return jmp32 ? orderTaken32(w1, r1, w2, r2, op) : orderTaken64(w1, r1, w2, r2, op);
}

/** Before ranges were compared, one side had to be a constant; for equality, both. */
function isComparable(
  w1: Int32Array,
  r1: number,
  w2: Int32Array,
  r2: number,
  op: number,
  jmp32: boolean,
): boolean {
  if (!isConst(w2, r2, jmp32)) return false;
  return (op !== BPF_JEQ && op !== BPF_JNE) || isConst(w1, r1, jmp32);
}

function equal32(w1: Int32Array, r1: number, w2: Int32Array, r2: number): number {
  if ((w1[r1 + MASK]! | w2[r2 + MASK]!) === 0) {
    return w1[r1 + VALUE] === w2[r2 + VALUE] ? TAKEN : NOT_TAKEN;
  }
  return !tnumSubregOverlap(w1, r1, w2, r2) || ranges32Apart(w1, r1, w2, r2) ? NOT_TAKEN : UNKNOWN;
}

function ranges32Apart(w1: Int32Array, r1: number, w2: Int32Array, r2: number): boolean {
  return (
    (w1[r1 + U32_MIN]! ^ MIN32) > (w2[r2 + U32_MAX]! ^ MIN32) ||
    (w1[r1 + U32_MAX]! ^ MIN32) < (w2[r2 + U32_MIN]! ^ MIN32) ||
    w1[r1 + S32_MIN]! > w2[r2 + S32_MAX]! ||
    w1[r1 + S32_MAX]! < w2[r2 + S32_MIN]!
  );
}

function equal64(w1: Int32Array, r1: number, w2: Int32Array, r2: number): number {
  if (tnumIsConst(w1, r1) && tnumIsConst(w2, r2)) {
    return w1[r1 + VALUE] === w2[r2 + VALUE] && w1[r1 + VALUE + 1] === w2[r2 + VALUE + 1]
      ? TAKEN
      : NOT_TAKEN;
  }
  const apart =
    !tnumOverlap(w1, r1, w2, r2) ||
    ult(w2[r2 + UMAX]!, w2[r2 + UMAX + 1]!, w1[r1 + UMIN]!, w1[r1 + UMIN + 1]!) ||
    ult(w1[r1 + UMAX]!, w1[r1 + UMAX + 1]!, w2[r2 + UMIN]!, w2[r2 + UMIN + 1]!) ||
    slt(w2[r2 + SMAX]!, w2[r2 + SMAX + 1]!, w1[r1 + SMIN]!, w1[r1 + SMIN + 1]!) ||
    slt(w1[r1 + SMAX]!, w1[r1 + SMAX + 1]!, w2[r2 + SMIN]!, w2[r2 + SMIN + 1]!) ||
    ranges32Apart(w1, r1, w2, r2);
  return apart ? NOT_TAKEN : UNKNOWN;
}

function bitsTaken(w1: Int32Array, r1: number, w2: Int32Array, r2: number, jmp32: boolean): number {
  if (!isConst(w2, r2, jmp32)) {
    return isConst(w1, r1, jmp32) ? bitsTaken(w2, r2, w1, r1, jmp32) : UNKNOWN;
  }
  const low = w2[r2 + VALUE]!;
  const high = jmp32 ? 0 : w2[r2 + VALUE + 1]!;
  const value = w1[r1 + VALUE]!;
  const valueHigh = w1[r1 + VALUE + 1]!;
  const mask = w1[r1 + MASK]!;
  const maskHigh = w1[r1 + MASK + 1]!;
  if (((value & ~mask & low) | (valueHigh & ~maskHigh & high)) !== 0) return TAKEN;
  if ((((value | mask) & low) | ((valueHigh | maskHigh) & high)) === 0) return NOT_TAKEN;
  return UNKNOWN;
}

/** Answer for `a < b` when it holds for all values (`always`), or for none. */
function decided(always: boolean, never: boolean): number {
  if (always) return TAKEN;
  return never ? NOT_TAKEN : UNKNOWN;
}

/** `<`, `<=`, `>`, `>=` of the low halves; the last two with the operands exchanged. */
function orderTaken32(w1: Int32Array, r1: number, w2: Int32Array, r2: number, op: number): number {
  const umin1 = w1[r1 + U32_MIN]! ^ MIN32;
  const umax1 = w1[r1 + U32_MAX]! ^ MIN32;
  const umin2 = w2[r2 + U32_MIN]! ^ MIN32;
  const umax2 = w2[r2 + U32_MAX]! ^ MIN32;
  const smin1 = w1[r1 + S32_MIN]!;
  const smax1 = w1[r1 + S32_MAX]!;
  const smin2 = w2[r2 + S32_MIN]!;
  const smax2 = w2[r2 + S32_MAX]!;
  switch (op) {
    case BPF_JGT:
      return decided(umin1 > umax2, umax1 <= umin2);
    case BPF_JSGT:
      return decided(smin1 > smax2, smax1 <= smin2);
    case BPF_JLT:
      return decided(umax1 < umin2, umin1 >= umax2);
    case BPF_JSLT:
      return decided(smax1 < smin2, smin1 >= smax2);
    case BPF_JGE:
      return decided(umin1 >= umax2, umax1 < umin2);
    case BPF_JSGE:
      return decided(smin1 >= smax2, smax1 < smin2);
    case BPF_JLE:
      return decided(umax1 <= umin2, umin1 > umax2);
    case BPF_JSLE:
      return decided(smax1 <= smin2, smin1 > smax2);
    default:
      return UNKNOWN;
  }
}

/** True if the least u64 of one is below (or with `orEqual` at) the greatest of the other. */
type Compare = (al: number, ah: number, bl: number, bh: number) => boolean;

/** `max1 cmp min2`: every value of 1 is before every value of 2. */
function allBefore(
  before: Compare,
  at: typeof UMIN | typeof SMIN,
  w1: Int32Array,
  r1: number,
  w2: Int32Array,
  r2: number,
): boolean {
  const max = r1 + at + 2;
  const min = r2 + at;
  return before(w1[max]!, w1[max + 1]!, w2[min]!, w2[min + 1]!);
}

function orderTaken64(w1: Int32Array, r1: number, w2: Int32Array, r2: number, op: number): number {
  switch (op) {
    case BPF_JGT:
      return decided(allBefore(ult, UMIN, w2, r2, w1, r1), allBefore(ule, UMIN, w1, r1, w2, r2));
    case BPF_JSGT:
      return decided(allBefore(slt, SMIN, w2, r2, w1, r1), allBefore(sle, SMIN, w1, r1, w2, r2));
    case BPF_JLT:
      return decided(allBefore(ult, UMIN, w1, r1, w2, r2), allBefore(ule, UMIN, w2, r2, w1, r1));
    case BPF_JSLT:
      return decided(allBefore(slt, SMIN, w1, r1, w2, r2), allBefore(sle, SMIN, w2, r2, w1, r1));
    case BPF_JGE:
      return decided(allBefore(ule, UMIN, w2, r2, w1, r1), allBefore(ult, UMIN, w1, r1, w2, r2));
    case BPF_JSGE:
      return decided(allBefore(sle, SMIN, w2, r2, w1, r1), allBefore(slt, SMIN, w1, r1, w2, r2));
    case BPF_JLE:
      return decided(allBefore(ule, UMIN, w1, r1, w2, r2), allBefore(ult, UMIN, w2, r2, w1, r1));
    case BPF_JSLE:
      return decided(allBefore(sle, SMIN, w1, r1, w2, r2), allBefore(slt, SMIN, w2, r2, w1, r1));
    default:
      return UNKNOWN;
  }
}

/**
 * Narrows two scalars by what is true of them: `reg1 op reg2` (regs_refine_cond_op). They may be
 * the same record. Ranges and tnum do not agree afterwards: `syncBounds`.
 */
export function refine(
  w1: Int32Array,
  r1: number,
  w2: Int32Array,
  r2: number,
  op: number,
  jmp32: boolean,
): void {
  switch (op) {
    case BPF_JGE:
    case BPF_JGT:
    case BPF_JSGE:
    case BPF_JSGT:
      refine(w2, r2, w1, r1, FLIPPED[op]!, jmp32);
      return;
    case BPF_JEQ:
      if (jmp32) makeEqual32(w1, r1, w2, r2);
      else makeEqual64(w1, r1, w2, r2);
      return;
    case BPF_JNE:
    case BPF_JSET:
    case JNSET:
      if (isConst(w2, r2, jmp32)) refineByConst(w1, r1, w2, r2, op, jmp32);
      else if (isConst(w1, r1, jmp32)) refineByConst(w2, r2, w1, r1, op, jmp32);
      return;
    case BPF_JLE:
    case BPF_JLT:
      if (jmp32) makeLessUnsigned32(w1, r1, w2, r2, op === BPF_JLT ? 1 : 0);
      else makeLess64(ult, UMIN, w1, r1, w2, r2, op === BPF_JLT ? 1 : 0);
      return;
    case BPF_JSLE:
    case BPF_JSLT:
      if (jmp32) makeLessSigned32(w1, r1, w2, r2, op === BPF_JSLT ? 1 : 0);
      else makeLess64(slt, SMIN, w1, r1, w2, r2, op === BPF_JSLT ? 1 : 0);
      return;
    default:
  }
}

/** JNE, JSET and JNSET teach something if one side is a constant. */
function refineByConst(
  w: Int32Array,
  r: number,
  cw: Int32Array,
  c: number,
  op: number,
  jmp32: boolean,
): void {
  const low = cw[c + VALUE]!;
  const high = jmp32 ? 0 : cw[c + VALUE + 1]!;
  if (op === BPF_JNE) {
    if (jmp32) shaveEdges32(w, r, low);
    else shaveEdges64(w, r, low, high);
  } else if (op === BPF_JSET) {
    setBit(w, r, low, high);
  } else {
    markUnbounded(w, r);
    clearBits(w, r, low, high);
  }
}

/** A single bit that is known to be set (of several, any might be the one). */
function setBit(w: Int32Array, r: number, low: number, high: number): void {
  const single = low === 0 ? high : low;
  if ((low !== 0 && high !== 0) || single === 0 || (single & (single - 1)) !== 0) return;
  w[r + VALUE]! |= low;
  w[r + VALUE + 1]! |= high;
  w[r + MASK]! &= ~low;
  w[r + MASK + 1]! &= ~high;
}

/** Bits that are known to be clear. */
function clearBits(w: Int32Array, r: number, low: number, high: number): void {
  w[r + VALUE]! &= ~low;
  w[r + VALUE + 1]! &= ~high;
  w[r + MASK]! &= ~low;
  w[r + MASK + 1]! &= ~high;
}

/** The value is not this one: moves the ends of ranges that are. */
function shaveEdges32(w: Int32Array, r: number, value: number): void {
  if (w[r + U32_MIN] === value) w[r + U32_MIN]!++;
  if (w[r + U32_MAX] === value) w[r + U32_MAX]!--;
  if (w[r + S32_MIN] === value) w[r + S32_MIN]!++;
  if (w[r + S32_MAX] === value) w[r + S32_MAX]!--;
}

function shaveEdges64(w: Int32Array, r: number, low: number, high: number): void {
  for (let at = r + SMIN; at < r + S32_MIN; at += 4) {
    if (w[at] === low && w[at + 1] === high) increment64(w, at);
    if (w[at + 2] === low && w[at + 3] === high) decrement64(w, at + 2);
  }
}

function increment64(w: Int32Array, at: number): void {
  if (++w[at]! === 0) w[at + 1]!++;
}

function decrement64(w: Int32Array, at: number): void {
  if (w[at]!-- === 0) w[at + 1]!--;
}

/** Both get what both ranges and both tnums have in common. */
function makeEqual32(w1: Int32Array, r1: number, w2: Int32Array, r2: number): void {
  const umin = w1[r1 + U32_MIN]!;
  const umin2 = w2[r2 + U32_MIN]!;
  const umax = w1[r1 + U32_MAX]!;
  const umax2 = w2[r2 + U32_MAX]!;
  w1[r1 + U32_MIN] = w2[r2 + U32_MIN] = (umin ^ MIN32) > (umin2 ^ MIN32) ? umin : umin2;
  w1[r1 + U32_MAX] = w2[r2 + U32_MAX] = (umax ^ MIN32) < (umax2 ^ MIN32) ? umax : umax2;
  const smin = w1[r1 + S32_MIN]!;
  const smin2 = w2[r2 + S32_MIN]!;
  const smax = w1[r1 + S32_MAX]!;
  const smax2 = w2[r2 + S32_MAX]!;
  w1[r1 + S32_MIN] = w2[r2 + S32_MIN] = smin > smin2 ? smin : smin2;
  w1[r1 + S32_MAX] = w2[r2 + S32_MAX] = smax < smax2 ? smax : smax2;
  shareTnumWord(w1, r1 + VALUE, w2, r2 + VALUE);
}

function shareTnumWord(w1: Int32Array, v1: number, w2: Int32Array, v2: number): void {
  const mask = w1[v1 + 2]! & w2[v2 + 2]!;
  const value = (w1[v1]! | w2[v2]!) & ~mask;
  w1[v1] = w2[v2] = value;
  w1[v1 + 2] = w2[v2 + 2] = mask;
}

function makeEqual64(w1: Int32Array, r1: number, w2: Int32Array, r2: number): void {
  shareGreater(ult, w1, r1 + UMIN, w2, r2 + UMIN);
  shareGreater(slt, w1, r1 + SMIN, w2, r2 + SMIN);
  shareLess(ult, w1, r1 + UMAX, w2, r2 + UMAX);
  shareLess(slt, w1, r1 + SMAX, w2, r2 + SMAX);
  shareTnumWord(w1, r1 + VALUE, w2, r2 + VALUE);
  shareTnumWord(w1, r1 + VALUE + 1, w2, r2 + VALUE + 1);
}

function copy64(w: Int32Array, to: number, fw: Int32Array, from: number): void {
  w[to] = fw[from]!;
  w[to + 1] = fw[from + 1]!;
}

function shareGreater(less: Compare, w1: Int32Array, a: number, w2: Int32Array, b: number): void {
  if (less(w1[a]!, w1[a + 1]!, w2[b]!, w2[b + 1]!)) copy64(w1, a, w2, b);
  else copy64(w2, b, w1, a);
}

function shareLess(less: Compare, w1: Int32Array, a: number, w2: Int32Array, b: number): void {
  if (less(w2[b]!, w2[b + 1]!, w1[a]!, w1[a + 1]!)) copy64(w1, a, w2, b);
  else copy64(w2, b, w1, a);
}

/** reg1 <= reg2, or with `strict` 1 reg1 < reg2: the ends that can move do. */
function makeLessUnsigned32(
  w1: Int32Array,
  r1: number,
  w2: Int32Array,
  r2: number,
  strict: number,
): void {
  const max = (w2[r2 + U32_MAX]! - strict) | 0;
  if ((max ^ MIN32) < (w1[r1 + U32_MAX]! ^ MIN32)) w1[r1 + U32_MAX] = max;
  const min = (w1[r1 + U32_MIN]! + strict) | 0;
  if ((min ^ MIN32) > (w2[r2 + U32_MIN]! ^ MIN32)) w2[r2 + U32_MIN] = min;
}

function makeLessSigned32(
  w1: Int32Array,
  r1: number,
  w2: Int32Array,
  r2: number,
  strict: number,
): void {
  const max = (w2[r2 + S32_MAX]! - strict) | 0;
  if (max < w1[r1 + S32_MAX]!) w1[r1 + S32_MAX] = max;
  const min = (w1[r1 + S32_MIN]! + strict) | 0;
  if (min > w2[r2 + S32_MIN]!) w2[r2 + S32_MIN] = min;
}

/** The same for 64 bits, in the range that starts at word `at` of a record. */
function makeLess64(
  less: Compare,
  at: typeof UMIN | typeof SMIN,
  w1: Int32Array,
  r1: number,
  w2: Int32Array,
  r2: number,
  strict: number,
): void {
  const max1 = r1 + at + 2;
  const max2 = r2 + at + 2;
  const max = (w2[max2]! - strict) | 0;
  const maxHigh = (w2[max2 + 1]! - (strict === 1 && max === -1 ? 1 : 0)) | 0;
  if (less(max, maxHigh, w1[max1]!, w1[max1 + 1]!)) {
    w1[max1] = max;
    w1[max1 + 1] = maxHigh;
  }
  const min1 = r1 + at;
  const min2 = r2 + at;
  const min = (w1[min1]! + strict) | 0;
  const minHigh = (w1[min1 + 1]! + (strict === 1 && min === 0 ? 1 : 0)) | 0;
  if (less(w2[min2]!, w2[min2 + 1]!, min, minHigh)) {
    w2[min2] = min;
    w2[min2 + 1] = minHigh;
  }
}

/** The four records of a comparison: both operands where it is true, and where it is false. */
export interface Comparison {
  trueWords1: Int32Array;
  true1: number;
  trueWords2: Int32Array;
  true2: number;
  falseWords1: Int32Array;
  false1: number;
  falseWords2: Int32Array;
  false2: number;
}

/**
 * Narrows the operands of a comparison on both of its ways (reg_set_min_max). Pointers learn
 * nothing.
 */
export function refineBranches(env: VerifierEnv, of: Comparison, op: number, jmp32: boolean): void {
  if (!gates.comparedRanges) {
    refineBranchesOlder(of, op, FLIPPED[op]!, jmp32);
    return;
  }
  const { falseWords1, false1, falseWords2, false2 } = of;
  if (falseWords1[false1 + TYPE] !== SCALAR_VALUE) return;
  if (falseWords2[false2 + TYPE] !== SCALAR_VALUE) return;
  refine(falseWords1, false1, falseWords2, false2, REVERSED[op]!, jmp32);
  syncBounds(falseWords1, false1);
  syncBounds(falseWords2, false2);
  refine(of.trueWords1, of.true1, of.trueWords2, of.true2, op, jmp32);
  syncBounds(of.trueWords1, of.true1);
  syncBounds(of.trueWords2, of.true2);
  sanityCheckBounds(env, of.trueWords1, of.true1, 'true_reg1');
  sanityCheckBounds(env, of.trueWords2, of.true2, 'true_reg2');
  sanityCheckBounds(env, falseWords1, false1, 'false_reg1');
  sanityCheckBounds(env, falseWords2, false2, 'false_reg2');
}
