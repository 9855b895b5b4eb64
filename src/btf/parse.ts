import { ByteReader } from '../base/index.ts';
import { Btf } from './btf.ts';
import { LazySplitTypes, LazyTypes } from './lazy.ts';
import { readType } from './read-type.ts';
import { Strings } from './strings.ts';
import type { StringPlace } from './strings.ts';
import { TypeList } from './type-source.ts';
import type { BtfType } from './types.ts';
import { checkReferences, validate } from './validate.ts';

/** First two bytes of a BTF section; their order tells the byte order of the rest. */
export const BTF_MAGIC = 0xeb9f;
/** Bytes of `struct btf_header`. */
export const HEADER_SIZE = 24;

/**
 * Reads a `.BTF` section (or `/sys/kernel/btf/*` file) of either byte order. A split BTF (of a
 * kernel module) continues the ids and strings of its `base`. Everything is checked here: a `Btf`
 * that was returned has no dangling id, no name outside its strings and no type that contains
 * itself.
 *
 * Throws `FormatError` with the offset of the first wrong thing. Layout:
 * `include/uapi/linux/btf.h`.
 */
export function parseBtf(bytes: Uint8Array, base?: Btf): Btf {
  const reader = new ByteReader(bytes, 'BTF');
  const header = readHeader(reader);
  const strings = new Strings(reader, header, base);
  const source = readTypes(reader, header, strings, base);
  const btf = new Btf({ bytes, source, base, strings, littleEndian: reader.littleEndian });
  validate(btf);
  return btf;
}

/**
 * The same for large BTF that is known to be well-formed (the kernel's own, its modules'): a type
 * is read and its references checked when it is first asked for, which makes opening a hundred
 * thousand types a matter of milliseconds. Types that contain themselves are noticed where a walk
 * over them would not end (`resolve`, `sizeOf`, `alignOf`).
 *
 * Throws `FormatError`, now or on use.
 */
export function openBtf(bytes: Uint8Array, base?: Btf): Btf {
  const reader = new ByteReader(bytes, 'BTF');
  const header = readHeader(reader);
  const strings = new Strings(reader, header, base);
  const name = (offset: number): string => strings.at(offset);
  const check = (type: BtfType): void => checkReferences(btf, type);
  const places = { ...header, name, check };
  const source = base ? new LazySplitTypes(reader, places, base) : new LazyTypes(reader, places);
  const btf = new Btf({ bytes, source, base, strings, littleEndian: reader.littleEndian });
  return btf;
}

interface Header extends StringPlace {
  readonly typesStart: number;
  readonly typesEnd: number;
}

function readHeader(reader: ByteReader): Header {
  const magic = reader.u16(0, 'the header');
  if (magic === swap16(BTF_MAGIC)) reader.littleEndian = false;
  else if (magic !== BTF_MAGIC) reader.fail(0, `magic is 0x${magic.toString(16)}, not 0xeb9f`);
  const version = reader.u8(2);
  if (version !== 1) reader.fail(2, `version ${version} is not known`);
  const length = reader.u32(4, 'the header');
  if (length < HEADER_SIZE) reader.fail(4, `a header of ${length} bytes is too short`);
  const typesStart = length + reader.u32(8, 'the header');
  const typesLength = reader.u32(12, 'the header');
  const stringsStart = length + reader.u32(16, 'the header');
  const stringsLength = reader.u32(20, 'the header');
  reader.need(typesStart, typesLength, 'the type section');
  reader.need(stringsStart, stringsLength, 'the string section');
  if (typesStart % 4 !== 0) reader.fail(8, `the types start at ${typesStart}, not aligned to 4`);
  return { typesStart, typesEnd: typesStart + typesLength, stringsStart, stringsLength };
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >> 8);
}

function readTypes(
  reader: ByteReader,
  header: Header,
  strings: Strings,
  base: Btf | undefined,
): TypeList {
  const first = base ? base.count : 1;
  const types: BtfType[] = [];
  const offsets: number[] = [];
  const name = (offset: number): string => strings.at(offset);
  const cursor = { reader, name, offset: header.typesStart, end: header.typesEnd };
  while (cursor.offset < cursor.end) {
    offsets.push(cursor.offset);
    types.push(readType(cursor, first + types.length));
  }
  return new TypeList(types, offsets, base);
}
