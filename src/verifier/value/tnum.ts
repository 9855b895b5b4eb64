/**
 * Tracked numbers (kernel/bpf/tnum.c): of each bit it is known whether it is 0, 1 or unknown.
 * `(w, r)` names a register record; its tnum is the words VALUE (bits known to be 1) and MASK
 * (unknown bits). The destination may be one of the operands.
 */
import { MASK, VALUE } from '../state/layout.ts';
import { hi, mul64, sar64, shl64, shr64, ult32 } from './u64.ts';

/** Sets all four words. */
export function tnumSet(
  w: Int32Array,
  r: number,
  valueLow: number,
  valueHigh: number,
  maskLow: number,
  maskHigh: number,
): void {
  w[r + VALUE] = valueLow;
  w[r + VALUE + 1] = valueHigh;
  w[r + MASK] = maskLow;
  w[r + MASK + 1] = maskHigh;
}

/** Every bit is known. */
export function tnumConst(w: Int32Array, r: number, low: number, high: number): void {
  tnumSet(w, r, low, high, 0, 0);
}

/** No bit is known. */
export function tnumUnknown(w: Int32Array, r: number): void {
  tnumSet(w, r, 0, 0, -1, -1);
}

/** True if every bit is known. */
export function tnumIsConst(w: Int32Array, r: number): boolean {
  return (w[r + MASK]! | w[r + MASK + 1]!) === 0;
}

/** True if it is exactly this number (tnum_equals_const). */
export function tnumEqualsConst(w: Int32Array, r: number, low: number, high: number): boolean {
  return tnumIsConst(w, r) && w[r + VALUE] === low && w[r + VALUE + 1] === high;
}

/** True if every value of b is one of a (tnum_in). */
export function tnumIn(aw: Int32Array, a: number, bw: Int32Array, b: number): boolean {
  const maskLow = aw[a + MASK]!;
  const maskHigh = aw[a + MASK + 1]!;
  if ((bw[b + MASK]! & ~maskLow) !== 0 || (bw[b + MASK + 1]! & ~maskHigh) !== 0) return false;
  return (
    aw[a + VALUE] === (bw[b + VALUE]! & ~maskLow) &&
    aw[a + VALUE + 1] === (bw[b + VALUE + 1]! & ~maskHigh)
  );
}

/** True if no known bit of one contradicts the other (tnum_overlap). */
export function tnumOverlap(aw: Int32Array, a: number, bw: Int32Array, b: number): boolean {
  return (
    tnumSubregOverlap(aw, a, bw, b) &&
    ((aw[a + VALUE + 1]! ^ bw[b + VALUE + 1]!) & ~(aw[a + MASK + 1]! | bw[b + MASK + 1]!)) === 0
  );
}

/** The same for the low 32 bits. */
export function tnumSubregOverlap(aw: Int32Array, a: number, bw: Int32Array, b: number): boolean {
  return ((aw[a + VALUE]! ^ bw[b + VALUE]!) & ~(aw[a + MASK]! | bw[b + MASK]!)) === 0;
}

/** Bits from the highest 1 down, as a mask. */
function smear(word: number): number {
  return word === 0 ? 0 : -1 >>> Math.clz32(word);
}

/** The tightest tnum with all of min..max (unsigned). */
export function tnumRange(
  w: Int32Array,
  r: number,
  minLow: number,
  minHigh: number,
  maxLow: number,
  maxHigh: number,
): void {
  const high = smear(minHigh ^ maxHigh);
  const low = high === 0 ? smear(minLow ^ maxLow) : -1;
  // Full width is "unknown" in the kernel: the formula gives the same.
  tnumSet(w, r, minLow & ~low, minHigh & ~high, low | 0, high | 0);
}

/** d = a << n, n in 0..63. */
export function tnumLshift(w: Int32Array, d: number, aw: Int32Array, a: number, n: number): void {
  const valueLow = shl64(aw[a + VALUE]!, aw[a + VALUE + 1]!, n);
  const valueHigh = hi;
  const maskLow = shl64(aw[a + MASK]!, aw[a + MASK + 1]!, n);
  tnumSet(w, d, valueLow, valueHigh, maskLow, hi);
}

