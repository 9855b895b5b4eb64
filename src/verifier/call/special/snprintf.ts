import type { VerifierEnv } from '../../env.ts';
import { callMessages } from '../../messages/call.ts';
import { MAP, regAt, VALUE } from '../../state/layout.ts';
import { constString } from './const-string.ts';
import { fixedOffset } from './fixed-offset.ts';

const code = (char: string): number => char.charCodeAt(0);
const PERCENT = code('%');
const ZERO = code('0');
const NINE = code('9');
const LOWER_L = code('l');
const LOWER_P = code('p');
const LOWER_S = code('s');

const codes = (chars: string): ReadonlySet<number> => new Set([...chars].map(code));
const WIDTH_FLAGS = codes('0+- ');
const INTEGERS = codes('iduxX');
/** What may follow %p alone; the ones that read memory are in `pointerEnd`. */
const POINTER_KINDS = codes('KxsSB');
const STRING_POINTERS = codes('ku');
const IP_POINTERS = codes('iI');
const IP_VERSIONS = codes('46');

/** The kernel's own ctype table: Latin-1. */
function isSpace(c: number): boolean {
  return c === 0x20 || (c >= 9 && c <= 13) || c === 0xa0;
}

function isPunct(c: number): boolean {
  if (c >= 0x80) return (c > 0xa0 && c < 0xc0) || c === 0xd7 || c === 0xf7;
  const alphanumeric = (c >= ZERO && c <= NINE) || isLetter(c);
  return c > 0x20 && c < 0x7f && !alphanumeric;
}

function isLetter(c: number): boolean {
  const lower = c | 0x20;
  return lower >= code('a') && lower <= code('z');
}

function isControl(c: number): boolean {
  return (c < 0x20 || c === 0x7f) && !isSpace(c);
}

/**
 * Index behind the conversion that starts after the `%` at `i - 1`, or -1 if the kernel has none
 * like it.
 */
function conversionEnd(format: Uint8Array, i: number): number {
  const at = (index: number): number => format[index] ?? 0;
  if (at(i) >= 0x80) return -1;
  while (WIDTH_FLAGS.has(at(i))) i++;
  if (at(i) > ZERO && at(i) <= NINE) while (at(i) >= ZERO && at(i) <= NINE) i++;
  const c = at(i);
  if (c === LOWER_P) return pointerEnd(format, i);
  if (c === LOWER_S) return stringEnd(format, i);
  if (c === code('c')) return i + 1;
  if (at(i) === LOWER_L) i++;
  if (at(i) === LOWER_L) i++;
  return INTEGERS.has(at(i)) ? i + 1 : -1;
}

const endsWord = (c: number): boolean => c === 0 || isSpace(c) || isPunct(c);

function stringEnd(format: Uint8Array, i: number): number {
  return endsWord(format[i + 1] ?? 0) ? i + 1 : -1;
}

/** `i` is at the p. */
function pointerEnd(format: Uint8Array, i: number): number {
  const next = format[i + 1] ?? 0;
  if (endsWord(next)) return i + 1;
  if (STRING_POINTERS.has(next) && format[i + 2] === LOWER_S) return stringEnd(format, i + 2);
  if (POINTER_KINDS.has(next)) return i + 2;
  return IP_POINTERS.has(next) && IP_VERSIONS.has(format[i + 2] ?? 0) ? i + 3 : -1;
}

/** True if the kernel's printf takes this format with `args` values (bpf_bprintf_prepare). */
export function isValidFormat(format: Uint8Array, args: number): boolean {
  let used = 0;
  for (let i = 0; i < format.length; ) {
    const c = format[i]!;
    if (c < 0x80 && isControl(c)) return false;
    if (c !== PERCENT) {
      i++;
    } else if (format[i + 1] === PERCENT) {
      i += 2;
    } else {
      if (used++ >= args) return false;
      i = conversionEnd(format, i + 1);
      if (i < 0) return false;
    }
  }
  return true;
}

/** The format of bpf_snprintf, which is a constant, fits its data (check_bpf_snprintf_call). */
export function checkSnprintfCall(env: VerifierEnv): void {
  const w = env.regs;
  const format = regAt(3);
  const length = w[regAt(5) + VALUE]! >>> 0;
  if (length % 8 !== 0) env.reject('EINVAL');
  const map = env.maps[w[format + MAP]! - 1]!;
  const text = constString(map, fixedOffset(w, format));
  if (!text || !isValidFormat(text, length / 8)) {
    env.reject('EINVAL', callMessages.invalid_format());
  }
}
