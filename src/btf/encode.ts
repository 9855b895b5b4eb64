import { FormatError } from '../base/index.ts';
import { writeBits } from './bits.ts';
import type { Btf } from './btf.ts';
import { isChar } from './decode.ts';
import type { BtfArray, BtfComposite, BtfDatasec, BtfInt, BtfMember } from './types.ts';
import { MAX_VALUES } from './value.ts';
import type { BtfValue } from './value.ts';

/** What `encodeValue` takes: a `BtfValue`, or the raw bytes of any part of it. */
export type BtfInput =
  | BtfValue
  | Uint8Array
  | readonly BtfInput[]
  | { readonly [member: string]: BtfInput };

/**
 * Writes `value` as type `typeId` to the start of `out` and returns the bytes it takes. The inverse
 * of `decodeValue`; members and elements that are left out become zero. Numbers and bigints are
 * both taken for integers, names and numbers for enums, bytes for anything of exactly that size.
 *
 * Throws `FormatError` for values that do not fit, with the byte they would go to.
 */
export function encodeValue(
  btf: Btf,
  typeId: number,
  value: BtfInput,
  out: Uint8Array = new Uint8Array(btf.sizeOf(typeId)),
): Uint8Array {
  const size = btf.sizeOf(typeId);
  if (size > out.length) fail(0, `the type has ${size} bytes, there is room for ${out.length}`);
  out.fill(0, 0, size);
  new Encoder(btf, out).encode(typeId, value, 0);
  return out;
}

function fail(at: number, reason: string): never {
  throw new FormatError('value', at, reason);
}

class Encoder {
  readonly #btf: Btf;
  readonly #out: Uint8Array;
  readonly #view: DataView;
  #budget = MAX_VALUES;

  constructor(btf: Btf, out: Uint8Array) {
    this.#btf = btf;
    this.#out = out;
    this.#view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  }

  encode(id: number, value: BtfInput, at: number): void {
    this.#spend(id);
    const type = this.#btf.resolved(id);
    if (value instanceof Uint8Array) return this.#raw(this.#btf.sizeOf(id), value, at);
    switch (type.kind) {
      case 'int':
        return this.#int(type, value, at);
      case 'ptr':
      case 'enum':
      case 'enum64':
        return this.#bits(id, value, at * 8, this.#btf.sizeOf(id) * 8);
      case 'float':
        return this.#float(value, at, type.size);
      case 'array':
        return this.#array(type, value, at);
      case 'struct':
      case 'union':
        return this.#composite(type, value, at);
      case 'datasec':
        return this.#datasec(type, value, at);
      case 'var':
        return this.encode(type.type, value, at);
      default:
        this.#btf.fail(id, `a ${type.kind} has no values`);
    }
  }

  #spend(id: number): void {
    if (--this.#budget < 0) this.#btf.fail(id, 'holds too many values');
  }

  #raw(size: number, value: Uint8Array, at: number): void {
    if (value.length !== size) fail(at, `${value.length} bytes given for ${size}`);
    this.#need(at, size);
    this.#out.set(value, at);
  }

  /** Member offsets come from the file: a hostile one may lie outside. */
  #need(at: number, size: number): void {
    if (at + size > this.#out.length) fail(at, `${size} bytes here are outside of the value`);
  }

