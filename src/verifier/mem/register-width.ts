import { UMAX } from '../state/layout.ts';

/** Bits the scalar's value may take (get_reg_width). */
export function registerWidth(w: Int32Array, r: number): number {
  const high = w[r + UMAX + 1]!;
  return high === 0 ? 32 - Math.clz32(w[r + UMAX]!) : 64 - Math.clz32(high);
}
