/**
 * The kernel's formatted output as BPF programs may use it: which conversions are allowed and what
 * they print (kernel/bpf/helpers.c, lib/vsprintf.c).
 */
import { hexBytes } from '../../base/index.ts';
import { errnos } from '../../abi/index.ts';

const { EINVAL, ENOSPC } = errnos as { readonly EINVAL: number; readonly ENOSPC: number };

/** Arguments are first gathered in a buffer of this size; strings and addresses as text. */
const MAX_ARGUMENT_BYTES = 512;

/** What the formatter needs of memory. Addresses are tagged pointers. */
export interface FormatMemory {
  /** `size` bytes at an address, or undefined if they are not all readable. */
  read(address: bigint, size: number): Uint8Array | undefined;
  /** Text up to a NUL or to `limit` - 1 bytes; undefined if it is not readable. */
  text(address: bigint, limit: number): string | undefined;
  /** What %p shows instead of an address. */
  hash(address: bigint): bigint;
}

interface Spec {
  left: boolean;
  plus: boolean;
  space: boolean;
  zero: boolean;
  width: number;
}

/** Text whose characters are bytes (latin1), or a negative errno. */
export function formatBpf(
  format: string,
  args: readonly bigint[],
  memory: FormatMemory,
): string | number {
  return new Formatter(format, args, memory).run();
}

class Formatter {
  readonly #format: string;
  readonly #args: readonly bigint[];
  readonly #memory: FormatMemory;
  #at = 0;
  #used = 0;
  #next = 0;
  #out = '';

  constructor(format: string, args: readonly bigint[], memory: FormatMemory) {
    this.#format = format;
    this.#args = args;
    this.#memory = memory;
  }

  run(): string | number {
    while (this.#at < this.#format.length) {
      const error = this.#step();
      if (error !== 0) return -error;
    }
    return this.#out;
  }