  #int(type: BtfInt, value: BtfInput, at: number): void {
    this.#bits(type.id, value, at * 8 + type.bitOffset, type.bits);
  }

  #bits(id: number, value: BtfInput, bit: number, width: number): void {
    const at = Math.floor(bit / 8);
    const number = this.#number(id, value, at);
    // Both readings of the bits are taken: 255 and -1 fill the same byte.
    if (number >= 2 ** width || number < -(2 ** (width - 1))) {
      fail(at, `${number} does not fit ${width} bits of '${this.#btf.resolved(id).name}'`);
    }
    this.#need(at, Math.ceil(((bit % 8) + width) / 8));
    if (bit % 8 !== 0 || !this.#store(at, width, number)) {
      writeBits(this.#out, bit, width, BigInt(number), this.#btf.littleEndian);
    }
  }

  /** Writes integers of the usual widths; false for others. */
  #store(at: number, width: number, value: number | bigint): boolean {
    const little = this.#btf.littleEndian;
    switch (width) {
      case 8:
        this.#view.setUint8(at, Number(value));
        return true;
      case 16:
        this.#view.setUint16(at, Number(value), little);
        return true;
      case 32:
        this.#view.setUint32(at, Number(value), little);
        return true;
      case 64:
        this.#view.setBigUint64(at, BigInt(value), little);
        return true;
      default:
        return false;
    }
  }

  #number(id: number, value: BtfInput, at: number): number | bigint {
    if (typeof value === 'bigint') return value;
    if (typeof value === 'boolean') return value ? 1 : 0;
    if (typeof value === 'number' && Number.isInteger(value)) return value;
    const type = this.#btf.resolved(id);
    if (typeof value === 'string' && (type.kind === 'enum' || type.kind === 'enum64')) {
      const named = type.values.find(({ name }) => name === value);
      return named ? named.value : fail(at, `'${value}' is no value of '${type.name}'`);
    }
    return fail(at, `${describe(value)} is no integer`);
  }

  #float(value: BtfInput, at: number, size: number): void {
    if (typeof value !== 'number') fail(at, `${describe(value)} is no number`);
    this.#need(at, size);
    if (size === 4) this.#view.setFloat32(at, value, this.#btf.littleEndian);
    else if (size === 8) this.#view.setFloat64(at, value, this.#btf.littleEndian);
    else fail(at, `floats of ${size} bytes can only be given as bytes`);
  }

  #array(type: BtfArray, value: BtfInput, at: number): void {
    const size = this.#btf.sizeOf(type.type);
    const items = typeof value === 'string' ? this.#textBytes(type, value, at) : value;
    if (!Array.isArray(items)) fail(at, `${describe(value)} is no array`);
    if (items.length > type.count) fail(at, `${items.length} items given for ${type.count}`);
    items.forEach((item, i) => this.encode(type.type, item as BtfInput, at + i * size));
  }

  #textBytes(type: BtfArray, text: string, at: number): number[] {
    if (!isChar(this.#btf, type.type)) fail(at, `text given for an array that holds no char`);
    return [...new TextEncoder().encode(text)];
  }

  #composite(type: BtfComposite, value: BtfInput, at: number): void {
    const given = this.#members(value, at);
    const unknown = new Set(Object.keys(given));
    this.#fill(type, given, at, unknown);
    for (const name of unknown) fail(at, `${type.kind} '${type.name}' has no member '${name}'`);
  }

  /**
   * Writes the given members of `type` and crosses them off; anonymous members share the object.
   */
  #fill(
    type: BtfComposite,
    given: Readonly<Record<string, BtfInput>>,
    at: number,
    unknown: Set<string>,
  ): void {
    for (const member of type.members) {
      this.#spend(type.id);
      const bit = at * 8 + member.bitOffset;
      const inner = this.#btf.resolved(member.type);
      if (!member.name && (inner.kind === 'struct' || inner.kind === 'union')) {
        this.#fill(inner, given, bit / 8, unknown);
      } else if (member.name && Object.hasOwn(given, member.name)) {
        unknown.delete(member.name);
        this.#member(member, given[member.name]!, bit);
      }
    }
  }

  #member(member: BtfMember, value: BtfInput, bit: number): void {
    if (member.bitSize > 0) this.#bits(member.type, value, bit, member.bitSize);
    else this.encode(member.type, value, Math.floor(bit / 8));
  }

  #members(value: BtfInput, at: number): Readonly<Record<string, BtfInput>> {
    if (typeof value !== 'object' || Array.isArray(value))
      fail(at, `${describe(value)} is no object`);
    return value as Readonly<Record<string, BtfInput>>;
  }

  #datasec(type: BtfDatasec, value: BtfInput, at: number): void {
    const given = this.#members(value, at);
    for (const [name, item] of Object.entries(given)) {
      const variable = type.vars.find(({ type: id }) => this.#btf.type(id).name === name);
      if (!variable) fail(at, `'${type.name}' has no variable '${name}'`);
      this.encode(variable.type, item, at + variable.offset);
    }
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  return typeof value === 'object' ? (Array.isArray(value) ? 'an array' : 'an object') : `${value}`;
}
