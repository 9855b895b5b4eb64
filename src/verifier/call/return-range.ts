import { hex64, tnumText } from '../log/numbers.ts';
import { MASK, S32_MAX, S32_MIN, SMAX, SMIN, VALUE } from '../state/layout.ts';

const MIN_HIGH = -0x8000_0000;
const MAX_HIGH = 0x7fff_ffff;

/** Values a function may return (struct bpf_retval_range). */
export interface ReturnRange {
  readonly min: number;
  readonly max: number;
}

/** All values of the register are in the range (retval_range_within). */
export function rangeContains(
  { min, max }: ReturnRange,
  w: Int32Array,
  r: number,
  bits32: boolean,
): boolean {
  if (bits32) return min <= w[r + S32_MIN]! && w[r + S32_MAX]! <= max;
  return fitsAbove(min, w, r + SMIN) && fitsBelow(max, w, r + SMAX);
}

/** True if the 64-bit value at `at` is not less than `min`. */
function fitsAbove(min: number, w: Int32Array, at: number): boolean {
  const high = min >> 31;
  return w[at + 1]! > high || (w[at + 1] === high && w[at]! >>> 0 >= min >>> 0);
}

/** True if the 64-bit value at `at` is not greater than `max`. */
function fitsBelow(max: number, w: Int32Array, at: number): boolean {
  const high = max >> 31;
  return w[at + 1]! < high || (w[at + 1] === high && w[at]! >>> 0 <= max >>> 0);
}

const text = (w: Int32Array, at: number): string =>
  String((BigInt(w[at + 1]!) << 32n) | BigInt(w[at]! >>> 0));

/** What is known of the value, in words (verbose_invalid_scalar). */
export function foundRangeText(w: Int32Array, r: number): string {
  let words = '';
  const lowest = w[r + SMIN] === 0 && w[r + SMIN + 1] === MIN_HIGH;
  const greatest = w[r + SMAX] === -1 && w[r + SMAX + 1] === MAX_HIGH;
  if (!lowest) words += ` smin=${text(w, r + SMIN)}`;
  if (!greatest) words += ` smax=${text(w, r + SMAX)}`;
  return words || ' unknown scalar value';
}

/** Bits that differ between the ends of a range, which begins at a multiple of its size. */
const bitsOf = ({ min, max }: ReturnRange): number =>
  min === max ? 0 : (1 << (32 - Math.clz32(min ^ max))) - 1;

/** No known bit of the register is outside the range (tnum_in of tnum_range). */
export function isWithinBits(range: ReturnRange, w: Int32Array, r: number): boolean {
  const free = bitsOf(range);
  const outside = (w[r + MASK]! & ~free) | w[r + MASK + 1]! | w[r + VALUE + 1]!;
  return outside === 0 && ((w[r + VALUE]! ^ range.min) & ~free) === 0;
}

/** The range as known bits: '(0x0; 0x1)'. */
export function bitsText(range: ReturnRange): string {
  const free = bitsOf(range);
  return `(${hex64(range.min & ~free, 0)}; ${hex64(free, 0)})`;
}

/** What is known of the value's bits, in words (the older verbose_invalid_scalar). */
export function knownBitsText(w: Int32Array, r: number): string {
  const isUnknown = (w[r + MASK]! & w[r + MASK + 1]!) === -1;
  return isUnknown ? 'has unknown scalar value' : `has value ${tnumText(w, r + VALUE, r + MASK)}`;
}
