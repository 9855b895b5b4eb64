/**
 * Arithmetic on scalars: what is known of `d op s` (adjust_scalar_min_max_vals and the
 * scalar_min_max_* family). 32-bit operations skip the 64-bit ranges: `zext32to64` makes them anew.
 */
import {
  BPF_ADD,
  BPF_AND,
  BPF_LSH,
  BPF_MUL,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_XOR,
} from '../../isa/index.ts';
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
import {
  forgetSigned32,
  forgetSigned64,
  forgetUnsigned32,
  forgetUnsigned64,
  isExact,
  markKnown,
  markUnbounded32,
  markUnbounded64,
  setValue,
  setValue32,
} from './bounds.ts';
import { zext32to64 } from './coerce.ts';
import { syncBounds, updateBounds, updateBounds32 } from './sync.ts';
import {
  tnumAdd,
  tnumAnd,
  tnumArshift,
  tnumArshift32,
  tnumIsConst,
  tnumLshift,
  tnumMul,
  tnumOr,
  tnumRshift,
  tnumSub,
  tnumSubreg,
  tnumXor,
} from './tnum.ts';
import { add64, hi, mul32Wide, mul64, sar64, shl64, shr64, sub64, sle, ult, ult32 } from './u64.ts';

/**
 * d = d op s for the operations whose result can be known: ADD, SUB, MUL, AND, OR, XOR, and shifts
 * by a constant below the width. `s` must be another record than `d`.
 */
export function scalarOp(
  w: Int32Array,
  d: number,
  sw: Int32Array,
  s: number,
  op: number,
  alu32: boolean,
): void {
  if (isExact(w, d) && isExact(sw, s) && tnumIsConst(w, d) && tnumIsConst(sw, s)) {
    constantOp(w, d, sw, s, op, alu32);
    return;
  }
  applyOp(w, d, sw, s, op, alu32);
  if (alu32) zext32to64(w, d);
  syncBounds(w, d);
}

/** Both values are known: so is the result. */
function constantOp(
  w: Int32Array,
  d: number,
  sw: Int32Array,
  s: number,
  op: number,
  alu32: boolean,
): void {
  const low = constantResult(
    w[d + VALUE]!,
    w[d + VALUE + 1]!,
    sw[s + VALUE]!,
    sw[s + VALUE + 1]!,
    op,
    alu32,
  );
  const high = alu32 ? 0 : hi;
  if (op === BPF_AND || op === BPF_OR || op === BPF_XOR) markKnown(w, d, low, high);
  else setValue(w, d, low, high);
}

/** Low word of the result; the high one (64-bit operations only) is in `hi`. */
function constantResult(
  al: number,
  ah: number,
  bl: number,
  bh: number,
  op: number,
  alu32: boolean,
): number {
  switch (op) {
    case BPF_ADD:
      return add64(al, ah, bl, bh);
    case BPF_SUB:
      return sub64(al, ah, bl, bh);
    case BPF_MUL:
      return mul64(al, ah, bl, bh);
    case BPF_AND:
      return shr64(al & bl, ah & bh, 0);
    case BPF_OR:
      return shr64(al | bl, ah | bh, 0);
    case BPF_XOR:
      return shr64(al ^ bl, ah ^ bh, 0);
    case BPF_LSH:
      return shl64(al, ah, bl);
    case BPF_RSH:
      return alu32 ? (al >>> bl) | 0 : shr64(al, ah, bl);
    default:
      return alu32 ? al >> bl : sar64(al, ah, bl);
  }
}