  #peek(offset = 0): string {
    return this.#format[this.#at + offset] ?? '';
  }

  /** One character or one conversion; returns a positive errno or 0. */
  #step(): number {
    const c = this.#peek();
    if (isControl(c)) return EINVAL;
    this.#at++;
    if (c !== '%') {
      this.#out += c;
      return 0;
    }
    if (this.#peek() === '%') {
      this.#at++;
      this.#out += '%';
      return 0;
    }
    if (this.#next >= this.#args.length) return EINVAL;
    return this.#conversion(this.#spec());
  }

  #spec(): Spec {
    const spec = { left: false, plus: false, space: false, zero: false, width: 0 };
    for (; ; this.#at++) {
      const c = this.#peek();
      if (c === '-') spec.left = true;
      else if (c === '+') spec.plus = true;
      else if (c === ' ') spec.space = true;
      else if (c === '0') spec.zero = true;
      else break;
    }
    while (isDigit(this.#peek())) spec.width = spec.width * 10 + Number(this.#format[this.#at++]);
    return spec;
  }

  #conversion(spec: Spec): number {
    const c = this.#peek();
    if (c === 'p') return this.#pointer(spec);
    if (c === 's') return this.#string(spec, 1);
    if (c === 'c') return this.#character(spec);
    return this.#integer(spec);
  }

  /** Takes `size` bytes of the argument buffer, aligned as the kernel does. */
  #take(size: number, align = 4): boolean {
    const start = Math.ceil(this.#used / align) * align;
    if (MAX_ARGUMENT_BYTES - start < size) return false;
    this.#used = start + size;
    return true;
  }

  #integer(spec: Spec): number {
    let long = false;
    for (let i = 0; i < 2 && this.#peek() === 'l'; i++) {
      long = true;
      this.#at++;
    }
    const c = this.#peek();
    if (c === '' || !'iduxX'.includes(c)) return EINVAL;
    if (!this.#take(long ? 8 : 4)) return ENOSPC;
    this.#at++;
    const raw = this.#args[this.#next++]!;
    const bits = long ? 64 : 32;
    const signed = c === 'd' || c === 'i';
    const value = signed ? BigInt.asIntN(bits, raw) : BigInt.asUintN(bits, raw);
    this.#out += number(value, c, spec);
    return 0;
  }

  #character(spec: Spec): number {
    if (!this.#take(1, 1)) return ENOSPC;
    this.#at++;
    const c = String.fromCharCode(Number(this.#args[this.#next++]! & 0xffn));
    this.#out += pad(c, { ...spec, zero: false });
    return 0;
  }

  /** %s, %pks, %pus: `length` characters of the format name the conversion. */
  #string(spec: Spec | undefined, length: number): number {
    if (!endsSpec(this.#peek(length))) return EINVAL;
    const room = MAX_ARGUMENT_BYTES - this.#used;
    if (room === 0) return ENOSPC;
    const text = this.#memory.text(this.#args[this.#next++]!, room) ?? '';
    this.#used += Math.min(text.length + 1, room);
    this.#at += length;
    this.#out += spec ? pad(text, { ...spec, zero: false }) : text;
    return 0;
  }

  #pointer(spec: Spec): number {
    const kind = this.#peek(1);
    if (endsSpec(kind)) return this.#address(spec, 1, false);
    if ((kind === 'k' || kind === 'u') && this.#peek(2) === 's') return this.#string(undefined, 3);
    if (kind === 'K') return this.#address(spec, 2, false);
    if (kind === 'x') return this.#address(spec, 2, true);
    if (kind === 's' || kind === 'S') return this.#symbol(spec);
    if (kind === 'B') return this.#backtraceSymbol();
    if ((kind === 'i' || kind === 'I') && (this.#peek(2) === '4' || this.#peek(2) === '6')) {
      return this.#ipAddress(kind === 'I');
    }
    return EINVAL;
  }

  /** 16 digits; without %px a value that stands for the address, so that none leaks. */
  #address(spec: Spec, length: number, plain: boolean): number {
    if (!this.#take(8)) return ENOSPC;
    this.#at += length;
    const value = BigInt.asUintN(64, this.#args[this.#next++]!);
    const shown = plain || value === 0n ? value : this.#memory.hash(value);
    const wide = spec.width === 0 ? { ...spec, width: 16, zero: true } : spec;
    this.#out += pad(shown.toString(16), wide);
    return 0;
  }

  /** No symbol table: addresses print as numbers, as they do for unknown symbols. */
  #symbol(spec: Spec): number {
    if (!this.#take(8)) return ENOSPC;
    this.#at += 2;
    const value = BigInt.asUintN(64, this.#args[this.#next++]!);
    this.#out += pad(`0x${value.toString(16)}`, { ...spec, zero: false });
    return 0;
  }

  #backtraceSymbol(): number {
    const text = `0x${BigInt.asUintN(64, this.#args[this.#next++]!).toString(16)}`;
    this.#used = Math.min(this.#used + text.length + 1, MAX_ARGUMENT_BYTES);
    return this.#deposit(text, 2);
  }

  #ipAddress(separated: boolean): number {
    const size = this.#peek(2) === '4' ? 4 : 16;
    if (MAX_ARGUMENT_BYTES - this.#used < size) return ENOSPC;
    const bytes = this.#memory.read(this.#args[this.#next++]!, size) ?? new Uint8Array(size);
    const text = size === 4 ? ipv4(bytes, separated) : ipv6(bytes, separated);
    this.#used = Math.min(this.#used + text.length + 1, MAX_ARGUMENT_BYTES);
    return this.#deposit(text, 3);
  }

  /** Text made ahead of time ignores the width; letters and digits behind the conversion vanish. */
  #deposit(text: string, length: number): number {
    this.#at += length;
    while (isAlphanumeric(this.#peek())) this.#at++;
    this.#out += text;
    return 0;
  }
}

function number(value: bigint, conversion: string, spec: Spec): string {
  const magnitude = value < 0n ? -value : value;
  const base = conversion === 'x' || conversion === 'X' ? 16 : 10;
  const digits = magnitude.toString(base);
  const signed = conversion === 'd' || conversion === 'i';
  let sign = '';
  if (value < 0n) sign = '-';
  else if (signed && spec.plus) sign = '+';
  else if (signed && spec.space) sign = ' ';
  return pad(conversion === 'X' ? digits.toUpperCase() : digits, spec, sign);
}

function pad(text: string, spec: Spec, sign = ''): string {
  const missing = spec.width - text.length - sign.length;
  if (missing <= 0) return sign + text;
  if (spec.left) return sign + text + ' '.repeat(missing);
  return spec.zero ? sign + '0'.repeat(missing) + text : ' '.repeat(missing) + sign + text;
}

/** %pI4 is 10.0.0.1, %pi4 010.000.000.001. */
function ipv4(bytes: Uint8Array, plain: boolean): string {
  return Array.from(bytes, (b) => (plain ? String(b) : String(b).padStart(3, '0'))).join('.');
}

/** %pI6 has colons, %pi6 has none; neither is shortened. */
function ipv6(bytes: Uint8Array, colons: boolean): string {
  const hex = hexBytes(bytes);
  return colons ? hex.replace(/(.{4})(?=.)/g, '$1:') : hex;
}

function isDigit(c: string): boolean {
  return c >= '0' && c <= '9';
}

function isAlphanumeric(c: string): boolean {
  return /^[0-9A-Za-z]$/.test(c);
}

function isSpace(c: string): boolean {
  return /^[\t-\r \xa0]$/.test(c);
}

/** May a conversion without suffix end before this character ('' = end of text)? */
function endsSpec(c: string): boolean {
  return c === '' || isSpace(c) || /^[!-/:-@[-`{-~]$/.test(c);
}

function isControl(c: string): boolean {
  return c <= '\x7f' && !(c >= ' ' && c <= '~') && !isSpace(c);
}
