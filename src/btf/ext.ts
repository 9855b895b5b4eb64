import { ByteReader } from '../base/index.ts';
import type { Btf } from './btf.ts';
import { BTF_MAGIC } from './parse.ts';

/**
 * `.BTF.ext`: what the compiler says about instructions, by ELF section. Offsets are bytes from the
 * start of that section.
 */
export interface BtfExt {
  readonly functions: readonly FuncInfo[];
  readonly lines: readonly LineInfo[];
  readonly coreRelocations: readonly CoreRelocation[];
}

export interface FuncInfo {
  readonly section: string;
  readonly offset: number;
  /** Id of a func. */
  readonly type: number;
}

export interface LineInfo {
  readonly section: string;
  readonly offset: number;
  readonly file: string;
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** A compile-once place: an access that depends on the layout of the kernel's types. */
export interface CoreRelocation {
  readonly section: string;
  readonly offset: number;
  readonly type: number;
  /** Member indices as in `0:1:2`. */
  readonly access: string;
  readonly kind: CoreRelocationKind;
}

/** Words for `enum bpf_core_relo_kind`, in its order. */
export const CORE_RELOCATION_KINDS = [
  'byte_off',
  'byte_sz',
  'field_exists',
  'signed',
  'lshift_u64',
  'rshift_u64',
  'local_type_id',
  'target_type_id',
  'type_exists',
  'type_size',
  'enumval_exists',
  'enumval_value',
  'type_matches',
] as const;

export type CoreRelocationKind = (typeof CORE_RELOCATION_KINDS)[number];

/** Headers up to clang 9 end before the CO-RE fields. */
const SHORT_HEADER_SIZE = 24;
export const FULL_HEADER_SIZE = 32;
export const FUNC_INFO_SIZE = 8;
export const LINE_INFO_SIZE = 16;
export const CORE_RELOCATION_SIZE = 16;

/** Reads a `.BTF.ext` section; names in it are looked up in `btf`. Throws `FormatError`. */
export function parseBtfExt(bytes: Uint8Array, btf: Btf): BtfExt {
  const reader = new ByteReader(bytes, 'BTF.ext', btf.littleEndian);
  const magic = reader.u16(0, 'the header');
  if (magic !== BTF_MAGIC) reader.fail(0, `magic is 0x${magic.toString(16)}, not 0xeb9f`);
  const version = reader.u8(2);
  if (version !== 1) reader.fail(2, `version ${version} is not known`);
  const length = reader.u32(4, 'the header');
  if (length < SHORT_HEADER_SIZE) reader.fail(4, `a header of ${length} bytes is too short`);
  const withCore = length >= FULL_HEADER_SIZE;
  return {
    functions: readTable(reader, btf, length, 8, FUNC_INFO_SIZE, readFuncInfo),
    lines: readTable(reader, btf, length, 16, LINE_INFO_SIZE, readLineInfo),
    coreRelocations: withCore
      ? readTable(reader, btf, length, 24, CORE_RELOCATION_SIZE, readCoreRelocation)
      : [],
  };
}

type ReadRecord<T> = (reader: ByteReader, btf: Btf, at: number, section: string) => T;

/**
 * One of the three tables, whose offset and length stand at `field` of the header: the size of a
 * record, then for each ELF section its name, a count, and the records.
 */
function readTable<T>(
  reader: ByteReader,
  btf: Btf,
  headerLength: number,
  field: number,
  minimum: number,
  read: ReadRecord<T>,
): T[] {
  const start = headerLength + reader.u32(field, 'the header');
  const length = reader.u32(field + 4, 'the header');
  if (length === 0) return [];
  reader.need(start, length, 'a table');
  const end = start + length;
  const recordSize = reader.u32(start, 'a record size');
  if (recordSize < minimum || recordSize % 4 !== 0) {
    reader.fail(start, `records of ${recordSize} bytes are not possible`);
  }
  const records: T[] = [];
  for (let at = start + 4; at < end; ) {
    const section = btf.stringAt(reader.u32(at, 'a section name'));
    const count = reader.u32(at + 4, 'a record count');
    at += 8;
    if (at + count * recordSize > end) reader.fail(at - 4, `${count} records do not fit the table`);
    for (let i = 0; i < count; i++, at += recordSize) records.push(read(reader, btf, at, section));
  }
  return records;
}

function readFuncInfo(reader: ByteReader, btf: Btf, at: number, section: string): FuncInfo {
  const type = reader.u32(at + 4);
  if (type >= btf.count || btf.type(type).kind !== 'func')
    reader.fail(at + 4, `type ${type} is not a func`);
  return { section, offset: reader.u32(at), type };
}

function readLineInfo(reader: ByteReader, btf: Btf, at: number, section: string): LineInfo {
  const place = reader.u32(at + 12);
  return {
    section,
    offset: reader.u32(at),
    file: btf.stringAt(reader.u32(at + 4)),
    text: btf.stringAt(reader.u32(at + 8)),
    line: place >>> 10,
    column: place & 0x3ff,
  };
}

function readCoreRelocation(
  reader: ByteReader,
  btf: Btf,
  at: number,
  section: string,
): CoreRelocation {
  const type = reader.u32(at + 4);
  if (type >= btf.count) reader.fail(at + 4, `there is no type ${type}`);
  const number = reader.u32(at + 12);
  const kind = CORE_RELOCATION_KINDS[number];
  if (!kind) reader.fail(at + 12, `relocation kind ${number} is not known`);
  return { section, offset: reader.u32(at), type, access: btf.stringAt(reader.u32(at + 8)), kind };
}