function applyOp(
  w: Int32Array,
  d: number,
  sw: Int32Array,
  s: number,
  op: number,
  alu32: boolean,
): void {
  switch (op) {
    case BPF_ADD:
      addRanges32(w, d, sw, s);
      if (!alu32) addRanges64(w, d, sw, s);
      tnumAdd(w, d, w, d, sw, s);
      return;
    case BPF_SUB:
      subRanges32(w, d, sw, s);
      if (!alu32) subRanges64(w, d, sw, s);
      tnumSub(w, d, w, d, sw, s);
      return;
    case BPF_MUL:
      tnumMul(w, d, w, d, sw, s);
      mulRanges32(w, d, sw, s);
      if (!alu32) mulRanges64(w, d, sw, s);
      return;
    case BPF_AND:
      tnumAnd(w, d, w, d, sw, s);
      break;
    case BPF_OR:
      tnumOr(w, d, w, d, sw, s);
      break;
    case BPF_XOR:
      tnumXor(w, d, w, d, sw, s);
      break;
    default:
      if (alu32) shift32(w, d, sw[s + VALUE]!, op);
      else shift64(w, d, sw[s + VALUE]!, op);
      return;
  }
  // Known in all 64 bits: cleared of what it was, also by 32-bit operations.
  if (tnumIsConst(sw, s) && tnumIsConst(w, d)) {
    markKnown(w, d, w[d + VALUE]!, w[d + VALUE + 1]!);
    return;
  }
  bitRanges32(w, d, sw, s, op);
  if (!alu32) bitRanges64(w, d, sw, s, op);
}

/** d += s in the 32-bit ranges (scalar32_min_max_add). */
export function addRanges32(w: Int32Array, d: number, sw: Int32Array, s: number): void {
  const smin1 = w[d + S32_MIN]!;
  const smin2 = sw[s + S32_MIN]!;
  const smax1 = w[d + S32_MAX]!;
  const smax2 = sw[s + S32_MAX]!;
  const smin = (smin1 + smin2) | 0;
  const smax = (smax1 + smax2) | 0;
  if ((((smin1 ^ smin) & (smin2 ^ smin)) | ((smax1 ^ smax) & (smax2 ^ smax))) < 0) {
    forgetSigned32(w, d);
  } else {
    w[d + S32_MIN] = smin;
    w[d + S32_MAX] = smax;
  }
  const umin = (w[d + U32_MIN]! + sw[s + U32_MIN]!) | 0;
  const umax = (w[d + U32_MAX]! + sw[s + U32_MAX]!) | 0;
  if (ult32(umin, w[d + U32_MIN]!) || ult32(umax, w[d + U32_MAX]!)) {
    forgetUnsigned32(w, d);
  } else {
    w[d + U32_MIN] = umin;
    w[d + U32_MAX] = umax;
  }
}

/** d += s in the 64-bit ranges (scalar_min_max_add). */
export function addRanges64(w: Int32Array, d: number, sw: Int32Array, s: number): void {
  addSigned64(w, d, sw, s);
  addUnsigned64(w, d, sw, s);
}

/** The smin and smax of two records added, or forgotten if that may overflow. */
export function addSigned64(w: Int32Array, d: number, sw: Int32Array, s: number): void {
  const min1 = w[d + SMIN + 1]!;
  const min2 = sw[s + SMIN + 1]!;
  const max1 = w[d + SMAX + 1]!;
  const max2 = sw[s + SMAX + 1]!;
  const minLow = (w[d + SMIN]! + sw[s + SMIN]!) | 0;
  const min = (min1 + min2 + (ult32(minLow, w[d + SMIN]!) ? 1 : 0)) | 0;
  const maxLow = (w[d + SMAX]! + sw[s + SMAX]!) | 0;
  const max = (max1 + max2 + (ult32(maxLow, w[d + SMAX]!) ? 1 : 0)) | 0;
  if ((((min1 ^ min) & (min2 ^ min)) | ((max1 ^ max) & (max2 ^ max))) < 0) {
    forgetSigned64(w, d);
    return;
  }
  w[d + SMIN] = minLow;
  w[d + SMIN + 1] = min;
  w[d + SMAX] = maxLow;
  w[d + SMAX + 1] = max;
}

/** The umin and umax of two records added, or forgotten if that may overflow. */
export function addUnsigned64(w: Int32Array, d: number, sw: Int32Array, s: number): void {
  const min1 = w[d + UMIN]!;
  const min1High = w[d + UMIN + 1]!;
  const max1 = w[d + UMAX]!;
  const max1High = w[d + UMAX + 1]!;
  const min = (min1 + sw[s + UMIN]!) | 0;
  const minHigh = (min1High + sw[s + UMIN + 1]! + (ult32(min, min1) ? 1 : 0)) | 0;
  const max = (max1 + sw[s + UMAX]!) | 0;
  const maxHigh = (max1High + sw[s + UMAX + 1]! + (ult32(max, max1) ? 1 : 0)) | 0;
  if (ult(min, minHigh, min1, min1High) || ult(max, maxHigh, max1, max1High)) {
    forgetUnsigned64(w, d);
    return;
  }
  w[d + UMIN] = min;
  w[d + UMIN + 1] = minHigh;
  w[d + UMAX] = max;
  w[d + UMAX + 1] = maxHigh;
}

