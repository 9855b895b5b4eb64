/** 64-bit words of a record as JavaScript numbers: exact below 2^53, which all offsets are. */

const WORD = 0x1_0000_0000;

/** The signed 64-bit value at `at`, rounded beyond 2^53. */
export function signedAt(w: Int32Array, at: number): number {
  return w[at + 1]! * WORD + (w[at]! >>> 0);
}

/** The unsigned 64-bit value at `at`, rounded beyond 2^53. */
export function unsignedAt(w: Int32Array, at: number): number {
  return (w[at + 1]! >>> 0) * WORD + (w[at]! >>> 0);
}