/** d = a >> n, unsigned, n in 0..63. */
export function tnumRshift(w: Int32Array, d: number, aw: Int32Array, a: number, n: number): void {
  const valueLow = shr64(aw[a + VALUE]!, aw[a + VALUE + 1]!, n);
  const valueHigh = hi;
  const maskLow = shr64(aw[a + MASK]!, aw[a + MASK + 1]!, n);
  tnumSet(w, d, valueLow, valueHigh, maskLow, hi);
}

/** d = a >> n, signed, 64 bits, n in 0..63. */
export function tnumArshift(w: Int32Array, d: number, aw: Int32Array, a: number, n: number): void {
  const valueLow = sar64(aw[a + VALUE]!, aw[a + VALUE + 1]!, n);
  const valueHigh = hi;
  const maskLow = sar64(aw[a + MASK]!, aw[a + MASK + 1]!, n);
  tnumSet(w, d, valueLow, valueHigh, maskLow, hi);
}

/** d = the low half of a, shifted right with its sign, n in 0..31; the high half becomes 0. */
export function tnumArshift32(
  w: Int32Array,
  d: number,
  aw: Int32Array,
  a: number,
  n: number,
): void {
  tnumSet(w, d, aw[a + VALUE]! >> n, 0, aw[a + MASK]! >> n, 0);
}

/** d = a + b. */
export function tnumAdd(
  w: Int32Array,
  d: number,
  aw: Int32Array,
  a: number,
  bw: Int32Array,
  b: number,
): void {
  const aMaskLow = aw[a + MASK]!;
  const aMaskHigh = aw[a + MASK + 1]!;
  const bMaskLow = bw[b + MASK]!;
  const bMaskHigh = bw[b + MASK + 1]!;
  const aValueLow = aw[a + VALUE]!;
  // Sum of the masks, of the values, and of both: bits in which the last two differ may carry.
  const maskLow = (aMaskLow + bMaskLow) | 0;
  const maskHigh = (aMaskHigh + bMaskHigh + (ult32(maskLow, aMaskLow) ? 1 : 0)) | 0;
  const valueLow = (aValueLow + bw[b + VALUE]!) | 0;
  const valueHigh =
    (aw[a + VALUE + 1]! + bw[b + VALUE + 1]! + (ult32(valueLow, aValueLow) ? 1 : 0)) | 0;
  const bothLow = (maskLow + valueLow) | 0;
  const bothHigh = (maskHigh + valueHigh + (ult32(bothLow, maskLow) ? 1 : 0)) | 0;
  const low = (bothLow ^ valueLow) | aMaskLow | bMaskLow;
  const high = (bothHigh ^ valueHigh) | aMaskHigh | bMaskHigh;
  w[d + VALUE] = valueLow & ~low;
  w[d + VALUE + 1] = valueHigh & ~high;
  w[d + MASK] = low;
  w[d + MASK + 1] = high;
}

/** d = a - b. */
export function tnumSub(
  w: Int32Array,
  d: number,
  aw: Int32Array,
  a: number,
  bw: Int32Array,
  b: number,
): void {
  const aMaskLow = aw[a + MASK]!;
  const aMaskHigh = aw[a + MASK + 1]!;
  const bMaskLow = bw[b + MASK]!;
  const bMaskHigh = bw[b + MASK + 1]!;
  const aValueLow = aw[a + VALUE]!;
  const bValueLow = bw[b + VALUE]!;
  const valueLow = (aValueLow - bValueLow) | 0;
  const valueHigh =
    (aw[a + VALUE + 1]! - bw[b + VALUE + 1]! - (ult32(aValueLow, bValueLow) ? 1 : 0)) | 0;
  // The greatest and the least difference: bits in which they differ may borrow.
  const mostLow = (valueLow + aMaskLow) | 0;
  const mostHigh = (valueHigh + aMaskHigh + (ult32(mostLow, valueLow) ? 1 : 0)) | 0;
  const leastLow = (valueLow - bMaskLow) | 0;
  const leastHigh = (valueHigh - bMaskHigh - (ult32(valueLow, bMaskLow) ? 1 : 0)) | 0;
  const low = (mostLow ^ leastLow) | aMaskLow | bMaskLow;
  const high = (mostHigh ^ leastHigh) | aMaskHigh | bMaskHigh;
  w[d + VALUE] = valueLow & ~low;
  w[d + VALUE + 1] = valueHigh & ~high;
  w[d + MASK] = low;
  w[d + MASK + 1] = high;
}

function andWord(w: Int32Array, d: number, av: number, am: number, bv: number, bm: number): void {
  const value = av & bv;
  w[d] = value;
  w[d + MASK - VALUE] = (av | am) & (bv | bm) & ~value;
}

