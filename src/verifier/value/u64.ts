/**
 * 64-bit numbers as two int32 words. Functions with two results return the low word and leave the
 * high one in `hi`: read it before the next call.
 */

/** High word of the last result. */
export let hi = 0;

/** Lowest and highest int32. */
export const MIN32 = 0x8000_0000 | 0;
export const MAX32 = 0x7fff_ffff;

/** a < b, unsigned 32-bit. */
export function ult32(a: number, b: number): boolean {
  return (a ^ MIN32) < (b ^ MIN32);
}

/** a < b, unsigned. */
export function ult(al: number, ah: number, bl: number, bh: number): boolean {
  return ah === bh ? (al ^ MIN32) < (bl ^ MIN32) : (ah ^ MIN32) < (bh ^ MIN32);
}

/** a <= b, unsigned. */
export function ule(al: number, ah: number, bl: number, bh: number): boolean {
  return ah === bh ? (al ^ MIN32) <= (bl ^ MIN32) : (ah ^ MIN32) < (bh ^ MIN32);
}

/** a < b, signed. */
export function slt(al: number, ah: number, bl: number, bh: number): boolean {
  return ah === bh ? (al ^ MIN32) < (bl ^ MIN32) : ah < bh;
}

/** a <= b, signed. */
export function sle(al: number, ah: number, bl: number, bh: number): boolean {
  return ah === bh ? (al ^ MIN32) <= (bl ^ MIN32) : ah < bh;
}

/** a + b. */
export function add64(al: number, ah: number, bl: number, bh: number): number {
  const low = (al + bl) | 0;
  hi = (ah + bh + (ult32(low, al) ? 1 : 0)) | 0;
  return low;
}

/** a - b. */
export function sub64(al: number, ah: number, bl: number, bh: number): number {
  hi = (ah - bh - (ult32(al, bl) ? 1 : 0)) | 0;
  return (al - bl) | 0;
}

/** a * b of unsigned 32-bit numbers, all 64 bits. */
export function mul32Wide(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = Math.imul(aLow, bLow);
  // Neither sum passes 2^32: 0xffff * 0xffff + 0xffff + 0xffff is the most.
  const middle = Math.imul(aHigh, bLow) + (low >>> 16);
  const carry = Math.imul(aLow, bHigh) + (middle & 0xffff);
  hi = (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
  return Math.imul(a, b);
}

/** a * b, low 64 bits. */
export function mul64(al: number, ah: number, bl: number, bh: number): number {
  const low = mul32Wide(al, bl);
  hi = (hi + Math.imul(al, bh) + Math.imul(ah, bl)) | 0;
  return low;
}

/** a << n, n in 0..63. */
export function shl64(al: number, ah: number, n: number): number {
  if (n === 0) {
    hi = ah;
    return al;
  }
  if (n < 32) {
    hi = (ah << n) | (al >>> (32 - n));
    return al << n;
  }
  hi = al << (n - 32);
  return 0;
}

/** a >> n, unsigned, n in 0..63. */
export function shr64(al: number, ah: number, n: number): number {
  if (n === 0) {
    hi = ah;
    return al;
  }
  if (n < 32) {
    hi = (ah >>> n) | 0;
    return (al >>> n) | (ah << (32 - n));
  }
  hi = 0;
  return (ah >>> (n - 32)) | 0;
}

/** a >> n, signed, n in 0..63. */
export function sar64(al: number, ah: number, n: number): number {
  if (n === 0) {
    hi = ah;
    return al;
  }
  if (n < 32) {
    hi = ah >> n;
    return (al >>> n) | (ah << (32 - n));
  }
  hi = ah >> 31;
  return ah >> (n - 32);
}
