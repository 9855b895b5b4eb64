/** Text in program memory (kernel/bpf/helpers.c, lib/kstrtox.c). */
import { EINVAL, ERANGE } from '../core/errno';

const BASE_MASK: u64 = 0x1f;
/** The kernel copies at most this much of the number before it parses. */
const MAX_DIGITS: u32 = 63;

/** -1, 0 or 1 as the first differing byte says; `second` ends with a NUL. */
export function bpf_strncmp(first: u64, size: u64, second: u64): u64 {
  const a = <u32>first;
  const b = <u32>second;
  const length = <u32>size;
  for (let i: u32 = 0; i < length; i++) {
    const c = load<u8>(a + i);
    const d = load<u8>(b + i);
    if (c != d) return c < d ? -1 : 1;
    if (c == 0) break;
  }
  return 0;
}

/** isspace() of the kernel: ASCII white space and the Latin-1 no-break space. */
function isSpace(c: u8): bool {
  return c == 32 || (c >= 9 && c <= 13) || c == 160;
}

/** Value of a digit in any base up to 36, 255 if it is none. */
function digit(c: u8): u32 {
  if (c >= 48 && c <= 57) return c - 48;
  const lower = c | 32;
  return lower >= 97 && lower <= 122 ? lower - 87 : 255;
}

/** Byte `at`, or 0 from `end` on. @inline */
function byte(at: u32, end: u32): u8 {
  return at < end ? load<u8>(at) : 0;
}

/**
 * Parses the unsigned number in at .. end and stores it to `out`. Returns the bytes it took, or a
 * negative errno; `base` 0 takes it from a 0x or 0 in front.
 */
function parseNumber(start: u32, end: u32, base: u32, out: u32): i64 {
  let at = start;
  const prefixed = byte(at, end) == 48 && (byte(at + 1, end) | 32) == 120;
  if (base == 0) {
    if (byte(at, end) == 48) base = prefixed && digit(byte(at + 2, end)) < 16 ? 16 : 8;
    else base = 10;
  }
  if (base == 16 && prefixed) at += 2;
  const first = at;
  let value: u64 = 0;
  let overflow = false;
  for (; at < end; at++) {
    const d = digit(load<u8>(at));
    if (d >= base) break;
    if (value >> 60 != 0 && value > (u64.MAX_VALUE - d) / base) overflow = true;
    value = value * base + d;
  }
  if (overflow) return ERANGE;
  if (at == first) return EINVAL;
  store<u64>(out, value);
  return at - start;
}

/** What both helpers share. Returns the bytes read or a negative errno. */
function parse(buffer: u32, size: u32, flags: u64, out: u32, signed: bool): i64 {
  const base = <u32>(flags & BASE_MASK);
  if (size == 0 || flags & ~BASE_MASK) return EINVAL;
  if (base != 0 && base != 8 && base != 10 && base != 16) return EINVAL;
  const end = buffer + size;
  let at = buffer;
  while (at < end && isSpace(load<u8>(at))) at++;
  const negative = at < end && load<u8>(at) == 45;
  if (negative) at++;
  if (at == end) return EINVAL;
  const before = at - buffer;
  const taken = parseNumber(at, min<u32>(end, at + MAX_DIGITS), base, out);
  if (taken < 0) return taken;
  const error = signed ? applySign(out, negative) : negative ? EINVAL : 0;
  return error != 0 ? error : before + taken;
}

/** ERANGE when the value does not fit a signed 64-bit number. */
function applySign(out: u32, negative: bool): i64 {
  const value = load<u64>(out);
  if (!negative) return <i64>value < 0 ? ERANGE : 0;
  if (<i64>(0 - value) > 0) return ERANGE;
  store<u64>(out, 0 - value);
  return 0;
}

function parseTo(buffer: u64, size: u64, flags: u64, out: u64, signed: bool): i64 {
  store<u64>(<u32>out, 0);
  const result = parse(<u32>buffer, <u32>size, flags, <u32>out, signed);
  if (result < 0) store<u64>(<u32>out, 0);
  return result;
}

/** Text to a signed number; returns the bytes read. */
export function bpf_strtol(buffer: u64, size: u64, flags: u64, out: u64): u64 {
  return parseTo(buffer, size, flags, out, true);
}

export function bpf_strtoul(buffer: u64, size: u64, flags: u64, out: u64): u64 {
  return parseTo(buffer, size, flags, out, false);
}
