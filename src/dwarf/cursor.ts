import { ByteReader } from '../base/index.ts';

/** Reads a section from its beginning to its end. Throws FormatError past it. */
export class Cursor {
  at: number;
  readonly #reader: ByteReader;

  constructor(reader: ByteReader, at = 0) {
    this.#reader = reader;
    this.at = at;
  }

  fail(why: string): never {
    return this.#reader.fail(this.at, why);
  }

  u8(): number {
    return this.#reader.u8(this.at++);
  }

  /** An unsigned number of 1, 2, 3, 4 or 8 bytes that fits a JavaScript number. */
  unsigned(size: number): number {
    const at = this.at;
    this.at += size;
    if (size === 8) return this.#reader.size64(at);
    if (size === 4) return this.#reader.u32(at);
    if (size === 2) return this.#reader.u16(at);
    const bytes = this.#reader.slice(at, size);
    const ordered = this.#reader.littleEndian ? bytes.toReversed() : bytes;
    return ordered.reduce((sum, byte) => sum * 256 + byte, 0);
  }

  u64(): bigint {
    this.at += 8;
    return this.#reader.u64(this.at - 8);
  }

  bytes(size: number): Uint8Array {
    this.at += size;
    return this.#reader.slice(this.at - size, size);
  }

  string(): string {
    const text = this.#reader.cString(this.at);
    this.at = this.#reader.bytes.indexOf(0, this.at) + 1;
    return text;
  }

  /** ULEB128 that fits a JavaScript number. */
  uleb(): number {
    const value = this.#leb(false);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail(`${value} is no size or number`);
    return Number(value);
  }

  /** ULEB128 of up to 64 bits. */
  uleb64(): bigint {
    return this.#leb(false);
  }

  /** SLEB128 of up to 64 bits. */
  sleb(): bigint {
    return this.#leb(true);
  }

  #leb(signed: boolean): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 127) << shift;
      if (byte >= 128) continue;
      const bits = Number(shift) + 7;
      return signed ? BigInt.asIntN(Math.min(bits, 64), value) : BigInt.asUintN(64, value);
    }
    return this.fail('a LEB128 number of more than 64 bits');
  }
}
