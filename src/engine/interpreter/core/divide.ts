/** Division as BPF defines it: nothing traps (RFC 9669 section 4.1). */

/** @inline */
export function div64(a: u64, b: u64): u64 {
  return b == 0 ? 0 : a / b;
}

/** @inline */
export function mod64(a: u64, b: u64): u64 {
  return b == 0 ? a : a % b;
}

/** @inline */
export function div32(a: u32, b: u32): u32 {
  return b == 0 ? 0 : a / b;
}

/** @inline */
export function mod32(a: u32, b: u32): u32 {
  return b == 0 ? a : a % b;
}

/** The least number divided by -1 is itself (wasm would trap). */
export function sdiv64(a: i64, b: i64): u64 {
  if (b == 0) return 0;
  return b == -1 ? 0 - a : a / b;
}

export function smod64(a: i64, b: i64): u64 {
  if (b == 0) return a;
  return b == -1 ? 0 : a % b;
}

export function sdiv32(a: i32, b: i32): u32 {
  if (b == 0) return 0;
  return b == -1 ? 0 - a : a / b;
}

export function smod32(a: i32, b: i32): u32 {
  if (b == 0) return a;
  return b == -1 ? 0 : a % b;
}
