import { FormatError } from '../base/index.ts';
import { writeBits } from './bits.ts';
import type { Btf } from './btf.ts';
import { isChar, isOpen } from './decode.ts';
import type {
  BtfArray,
  BtfComposite,
  BtfDatasec,
  BtfInt,
  BtfMember,
  BtfSectionVar,
} from './types.ts';
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
 * both taken for integers, names and numbers for enums, bytes for anything of exactly that size. Of
 * a union's members that are given the one declared last counts. Items of a flexible array go
 * behind the type's bytes, as far as `out` has room; without `out` the result is as long as they
 * need.
 *
 * Throws `FormatError` for values that do not fit, with the byte they would go to.
 */
export function encodeValue(
  btf: Btf,
  typeId: number,
  value: BtfInput,
  out?: Uint8Array,
): Uint8Array {
  const size = btf.sizeOf(typeId);
  const target = out ?? new Uint8Array(size);
  if (size > target.length) {
    fail(0, `the type has ${size} bytes, there is room for ${target.length}`);
  }
  target.fill(0, 0, size);
  const encoder = new Encoder(btf, target, out === undefined);
  encoder.encode(typeId, value, 0, true);
  return encoder.out;
}

function fail(at: number, reason: string): never {
  throw new FormatError('value', at, reason);
}

class Encoder {
  readonly #btf: Btf;
  readonly #mayGrow: boolean;
  #out: Uint8Array;
  #view: DataView;
  #budget = MAX_VALUES;

  constructor(btf: Btf, out: Uint8Array, mayGrow: boolean) {
    this.#btf = btf;
    this.#mayGrow = mayGrow;
    this.#out = out;
    this.#view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  }

  get out(): Uint8Array {
    return this.#out;
  }

  /** `open`: nothing stands behind the value, so that a flexible array at its end has room. */
  encode(id: number, value: BtfInput, at: number, open: boolean): void {
    this.#spend(id);
    const type = this.#btf.resolved(id);
    if (value instanceof Uint8Array) return this.#raw(id, value, at, open);
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
        return this.#array(type, value, at, open);
      case 'struct':
      case 'union':
        return this.#composite(type, value, at, open);
      case 'datasec':
        return this.#datasec(type, value, at);
      case 'var':
        return this.encode(type.type, value, at, open);
      default:
        this.#btf.fail(id, `a ${type.kind} has no values`);
    }
  }

  #spend(id: number): void {
    if (--this.#budget < 0) this.#btf.fail(id, 'holds too many values');
  }

  #raw(id: number, value: Uint8Array, at: number, open: boolean): void {
    const size = this.#btf.sizeOf(id);
    const longer = value.length > size && open && isOpen(this.#btf, id);
    if (value.length !== size && !longer) fail(at, `${value.length} bytes given for ${size}`);
    if (longer) this.#extend(at, value.length);
    this.#need(at, value.length);
    this.#out.set(value, at);
  }

