import { hexBytes } from '../base/index.ts';
import { formatAddress, parseAddress } from './address.ts';

/** A field of a header: how its bits become a value, and the value text. */
export interface Field<Value> {
  readonly bits: number;
  /** What it is when nobody says. */
  readonly initial: Value;
  /** `bit`: where it begins in `bytes`; network order. */
  read(bytes: Uint8Array, bit: number): Value;
  write(bytes: Uint8Array, bit: number, value: Value): void;
  text(value: Value): string;
}

/** The fields of a header in the order of its bits. */
export type Shape = Readonly<Record<string, Field<unknown>>>;

/** The values of the fields, by name. */
export type Values<Fields> = {
  readonly [Name in keyof Fields]: Fields[Name] extends Field<infer Value> ? Value : never;
};

/**
 * An unsigned number of up to 32 bits that may begin anywhere. `text`: names of its values, or how
 * it is written.
 */
export function uint(
  bits: number,
  text: Readonly<Record<number, string>> | ((value: number) => string) = String,
): Field<number> {
  const name = typeof text === 'function' ? text : (value: number) => named(value, text);
  return {
    bits,
    initial: 0,
    read: (bytes, bit) => readBits(bytes, bit, bits),
    write: (bytes, bit, value) => writeBits(bytes, bit, bits, value),
    text: name,
  };
}

/** `0x0800`, as many digits as the field has. */
export const hex = (bits: number): Field<number> =>
  uint(bits, (value) => `0x${value.toString(16).padStart(Math.ceil(bits / 4), '0')}`);

const named = (value: number, names: Readonly<Record<number, string>>): string => {
  const name = names[value];
  return name === undefined ? String(value) : `${name} (${value})`;
};

/** Flags by name, the highest bit first: value 'SYN ACK'. */
export function flags(...names: readonly string[]): Field<string> {
  const bits = names.length;
  const text = (value: number): string =>
    names.filter((_, i) => (value >> (bits - 1 - i)) & 1).join(' ');
  const number = (value: string): number => {
    let all = 0;
    for (const word of value.split(/[\s,|]+/).filter((one) => one !== '')) {
      const at = names.indexOf(word.toUpperCase());
      if (at < 0) throw new RangeError(`no flag '${word}' (there are: ${names.join(' ')})`);
      all |= 1 << (bits - 1 - at);
    }
    return all;
  };
  return {
    bits,
    initial: '',
    read: (bytes, bit) => text(readBits(bytes, bit, bits)),
    write: (bytes, bit, value) => writeBits(bytes, bit, bits, number(value)),
    text: (value) => value || 'none',
  };
}

/** A 64-bit number. */
export const u64: Field<bigint> = {
  bits: 64,
  initial: 0n,
  read: (bytes, bit) => viewOf(bytes).getBigUint64(bit >> 3),
  write: (bytes, bit, value) => viewOf(bytes).setBigUint64(bit >> 3, value),
  text: (value) => `0x${value.toString(16).padStart(16, '0')}`,
};

/** 02:00:00:00:00:01 */
export const mac: Field<string> = {
  bits: 48,
  initial: '00:00:00:00:00:00',
  read: (bytes, bit) => formatMac(bytes.subarray(bit >> 3, (bit >> 3) + 6)),
  write: (bytes, bit, value) => bytes.set(parseMac(value), bit >> 3),
  text: String,
};

/** An address of IPv4 (32 bits) or IPv6 (128 bits), as text. */
export function ip(bits: 32 | 128): Field<string> {
  const size = bits / 8;
  return {
    bits,
    initial: bits === 32 ? '0.0.0.0' : '::',
    read: (bytes, bit) => formatAddress(bytes.subarray(bit >> 3, (bit >> 3) + size)),
    write: (bytes, bit, value) => {
      const address = parseAddress(value, size);
      if (!address) throw new RangeError(`'${value}' is no IPv${bits === 32 ? 4 : 6} address`);
      bytes.set(address, bit >> 3);
    },
    text: String,
  };
}

/** 02:00:00:00:00:01 for 6 bytes. */
export const formatMac = (bytes: Uint8Array): string => hexBytes(bytes, ':');

/** The bytes of a hardware address. Throws RangeError. */
export function parseMac(text: string): Uint8Array {
  const parts = text.split(/[:-]/);
  if (parts.length !== 6 || !parts.every((part) => /^[0-9a-f]{1,2}$/i.test(part))) {
    throw new RangeError(`'${text}' is no hardware address (02:00:00:00:00:01 is one)`);
  }
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16));
}

function readBits(bytes: Uint8Array, bit: number, bits: number): number {
  let value = 0;
  for (let left = bits, at = bit; left > 0; ) {
    const room = 8 - (at & 7);
    const take = Math.min(room, left);
    const part = (bytes[at >> 3]! >> (room - take)) & ((1 << take) - 1);
    value = value * 2 ** take + part;
    at += take;
    left -= take;
  }
  return value;
}

function writeBits(bytes: Uint8Array, bit: number, bits: number, value: number): void {
  if (!(Number.isInteger(value) && value >= 0 && value < 2 ** bits)) {
    throw new RangeError(`${value} does not fit into ${bits} bits`);
  }
  for (let left = bits, at = bit; left > 0; ) {
    const room = 8 - (at & 7);
    const take = Math.min(room, left);
    left -= take;
    const part = Math.floor(value / 2 ** left) & ((1 << take) - 1);
    const mask = ((1 << take) - 1) << (room - take);
    bytes[at >> 3] = (bytes[at >> 3]! & ~mask) | (part << (room - take));
    at += take;
  }
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
