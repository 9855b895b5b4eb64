import { OFF, VALUE } from '../../state/layout.ts';

/**
 * `off` plus the known part of the variable offset of a pointer whose variable offset is constant.
 * Pointers to map values and objects stay within 2^29 of their start, so a double holds it.
 */
export function fixedOffset(w: Int32Array, r: number): number {
  return w[r + VALUE + 1]! * 2 ** 32 + (w[r + VALUE]! >>> 0) + w[r + OFF]!;
}
