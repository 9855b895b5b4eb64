import { FormatError, utf8 } from '../base/index.ts';
import { readBits } from './bits.ts';
import type { Btf } from './btf.ts';
import type {
  BtfArray,
  BtfComposite,
  BtfDatasec,
  BtfEnum,
  BtfEnum64,
  BtfInt,
  BtfMember,
  BtfSectionVar,
  BtfType,
} from './types.ts';
import { MAX_VALUES } from './value.ts';
import type { BtfValue } from './value.ts';

/** The end of what has other members behind it: a flexible array there has no items. */
const CLOSED = 0;

/**
 * The value of type `typeId` that `bytes` hold. Bytes past the type's size are only looked at for a
 * flexible array at its end. Throws `FormatError` if there are too few, or if the type has no
 * values.
 *
 * @example
 * decodeValue(btf, map.valueTypeId, bytes); // { packets: 12n, name: 'eth0' }
 */
export function decodeValue(btf: Btf, typeId: number, bytes: Uint8Array): BtfValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return new Decoder(btf, bytes, view).decode(typeId, 0, bytes.length);
}

class Decoder {
  readonly #btf: Btf;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;
  #budget = MAX_VALUES;

  constructor(btf: Btf, bytes: Uint8Array, view: DataView) {
    this.#btf = btf;
    this.#bytes = bytes;
    this.#view = view;
    this.#little = btf.littleEndian;
  }

