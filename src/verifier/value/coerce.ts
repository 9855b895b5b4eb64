/** What narrow loads and moves do to a value: cut, zero-extended, sign-extended. */
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
import {
  assign32Into64,
  forgetUnsigned32,
  forgetUnsigned64,
  markUnbounded32,
  setValue,
  syncBounds,
} from './bounds.ts';
import { combine64Into32Older } from './sync-older.ts';
import { tnumCast, tnumConst, tnumIsConst, tnumRange, tnumSubreg, tnumUnknown } from './tnum.ts';

/** A 32-bit operation wrote it: the high half is 0 (zext_32_to_64). */
export function zext32to64(w: Int32Array, r: number): void {
  tnumSubreg(w, r);
  assign32Into64(w, r);
}

/** Cuts to the low `size` bytes, 1, 2 or 4 (coerce_reg_to_size). */
export function coerceToSize(w: Int32Array, r: number, size: number): void {
  tnumCast(w, r, size);
  const mask = size === 4 ? -1 : (1 << (size * 8)) - 1;
  const sameTop =
    w[r + UMIN + 1] === w[r + UMAX + 1] && ((w[r + UMIN]! ^ w[r + UMAX]!) & ~mask) === 0;
  const min = sameTop ? w[r + UMIN]! & mask : 0;
  const max = sameTop ? w[r + UMAX]! & mask : mask;
  w[r + UMIN] = w[r + SMIN] = min;
  w[r + UMAX] = w[r + SMAX] = max;
  w[r + UMIN + 1] = w[r + UMAX + 1] = w[r + SMIN + 1] = w[r + SMAX + 1] = 0;
  if (!gates.comparedRanges) {
    if (size < 4) combine64Into32Older(w, r);
    return;
  }
  if (size < 4) markUnbounded32(w, r);
  syncBounds(w, r);
}

function signExtend(low: number, size: number): number {
  const unused = 32 - size * 8;
  return (low << unused) >> unused;
}

/** Takes the low `size` bytes, 1, 2 or 4, as a signed number (coerce_reg_to_size_sx). */
export function coerceToSizeSx(w: Int32Array, r: number, size: number): void {
  if (tnumIsConst(w, r)) {
    const value = signExtend(w[r + VALUE]!, size);
    setValue(w, r, value, value >> 31);
    return;
  }
  const smin = w[r + SMIN]!;
  const smax = w[r + SMAX]!;
  const above = size === 4 ? 0 : -1 << (size * 8);
  if (w[r + SMIN + 1] === w[r + SMAX + 1] && ((smin ^ smax) & above) === 0) {
    const a = signExtend(smax, size);
    const b = signExtend(smin, size);
    if (a >= 0 === b >= 0) {
      setSignedRange(w, r, a < b ? a : b, a < b ? b : a);
      return;
    }
  }
  setWidestSx(w, r, size);
}

/** min..max of one sign. */
function setSignedRange(w: Int32Array, r: number, min: number, max: number): void {
  w[r + S32_MIN] = w[r + SMIN] = w[r + U32_MIN] = w[r + UMIN] = min;
  w[r + S32_MAX] = w[r + SMAX] = w[r + U32_MAX] = w[r + UMAX] = max;
  w[r + SMIN + 1] = w[r + UMIN + 1] = min >> 31;
  w[r + SMAX + 1] = w[r + UMAX + 1] = max >> 31;
  tnumRange(w, r, min, min >> 31, max, max >> 31);
}

/** Any sign-extended number of `size` bytes (set_sext64_default_val). */
function setWidestSx(w: Int32Array, r: number, size: number): void {
  const min = -1 << (size * 8 - 1);
  const max = ~min;
  w[r + SMIN] = w[r + S32_MIN] = min;
  w[r + SMIN + 1] = -1;
  w[r + SMAX] = w[r + S32_MAX] = max;
  w[r + SMAX + 1] = 0;
  forgetUnsigned64(w, r);
  forgetUnsigned32(w, r);
  tnumUnknown(w, r);
}

/**
 * Takes the low `size` bytes, 1 or 2, as a signed 32-bit number (coerce_subreg_to_size_sx). The
 * 64-bit ranges are left to `zext32to64`.
 */
export function coerceSubregToSizeSx(w: Int32Array, r: number, size: number): void {
  if (tnumIsConst(w, r)) {
    const value = signExtend(w[r + VALUE]!, size);
    tnumConst(w, r, value, value >> 31);
    setRange32(w, r, value, value);
    return;
  }
  const smin = w[r + S32_MIN]!;
  const smax = w[r + S32_MAX]!;
  if (((smin ^ smax) & (-1 << (size * 8))) === 0) {
    const a = signExtend(smax, size);
    const b = signExtend(smin, size);
    if (a >= 0 === b >= 0) {
      const min = a < b ? a : b;
      const max = a < b ? b : a;
      setRange32(w, r, min, max);
      tnumRange(w, r, min, min >> 31, max, max >> 31);
      tnumSubreg(w, r);
      return;
    }
  }
  const widest = -1 << (size * 8 - 1);
  w[r + S32_MIN] = widest;
  w[r + S32_MAX] = ~widest;
  forgetUnsigned32(w, r);
  w[r + VALUE] = w[r + VALUE + 1] = w[r + MASK + 1] = 0;
  w[r + MASK] = -1;
}

function setRange32(w: Int32Array, r: number, min: number, max: number): void {
  w[r + S32_MIN] = w[r + U32_MIN] = min;
  w[r + S32_MAX] = w[r + U32_MAX] = max;
}
