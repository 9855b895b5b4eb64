import { FormatError } from './errors.ts';

/** Strings that overlap may together be this many times as long as the input. */
const MAX_REPEATED = 4;

/**
 * Bounds-checked reads over one buffer. Every read outside ends in a `FormatError` that names the
 * format and the offset, so parsers need no checks of their own.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly format: string;
  littleEndian: boolean;
  readonly #strings = new Map<number, string>();
  /** Bytes that strings may still take. */
  #room: number;

  constructor(bytes: Uint8Array, format: string, littleEndian = true) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.format = format;
    this.littleEndian = littleEndian;
    this.#room = MAX_REPEATED * bytes.length;
  }

  get length(): number {
    return this.bytes.length;
  }

  /** Throws unless `offset .. offset + size` lies inside the buffer. */
  need(offset: number, size: number, what: string): void {
    if (!(offset >= 0 && size >= 0 && offset + size <= this.bytes.length)) {
      this.fail(offset, `${what} needs ${size} bytes, the input ends at ${this.bytes.length}`);
    }
  }

  fail(offset: number, reason: string): never {
    throw new FormatError(this.format, offset, reason);
  }

  u8(offset: number, what = 'a byte'): number {
    this.need(offset, 1, what);
    return this.bytes[offset]!;
  }

  u16(offset: number, what = 'a 16-bit value'): number {
    this.need(offset, 2, what);
    return this.view.getUint16(offset, this.littleEndian);
  }

  u32(offset: number, what = 'a 32-bit value'): number {
    this.need(offset, 4, what);
    return this.view.getUint32(offset, this.littleEndian);
  }

  i32(offset: number, what = 'a 32-bit value'): number {
    this.need(offset, 4, what);
    return this.view.getInt32(offset, this.littleEndian);
  }

  u64(offset: number, what = 'a 64-bit value'): bigint {
    this.need(offset, 8, what);
    return this.view.getBigUint64(offset, this.littleEndian);
  }

  /** A 64-bit value that must fit a JavaScript number exactly (file offsets, sizes). */
  size64(offset: number, what = 'a 64-bit size'): number {
    const value = this.u64(offset, what);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail(offset, `${what} is ${value}: absurd`);
    return Number(value);
  }

  slice(offset: number, size: number, what = 'a block'): Uint8Array {
    this.need(offset, size, what);
    return this.bytes.subarray(offset, offset + size);
  }

  /**
   * The NUL-terminated string at `offset`, not reading past `limit`. Strings are kept; those that
   * are parts of others may not take much more memory than the input.
   */
  cString(offset: number, limit = this.bytes.length, what = 'a string'): string {
    const known = this.#strings.get(offset);
    if (known !== undefined && offset + known.length < limit) return known;
    if (offset < 0 || offset >= limit || limit > this.bytes.length) {
      this.fail(offset, `${what} starts outside its table`);
    }
    const end = this.bytes.indexOf(0, offset);
    if (end < 0 || end >= limit) this.fail(offset, `${what} has no terminating NUL`);
    this.#room -= end - offset;
    if (this.#room < 0) this.fail(offset, 'too many strings are parts of one another');
    const text = utf8(this.bytes.subarray(offset, end));
    this.#strings.set(offset, text);
    return text;
  }
}

const decoder = new TextDecoder();

/** UTF-8 text of `bytes`. Shared memory, which TextDecoder refuses, is copied first. */
export function utf8(bytes: Uint8Array): string {
  const shared =
    typeof SharedArrayBuffer !== 'undefined' && bytes.buffer instanceof SharedArrayBuffer;
  return decoder.decode(shared ? bytes.slice() : bytes);
}

/** One after the other; one alone is given as it is, not copied. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Writes the lower `size` bytes of a number, the lowest first; a number below 0 is filled with 255.
 *
 * @example
 * putLittleEndian(bytes, 0, 2, 0x1234n); // 34 12
 */
export function putLittleEndian(bytes: Uint8Array, at: number, size: number, value: bigint): void {
  let rest = value;
  for (let i = 0; i < size; i++, rest >>= 8n) bytes[at + i] = Number(rest & 255n);
}

/** Whether these are the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/**
 * Two hexadecimal digits a byte.
 *
 * @example
 * hexBytes(Uint8Array.of(10, 255), ':'); // '0a:ff'
 */
export function hexBytes(bytes: Uint8Array, between = ''): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(between);
}

/** The bytes that `hexBytes` wrote. */
export function bytesOfHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