  /** Makes room for a flexible array, if the caller has not said how much there is. */
  #extend(at: number, size: number): void {
    if (at + size <= this.#out.length || !this.#mayGrow) return;
    this.#need(at, 0);
    const larger = new Uint8Array(at + size);
    larger.set(this.#out);
    this.#out = larger;
    this.#view = new DataView(larger.buffer);
  }

  /** Member offsets come from the file: a hostile one may lie outside. */
  #need(at: number, size: number): void {
    if (at + size > this.#out.length) fail(at, `${size} bytes here are outside of the value`);
  }

  #int(type: BtfInt, value: BtfInput, at: number): void {
    // Any byte but 0 is true: one that another member of a union put there stays.
    if (value === true && type.bool && type.bits === 8 && this.#out[at]) return;
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
    const little = this.#btf.littleEndian;
    this.#need(at, size);
    if (Array.isArray(value)) return this.#floatBytes(value, at, size);
    if (typeof value !== 'number') fail(at, `${describe(value)} is no number`);
    // One of the many NaNs that another member of a union put there stays.
    if (size === 4) {
      if (!Object.is(this.#view.getFloat32(at, little), value)) {
        this.#view.setFloat32(at, value, little);
      }
    } else if (size === 8) {
      if (!Object.is(this.#view.getFloat64(at, little), value)) {
        this.#view.setFloat64(at, value, little);
      }
    } else fail(at, `floats of ${size} bytes can only be given as bytes`);
  }

  /** Floats that JavaScript does not have are lists of their bytes. */
  #floatBytes(bytes: readonly BtfInput[], at: number, size: number): void {
    if (bytes.length !== size) fail(at, `${bytes.length} bytes given for a float of ${size}`);
    bytes.forEach((byte, i) => this.#byte(byte, at + i));
  }

  #array(type: BtfArray, value: BtfInput, at: number, open: boolean): void {
    const size = this.#btf.sizeOf(type.type);
    const items = typeof value === 'string' ? this.#textBytes(type, value, at) : value;
    if (!Array.isArray(items)) fail(at, `${describe(value)} is no array`);
    if (type.count === 0 && open) this.#extend(at, items.length * size);
    else if (items.length > type.count) fail(at, `${items.length} items given for ${type.count}`);
    items.forEach((item, i) => this.encode(type.type, item as BtfInput, at + i * size, false));
    if (typeof value === 'string' && items.length < type.count) this.#end(at + items.length);
  }

  /** The NUL behind a text. */
  #end(at: number): void {
    this.#need(at, 1);
    this.#out[at] = 0;
  }

  #textBytes(type: BtfArray, text: string, at: number): number[] {
    if (!isChar(this.#btf, type.type)) fail(at, `text given for an array that holds no char`);
    return [...new TextEncoder().encode(text)];
  }

  #composite(type: BtfComposite, value: BtfInput, at: number, open: boolean): void {
    const given = this.#members(value, at);
    const unknown = new Set(Object.keys(given));
    this.#fill(type, given, at, open, unknown);
    for (const name of unknown) fail(at, `${type.kind} '${type.name}' has no member '${name}'`);
  }

  /**
   * Writes the given members of `type` and crosses them off; anonymous members share the object.
   */
  #fill(
    type: BtfComposite,
    given: Readonly<Record<string, BtfInput>>,
    at: number,
    open: boolean,
    unknown: Set<string>,
  ): void {
    const last = type.members[type.members.length - 1];
    for (const member of type.members) {
      this.#spend(type.id);
      const tail = open && (member === last || type.kind === 'union');
      const bit = at * 8 + member.bitOffset;
      const inner = this.#btf.resolved(member.type);
      if (!member.name && (inner.kind === 'struct' || inner.kind === 'union')) {
        this.#fill(inner, given, bit / 8, tail, unknown);
      } else if (member.name && Object.hasOwn(given, member.name)) {
        unknown.delete(member.name);
        this.#member(member, given[member.name]!, bit, tail);
      }
    }
  }

  #member(member: BtfMember, value: BtfInput, bit: number, open: boolean): void {
    if (member.bitSize > 0) this.#bits(member.type, value, bit, member.bitSize);
    else this.encode(member.type, value, Math.floor(bit / 8), open);
  }

  #members(value: BtfInput, at: number): Readonly<Record<string, BtfInput>> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      fail(at, `${describe(value)} is no object`);
    }
    return value as Readonly<Record<string, BtfInput>>;
  }

  #datasec(type: BtfDatasec, value: BtfInput, at: number): void {
    const given = this.#members(value, at);
    for (const [name, item] of Object.entries(given)) {
      const variable = type.vars.find(({ type: id }) => this.#btf.type(id).name === name);
      if (!variable) fail(at, `'${type.name}' has no variable '${name}'`);
      this.#variable(variable, item, at + variable.offset);
    }
  }

  /** Where an optimizer kept only a part of a variable, its bytes stand for it. */
  #variable({ type, size }: BtfSectionVar, value: BtfInput, at: number): void {
    const whole = this.#btf.sizeOf(type);
    if (whole > size && Array.isArray(value)) {
      if (value.length > size) fail(at, `${value.length} bytes given for ${size}`);
      this.#need(at, size);
      return value.forEach((byte, i) => this.#byte(byte as BtfInput, at + i));
    }
    this.encode(type, value, at, size > whole);
  }

  #byte(value: BtfInput, at: number): void {
    if (typeof value !== 'number' || !(value >= 0 && value <= 255)) {
      fail(at, `${describe(value)} is no byte`);
    }
    this.#out[at] = value;
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value !== 'object' || value === null) return `${value}`;
  return Array.isArray(value) ? 'an array' : 'an object';
}