  /** The value at byte `at`; a flexible array at its end may use the bytes up to `end`. */
  decode(id: number, at: number, end: number): BtfValue {
    if (--this.#budget < 0) this.#btf.fail(id, 'holds too many values');
    const type = this.#btf.resolved(id);
    switch (type.kind) {
      case 'int':
        return this.#int(type, at);
      case 'ptr':
        return this.#integer(at, 8, false);
      case 'enum':
      case 'enum64':
        return enumName(type, this.#integer(at, type.size, type.signed));
      case 'float':
        return this.#float(at, type.size);
      case 'array':
        return this.#array(type, at, end);
      case 'struct':
      case 'union':
        return this.#composite(type, at, end);
      case 'datasec':
        return this.#datasec(type, at);
      case 'var':
        return this.decode(type.type, at, end);
      default:
        return this.#btf.fail(id, `a ${type.kind} has no values`);
    }
  }

  #need(at: number, size: number): void {
    if (at + size <= this.#bytes.length) return;
    const reason = `the type needs ${size} bytes here, ${this.#bytes.length} in all are given`;
    throw new FormatError('value', at, reason);
  }

  #int(type: BtfInt, at: number): BtfValue {
    if (type.bits !== type.size * 8) {
      return this.#bits(type.id, at * 8 + type.bitOffset, type.bits);
    }
    const value = this.#integer(at, type.size, type.signed);
    return type.bool ? value !== 0 : value;
  }

  #integer(at: number, size: number, signed: boolean): number | bigint {
    this.#need(at, size);
    const view = this.#view;
    switch (size) {
      case 1:
        return signed ? view.getInt8(at) : view.getUint8(at);
      case 2:
        return signed ? view.getInt16(at, this.#little) : view.getUint16(at, this.#little);
      case 4:
        return signed ? view.getInt32(at, this.#little) : view.getUint32(at, this.#little);
      case 8:
        return signed ? view.getBigInt64(at, this.#little) : view.getBigUint64(at, this.#little);
      default:
        return readBits(this.#bytes, at * 8, size * 8, signed, this.#little);
    }
  }

  #float(at: number, size: number): BtfValue {
    this.#need(at, size);
    if (size === 4) return this.#view.getFloat32(at, this.#little);
    if (size === 8) return this.#view.getFloat64(at, this.#little);
    return this.#rest(at, size);
  }

  #array(type: BtfArray, at: number, end: number): BtfValue {
    const size = this.#btf.sizeOf(type.type);
    const flexible = type.count === 0 && size > 0;
    const count = flexible ? Math.max(0, Math.floor((end - at) / size)) : type.count;
    this.#need(at, count * size);
    if (isChar(this.#btf, type.type)) {
      const text = printableText(this.#bytes.subarray(at, at + count));
      if (text !== undefined) return text;
    }
    const items: BtfValue[] = [];
    for (let i = 0; i < count; i++) {
      const start = at + i * size;
      items.push(this.decode(type.type, start, CLOSED));
    }
    return items;
  }

  #composite(type: BtfComposite, at: number, end: number): BtfValue {
    this.#need(at, type.size);
    const object: Record<string, BtfValue> = {};
    const last = type.members[type.members.length - 1];
    for (const member of type.members) {
      const open = member === last || type.kind === 'union';
      const value = this.#member(member, at, open ? end : CLOSED);
      if (member.name) setMember(object, member.name, value);
      else if (isPlainObject(value)) {
        for (const [name, inner] of Object.entries(value)) setMember(object, name, inner);
      }
    }
    return object;
  }

  #member(member: BtfMember, at: number, end: number): BtfValue {
    const bit = at * 8 + member.bitOffset;
    if (member.bitSize > 0) return this.#bits(member.type, bit, member.bitSize);
    return this.decode(member.type, Math.floor(bit / 8), end);
  }

  #bits(id: number, bit: number, width: number): BtfValue {
    if (--this.#budget < 0) this.#btf.fail(id, 'holds too many values');
    this.#need(Math.floor(bit / 8), Math.ceil(((bit % 8) + width) / 8));
    const type = this.#btf.resolved(id);
    const signed = 'signed' in type && type.signed;
    const value = readBits(this.#bytes, bit, width, signed, this.#little);
    const small = 'size' in type && type.size <= 4 ? Number(value) : value;
    if (type.kind === 'enum' || type.kind === 'enum64') return enumName(type, small);
    return type.kind === 'int' && type.bool ? small !== 0 : small;
  }

  #datasec(type: BtfDatasec, at: number): BtfValue {
    const object: Record<string, BtfValue> = {};
    for (const variable of type.vars) {
      const start = at + variable.offset;
      const value = isWhole(this.#btf, variable)
        ? this.decode(variable.type, start, start + variable.size)
        : this.#rest(start, variable.size);
      setMember(object, this.#btf.type(variable.type).name, value);
    }
    return object;
  }

  #rest(at: number, size: number): BtfValue {
    this.#need(at, size);
    return [...this.#bytes.subarray(at, at + size)];
  }
}

function enumName(type: BtfEnum | BtfEnum64, value: number | bigint): BtfValue {
  const wanted = type.kind === 'enum' ? Number(value) : BigInt(value);
  for (const each of type.values) if (each.value === wanted) return each.name;
  return value;
}

/** Optimizers may keep only a part of a static variable: then it is bytes, not its type. */
export function isWhole(btf: Btf, { type, size }: BtfSectionVar): boolean {
  const own = btf.sizeOf(type);
  return own === size || (own < size && isOpen(btf, type));
}

/** True if a flexible array ends the type: then its values may be larger than the type says. */
export function isOpen(btf: Btf, id: number): boolean {
  const seen = new Set<number>();
  const tails = [id];
  for (const tail of tails) {
    const type = btf.resolved(tail);
    if (type.kind === 'array' && type.count === 0) return true;
    if (!seen.has(type.id)) tails.push(...tailsOf(type));
    seen.add(type.id);
  }
  return false;
}

/** What may stand at the very end of a type. */
function tailsOf(type: BtfType): readonly number[] {
  switch (type.kind) {
    case 'var':
      return [type.type];
    case 'struct':
      return type.members.slice(-1).map((member) => member.type);
    case 'union':
      return type.members.map((member) => member.type);
    default:
      return [];
  }
}

/** Plain `char`, whatever its sign: what text is made of. */
export function isChar(btf: Btf, id: number): boolean {
  const type = btf.resolved(id);
  return type.kind === 'int' && type.size === 1 && (type.char || type.name === 'char');
}

/** Text up to the first NUL, or undefined if a byte before it is not printable ASCII. */
function printableText(bytes: Uint8Array): string | undefined {
  const nul = bytes.indexOf(0);
  const text = nul < 0 ? bytes : bytes.subarray(0, nul);
  for (const byte of text) if (byte < 0x20 || byte > 0x7e) return undefined;
  return utf8(text);
}

function isPlainObject(value: BtfValue): value is { readonly [member: string]: BtfValue } {
  return typeof value === 'object' && !Array.isArray(value);
}

/** Assignment that also works for a member called `__proto__`. */
function setMember(object: Record<string, BtfValue>, name: string, value: BtfValue): void {
  if (name !== '__proto__') object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true });
}
