/** Numbers as the log writes them: decimal within 16 bits, hexadecimal beyond. */
import { gates } from '../gates.ts';

const hex = (word: number) => (word >>> 0).toString(16);

/** `%#llx` of a 64-bit value. */
export function hex64(low: number, high: number): string {
  return high === 0 ? `0x${hex(low)}` : `0x${hex(high)}${hex(low).padStart(8, '0')}`;
}

/** An unsigned 64-bit value (verbose_unum). */
export function unsignedText(low: number, high: number): string {
  return high === 0 && low >>> 0 <= 0xffff ? String(low) : hex64(low, high);
}

/** True if the signed 64-bit value is written in decimal: it fits 16 bits. */
export function isShortSigned(low: number, high: number): boolean {
  return high === low >> 31 && low >= -0x8000 && low <= 0x7fff;
}

/** A signed 64-bit value (verbose_snum). */
export function signedText(low: number, high: number): string {
  return isShortSigned(low, high) ? String(low) : hex64(low, high);
}

/** A tnum (tnum_strn): its value if it has just one, else `(value; mask)`. */
export function tnumText(w: Int32Array, value: number, mask: number): string {
  const isConstant = w[mask] === 0 && w[mask + 1] === 0;
  if (isConstant && gates.shortLog) return unsignedText(w[value]!, w[value + 1]!);
  return `(${hex64(w[value]!, w[value + 1]!)}; ${hex64(w[mask]!, w[mask + 1]!)})`;
}
