import { S32_MAX, S32_MIN, SMAX, SMIN } from '../state/layout.ts';

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