/** d -= s in the 32-bit ranges (scalar32_min_max_sub). */
function subRanges32(w: Int32Array, d: number, sw: Int32Array, s: number): void {
  const smin1 = w[d + S32_MIN]!;
  const smin2 = sw[s + S32_MIN]!;
  const smax1 = w[d + S32_MAX]!;
  const smax2 = sw[s + S32_MAX]!;
  const smin = (smin1 - smax2) | 0;
  const smax = (smax1 - smin2) | 0;
  if ((((smin1 ^ smax2) & (smin1 ^ smin)) | ((smax1 ^ smin2) & (smax1 ^ smax))) < 0) {
    forgetSigned32(w, d);
  } else {
    w[d + S32_MIN] = smin;
    w[d + S32_MAX] = smax;
  }
  const umax2 = sw[s + U32_MAX]!;
  if (ult32(w[d + U32_MIN]!, umax2)) {
    forgetUnsigned32(w, d);
  } else {
    w[d + U32_MIN]! -= umax2;
    w[d + U32_MAX]! -= sw[s + U32_MIN]!;
  }
}

function subRanges64(w: Int32Array, d: number, sw: Int32Array, s: number): void {
  subSigned64(w, d, sw, s);
  subUnsigned64(w, d, sw, s);
}

/** The s64 range of d - s, or forgotten if that may overflow. */
export function subSigned64(w: Int32Array, d: number, sw: Int32Array, s: number): void {
  const min1 = w[d + SMIN + 1]!;
  const min2 = sw[s + SMIN + 1]!;
  const max1 = w[d + SMAX + 1]!;
  const max2 = sw[s + SMAX + 1]!;
  const min = (min1 - max2 - (ult32(w[d + SMIN]!, sw[s + SMAX]!) ? 1 : 0)) | 0;
  const max = (max1 - min2 - (ult32(w[d + SMAX]!, sw[s + SMIN]!) ? 1 : 0)) | 0;
  if ((((min1 ^ max2) & (min1 ^ min)) | ((max1 ^ min2) & (max1 ^ max))) < 0) {
    forgetSigned64(w, d);
    return;
  }
  w[d + SMIN]! -= sw[s + SMAX]!;
  w[d + SMIN + 1] = min;
  w[d + SMAX]! -= sw[s + SMIN]!;
  w[d + SMAX + 1] = max;
}

/** The u64 range of d - s, or forgotten if that may overflow. */
export function subUnsigned64(w: Int32Array, d: number, sw: Int32Array, s: number): void {
  const min1 = w[d + UMIN]!;
  const min1High = w[d + UMIN + 1]!;
  const max2 = sw[s + UMAX]!;
  const max2High = sw[s + UMAX + 1]!;
  if (ult(min1, min1High, max2, max2High)) {
    forgetUnsigned64(w, d);
    return;
  }
  w[d + UMIN] = sub64(min1, min1High, max2, max2High);
  w[d + UMIN + 1] = hi;
  w[d + UMAX] = sub64(w[d + UMAX]!, w[d + UMAX + 1]!, sw[s + UMIN]!, sw[s + UMIN + 1]!);
  w[d + UMAX + 1] = hi;
}

/** d *= s in the 32-bit ranges, if no product can be wider (scalar32_min_max_mul). */
function mulRanges32(w: Int32Array, d: number, sw: Int32Array, s: number): void {
  const umax1 = w[d + U32_MAX]!;
  const umax2 = sw[s + U32_MAX]!;
  if ((w[d + S32_MIN]! | sw[s + S32_MIN]!) < 0 || ((umax1 | umax2) & ~0xffff) !== 0) {
    markUnbounded32(w, d);
    return;
  }
  const min = Math.imul(w[d + U32_MIN]!, sw[s + U32_MIN]!);
  const max = Math.imul(umax1, umax2);
  w[d + U32_MIN] = min;
  w[d + U32_MAX] = max;
  if (max < 0) {
    forgetSigned32(w, d);
  } else {
    w[d + S32_MIN] = min;
    w[d + S32_MAX] = max;
  }
}

