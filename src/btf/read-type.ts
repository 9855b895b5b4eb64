import type { ByteReader } from '../base/index.ts';
import type {
  BtfArray,
  BtfComposite,
  BtfDatasec,
  BtfEnum,
  BtfEnum64,
  BtfFuncProto,
  BtfInt,
  BtfKind,
  BtfLinkage,
  BtfType,
} from './types.ts';

/** A place in the type section and the way to get at names. */
export interface TypeCursor {
  readonly reader: ByteReader;
  readonly name: (offset: number) => string;
  offset: number;
  readonly end: number;
}

/** `struct btf_type`, taken apart. */
interface TypeRecord {
  readonly id: number;
  readonly name: string;
  readonly at: number;
  readonly vlen: number;
  readonly kindFlag: boolean;
  readonly sizeOrType: number;
}

/** Kinds by their number in `enum { BTF_KIND_UNKN, … }`. */
export const KINDS: readonly BtfKind[] = [
  'void',
  'int',
  'ptr',
  'array',
  'struct',
  'union',
  'enum',
  'fwd',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'func',
  'func_proto',
  'var',
  'datasec',
  'float',
  'decl_tag',
  'type_tag',
  'enum64',
];

/** Linkages by their number. */
export const LINKAGES: readonly BtfLinkage[] = ['static', 'global', 'extern'];

/** Reads the type at the cursor and moves behind it. */
export function readType(cursor: TypeCursor, id: number): BtfType {
  const at = cursor.offset;
  const nameOffset = next(cursor);
  const info = next(cursor);
  const record: TypeRecord = {
    id,
    name: cursor.name(nameOffset),
    at,
    vlen: info & 0xffff,
    kindFlag: info >>> 31 === 1,
    sizeOrType: next(cursor),
  };
  const number = (info >>> 24) & 0x1f;
  return readKind(cursor, record, KINDS[number], number);
}

function readKind(
  cursor: TypeCursor,
  record: TypeRecord,
  kind: BtfKind | undefined,
  number: number,
): BtfType {
  const { id, name, sizeOrType } = record;
  switch (kind) {
    case 'int':
      return readInt(cursor, record);
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
      return { kind, id, name, type: sizeOrType };
    case 'array':
      return readArray(cursor, record);
    case 'struct':
    case 'union':
      return readComposite(cursor, record, kind);
    case 'enum':
      return readEnum(cursor, record);
    case 'enum64':
      return readEnum64(cursor, record);
    case 'fwd':
      return { kind, id, name, of: record.kindFlag ? 'union' : 'struct' };
    case 'func':
      return { kind, id, name, type: sizeOrType, linkage: linkage(cursor, record.at, record.vlen) };
    case 'func_proto':
      return readFuncProto(cursor, record);
    case 'var':
      return {
        kind,
        id,
        name,
        type: sizeOrType,
        linkage: linkage(cursor, cursor.offset, next(cursor)),
      };
    case 'datasec':
      return readDatasec(cursor, record);
    case 'float':
      return { kind, id, name, size: sizeOrType };
    case 'decl_tag':
      return { kind, id, name, type: sizeOrType, component: next(cursor) | 0 };
    default:
      return cursor.reader.fail(record.at + 4, `type ${id} is of unknown kind ${number}`);
  }
}

/** The next 32-bit word of the type section. */
function next(cursor: TypeCursor): number {
  if (cursor.offset + 4 > cursor.end) {
    cursor.reader.fail(cursor.offset, 'the type section ends inside a type');
  }
  const value = cursor.reader.u32(cursor.offset);
  cursor.offset += 4;
  return value;
}

function times<T>(count: number, read: () => T): T[] {
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(read());
  return items;
}

function readInt(cursor: TypeCursor, { id, name, sizeOrType: size, at }: TypeRecord): BtfInt {
  const word = next(cursor);
  const encoding = (word >>> 24) & 0xf;
  const bits = word & 0xff;
  const bitOffset = (word >>> 16) & 0xff;
  if (bits > 128 || size > 16 || bits + bitOffset > size * 8) {
    cursor.reader.fail(at, `int ${id} has ${bits} bits at ${bitOffset} in ${size} bytes`);
  }
  const has = (flag: number): boolean => (encoding & flag) !== 0;
  const flags = { signed: has(1), char: has(2), bool: has(4) };
  return { kind: 'int', id, name, size, bits, bitOffset, ...flags };
}

function readArray(cursor: TypeCursor, { id, name }: TypeRecord): BtfArray {
  const type = next(cursor);
  return { kind: 'array', id, name, type, indexType: next(cursor), count: next(cursor) };
}

/** With the kind flag set, the upper byte of a member's offset is the width of a bitfield. */
function readComposite(
  cursor: TypeCursor,
  { id, name, vlen, kindFlag, sizeOrType: size }: TypeRecord,
  kind: 'struct' | 'union',
): BtfComposite {
  const members = times(vlen, () => {
    const memberName = cursor.name(next(cursor));
    const type = next(cursor);
    const word = next(cursor);
    return kindFlag
      ? { name: memberName, type, bitOffset: word & 0xff_ffff, bitSize: word >>> 24 }
      : { name: memberName, type, bitOffset: word, bitSize: 0 };
  });
  return { kind, id, name, size, members };
}

function checkEnumSize(cursor: TypeCursor, { id, at, vlen, sizeOrType: size }: TypeRecord): void {
  // `enum x;` has neither values nor a size.
  if (size === 0 && vlen === 0) return;
  if (![1, 2, 4, 8].includes(size)) cursor.reader.fail(at, `enum ${id} has ${size} bytes`);
}

function readEnum(cursor: TypeCursor, record: TypeRecord): BtfEnum {
  const { id, name, vlen, kindFlag: signed, sizeOrType: size } = record;
  checkEnumSize(cursor, record);
  const values = times(vlen, () => {
    const valueName = cursor.name(next(cursor));
    const value = next(cursor);
    return { name: valueName, value: signed ? value | 0 : value };
  });
  return { kind: 'enum', id, name, size, signed, values };
}

function readEnum64(cursor: TypeCursor, record: TypeRecord): BtfEnum64 {
  const { id, name, vlen, kindFlag: signed, sizeOrType: size } = record;
  checkEnumSize(cursor, record);
  const values = times(vlen, () => {
    const valueName = cursor.name(next(cursor));
    const low = BigInt(next(cursor));
    const value = (BigInt(next(cursor)) << 32n) | low;
    return { name: valueName, value: signed ? BigInt.asIntN(64, value) : value };
  });
  return { kind: 'enum64', id, name, size, signed, values };
}

function readFuncProto(cursor: TypeCursor, record: TypeRecord): BtfFuncProto {
  const { id, name, vlen, sizeOrType: returns } = record;
  const params = times(vlen, () => ({ name: cursor.name(next(cursor)), type: next(cursor) }));
  return { kind: 'func_proto', id, name, returns, params };
}

function readDatasec(cursor: TypeCursor, record: TypeRecord): BtfDatasec {
  const { id, name, vlen, sizeOrType: size } = record;
  const vars = times(vlen, () => {
    const type = next(cursor);
    return { type, offset: next(cursor), size: next(cursor) };
  });
  return { kind: 'datasec', id, name, size, vars };
}

function linkage(cursor: TypeCursor, at: number, value: number): BtfLinkage {
  return LINKAGES[value] ?? cursor.reader.fail(at, `linkage ${value} is not known`);
}