/** d = a & b. */
export function tnumAnd(
  w: Int32Array,
  d: number,
  aw: Int32Array,
  a: number,
  bw: Int32Array,
  b: number,
): void {
  for (let i = VALUE; i < VALUE + 2; i++) {
    andWord(w, d + i, aw[a + i]!, aw[a + i + 2]!, bw[b + i]!, bw[b + i + 2]!);
  }
}

/** d = a | b. */
export function tnumOr(
  w: Int32Array,
  d: number,
  aw: Int32Array,
  a: number,
  bw: Int32Array,
  b: number,
): void {
  for (let i = VALUE; i < VALUE + 2; i++) {
    const value = aw[a + i]! | bw[b + i]!;
    const mask = aw[a + i + 2]! | bw[b + i + 2]!;
    w[d + i] = value;
    w[d + i + 2] = mask & ~value;
  }
}

/** d = a ^ b. */
export function tnumXor(
  w: Int32Array,
  d: number,
  aw: Int32Array,
  a: number,
  bw: Int32Array,
  b: number,
): void {
  for (let i = VALUE; i < VALUE + 2; i++) {
    const mask = aw[a + i + 2]! | bw[b + i + 2]!;
    w[d + i] = (aw[a + i]! ^ bw[b + i]!) & ~mask;
    w[d + i + 2] = mask;
  }
}

/**
 * d = a * b. Long multiplication: the product of the known bits, and one mask for what each bit of
 * `a` that is or may be 1 adds of doubt. Not commutative, like the kernel's.
 */
export function tnumMul(
  w: Int32Array,
  d: number,
  aw: Int32Array,
  a: number,
  bw: Int32Array,
  b: number,
): void {
  let aValueLow = aw[a + VALUE]!;
  let aValueHigh = aw[a + VALUE + 1]!;
  let aMaskLow = aw[a + MASK]!;
  let aMaskHigh = aw[a + MASK + 1]!;
  let bValueLow = bw[b + VALUE]!;
  let bValueHigh = bw[b + VALUE + 1]!;
  let bMaskLow = bw[b + MASK]!;
  let bMaskHigh = bw[b + MASK + 1]!;
  const valueLow = mul64(aValueLow, aValueHigh, bValueLow, bValueHigh);
  const valueHigh = hi;
  let low = 0;
  let high = 0;
  while ((aValueLow | aValueHigh | aMaskLow | aMaskHigh) !== 0) {
    if (((aValueLow | aMaskLow) & 1) !== 0) {
      const certain = (aValueLow & 1) !== 0;
      const moreLow = certain ? bMaskLow : bValueLow | bMaskLow;
      const moreHigh = certain ? bMaskHigh : bValueHigh | bMaskHigh;
      const sum = (low + moreLow) | 0;
      high |= moreHigh | (high + moreHigh + (ult32(sum, low) ? 1 : 0));
      low |= moreLow | sum;
    }
    aValueLow = (aValueLow >>> 1) | (aValueHigh << 31);
    aValueHigh >>>= 1;
    aMaskLow = (aMaskLow >>> 1) | (aMaskHigh << 31);
    aMaskHigh >>>= 1;
    bValueHigh = (bValueHigh << 1) | (bValueLow >>> 31);
    bValueLow <<= 1;
    bMaskHigh = (bMaskHigh << 1) | (bMaskLow >>> 31);
    bMaskLow <<= 1;
  }
  const sum = (low + valueLow) | 0;
  high |= (high + valueHigh + (ult32(sum, low) ? 1 : 0)) ^ valueHigh;
  low |= sum ^ valueLow;
  tnumSet(w, d, valueLow & ~low, valueHigh & ~high, low, high);
}

/** Cuts to the low `size` bytes, 1, 2 or 4 (tnum_cast); the rest becomes known 0. */
export function tnumCast(w: Int32Array, r: number, size: number): void {
  const keep = size === 4 ? -1 : (1 << (size * 8)) - 1;
  w[r + VALUE]! &= keep;
  w[r + MASK]! &= keep;
  w[r + VALUE + 1] = w[r + MASK + 1] = 0;
}

/** Keeps the low half; the high one becomes known 0 (tnum_subreg). */
export function tnumSubreg(w: Int32Array, r: number): void {
  w[r + VALUE + 1] = w[r + MASK + 1] = 0;
}