/** d *= s in the 64-bit ranges, if no product can be wider (scalar_min_max_mul). */
function mulRanges64(w: Int32Array, d: number, sw: Int32Array, s: number): void {
  const signs = w[d + SMIN + 1]! | sw[s + SMIN + 1]!;
  if (signs < 0 || (w[d + UMAX + 1]! | sw[s + UMAX + 1]!) !== 0) {
    markUnbounded64(w, d);
    return;
  }
  const min = mul64(w[d + UMIN]!, w[d + UMIN + 1]!, sw[s + UMIN]!, sw[s + UMIN + 1]!);
  const minHigh = hi;
  const max = mul32Wide(w[d + UMAX]!, sw[s + UMAX]!);
  const maxHigh = hi;
  w[d + UMIN] = min;
  w[d + UMIN + 1] = minHigh;
  w[d + UMAX] = max;
  w[d + UMAX + 1] = maxHigh;
  if (maxHigh < 0) {
    forgetSigned64(w, d);
    return;
  }
  w[d + SMIN] = min;
  w[d + SMIN + 1] = minHigh;
  w[d + SMAX] = max;
  w[d + SMAX + 1] = maxHigh;
}

/**
 * The 32-bit ranges after AND, OR, XOR (scalar32_min_max_and and its like). The tnum is the
 * result's already: its known bits are the least, known and unknown ones the greatest; AND is
 * also no greater than either operand, OR no smaller.
 */
function bitRanges32(w: Int32Array, d: number, sw: Int32Array, s: number, op: number): void {
  const value = w[d + VALUE]!;
  if ((w[d + MASK]! | sw[s + MASK]!) === 0) {
    setValue32(w, d, value);
    return;
  }
  let min = value;
  let max = value | w[d + MASK]!;
  if (op === BPF_AND) {
    max = w[d + U32_MAX]!;
    if (ult32(sw[s + U32_MAX]!, max)) max = sw[s + U32_MAX]!;
  } else if (op === BPF_OR) {
    min = w[d + U32_MIN]!;
    if (ult32(min, sw[s + U32_MIN]!)) min = sw[s + U32_MIN]!;
  }
  w[d + U32_MIN] = min;
  w[d + U32_MAX] = max;
  if (min <= max) {
    w[d + S32_MIN] = min;
    w[d + S32_MAX] = max;
  } else {
    forgetSigned32(w, d);
  }
}

/** The 64-bit ranges after AND, OR, XOR (scalar_min_max_and and its like). */
function bitRanges64(w: Int32Array, d: number, sw: Int32Array, s: number, op: number): void {
  let fromMax = false;
  let fromMin = false;
  if (op === BPF_AND) {
    fromMax = ult(sw[s + UMAX]!, sw[s + UMAX + 1]!, w[d + UMAX]!, w[d + UMAX + 1]!);
  } else if (op === BPF_OR) {
    fromMin = ult(w[d + UMIN]!, w[d + UMIN + 1]!, sw[s + UMIN]!, sw[s + UMIN + 1]!);
  }
  if (op !== BPF_AND) {
    w[d + UMAX] = w[d + VALUE]! | w[d + MASK]!;
    w[d + UMAX + 1] = w[d + VALUE + 1]! | w[d + MASK + 1]!;
  } else if (fromMax) {
    w[d + UMAX] = sw[s + UMAX]!;
    w[d + UMAX + 1] = sw[s + UMAX + 1]!;
  }
  if (op !== BPF_OR) {
    w[d + UMIN] = w[d + VALUE]!;
    w[d + UMIN + 1] = w[d + VALUE + 1]!;
  } else if (fromMin) {
    w[d + UMIN] = sw[s + UMIN]!;
    w[d + UMIN + 1] = sw[s + UMIN + 1]!;
  }
  signedFromUnsigned64(w, d);
  updateBounds(w, d);
}

/** Takes the s64 range from the u64 one where that does not cross the sign. */
function signedFromUnsigned64(w: Int32Array, r: number): void {
  if (!sle(w[r + UMIN]!, w[r + UMIN + 1]!, w[r + UMAX]!, w[r + UMAX + 1]!)) {
    forgetSigned64(w, r);
    return;
  }
  w[r + SMIN] = w[r + UMIN]!;
  w[r + SMIN + 1] = w[r + UMIN + 1]!;
  w[r + SMAX] = w[r + UMAX]!;
  w[r + SMAX + 1] = w[r + UMAX + 1]!;
}

/** 32-bit shifts by a constant; the high half becomes 0, the 64-bit ranges are made anew. */
function shift32(w: Int32Array, d: number, n: number, op: number): void {
  tnumSubreg(w, d);
  if (op === BPF_LSH) {
    lshRanges32(w, d, n);
    tnumLshift(w, d, w, d, n);
    tnumSubreg(w, d);
  } else if (op === BPF_RSH) {
    forgetSigned32(w, d);
    tnumRshift(w, d, w, d, n);
    w[d + U32_MIN] = w[d + U32_MIN]! >>> n;
    w[d + U32_MAX] = w[d + U32_MAX]! >>> n;
  } else {
    w[d + S32_MIN]! >>= n;
    w[d + S32_MAX]! >>= n;
    tnumArshift32(w, d, w, d, n);
    forgetUnsigned32(w, d);
  }
  markUnbounded64(w, d);
  updateBounds32(w, d);
}

/** 64-bit shifts by a constant. */
function shift64(w: Int32Array, d: number, n: number, op: number): void {
  if (op === BPF_LSH) {
    lshRanges64(w, d, n);
    lshRanges32(w, d, n);
    tnumLshift(w, d, w, d, n);
  } else if (op === BPF_RSH) {
    forgetSigned64(w, d);
    tnumRshift(w, d, w, d, n);
    w[d + UMIN] = shr64(w[d + UMIN]!, w[d + UMIN + 1]!, n);
    w[d + UMIN + 1] = hi;
    w[d + UMAX] = shr64(w[d + UMAX]!, w[d + UMAX + 1]!, n);
    w[d + UMAX + 1] = hi;
    markUnbounded32(w, d);
  } else {
    w[d + SMIN] = sar64(w[d + SMIN]!, w[d + SMIN + 1]!, n);
    w[d + SMIN + 1] = hi;
    w[d + SMAX] = sar64(w[d + SMAX]!, w[d + SMAX + 1]!, n);
    w[d + SMAX + 1] = hi;
    tnumArshift(w, d, w, d, n);
    forgetUnsigned64(w, d);
    markUnbounded32(w, d);
  }
  updateBounds(w, d);
}

/** The u32 range, unless a set bit might be shifted out (__scalar32_min_max_lsh). */
function lshRanges32(w: Int32Array, d: number, n: number): void {
  forgetSigned32(w, d);
  if (n > 31 || ult32(1 << (31 - n), w[d + U32_MAX]!)) {
    forgetUnsigned32(w, d);
    return;
  }
  w[d + U32_MIN]! <<= n;
  w[d + U32_MAX]! <<= n;
}

/**
 * The u64 range, unless a set bit might be shifted out; `<< 32` is half of a sign extension and
 * keeps the s32 range (__scalar64_min_max_lsh).
 */
function lshRanges64(w: Int32Array, d: number, n: number): void {
  if (n === 32) {
    w[d + SMIN] = w[d + SMAX] = 0;
    w[d + SMIN + 1] = w[d + S32_MIN]!;
    w[d + SMAX + 1] = w[d + S32_MAX]!;
  } else {
    forgetSigned64(w, d);
  }
  const top = shl64(1, 0, 63 - n);
  if (ult(top, hi, w[d + UMAX]!, w[d + UMAX + 1]!)) {
    forgetUnsigned64(w, d);
    return;
  }
  w[d + UMIN] = shl64(w[d + UMIN]!, w[d + UMIN + 1]!, n);
  w[d + UMIN + 1] = hi;
  w[d + UMAX] = shl64(w[d + UMAX]!, w[d + UMAX + 1]!, n);
  w[d + UMAX + 1] = hi;
}
