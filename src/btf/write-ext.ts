import { FormatError } from '../base/index.ts';
import type { BtfExt, CoreRelocation, FuncInfo, LineInfo } from './ext.ts';
import {
  CORE_RELOCATION_KINDS,
  CORE_RELOCATION_SIZE,
  FULL_HEADER_SIZE,
  FUNC_INFO_SIZE,
  LINE_INFO_SIZE,
} from './ext.ts';
import { BTF_MAGIC } from './parse.ts';
import { WordList } from './write-type.ts';

/** What `writeBtfExt` needs of the BTF it belongs to; a `BtfBuilder` is one. */
export interface BtfExtTarget {
  readonly littleEndian: boolean;
  /** Offset of a text in the string section. */
  addString(text: string): number;
}

const MAX_LINE = (1 << 22) - 1;
const MAX_COLUMN = (1 << 10) - 1;

/**
 * A `.BTF.ext` section: the mirror of `parseBtfExt`. Records are grouped by ELF section, in the
 * order in which sections are first named, and keep their order within one. Names become strings of
 * `target`: make its section afterwards.
 *
 * Throws `FormatError` for lines and columns that the format can not hold.
 *
 * @example
 * const ext = writeBtfExt({ functions, lines, coreRelocations }, builder);
 * const btf = builder.toBytes();
 */
export function writeBtfExt(ext: BtfExt, target: BtfExtTarget): Uint8Array {
  const words = new WordList();
  const lengths = [
    writeTable(words, target, ext.functions, FUNC_INFO_SIZE, writeFuncInfo),
    writeTable(words, target, ext.lines, LINE_INFO_SIZE, writeLineInfo),
    writeTable(words, target, ext.coreRelocations, CORE_RELOCATION_SIZE, writeCoreRelocation),
  ];
  const bytes = new Uint8Array(FULL_HEADER_SIZE + words.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, BTF_MAGIC, target.littleEndian);
  bytes[2] = 1;
  view.setUint32(4, FULL_HEADER_SIZE, target.littleEndian);
  let offset = 0;
  for (const [i, length] of lengths.entries()) {
    view.setUint32(8 + 8 * i, offset, target.littleEndian);
    view.setUint32(12 + 8 * i, length, target.littleEndian);
    offset += length;
  }
  words.store(view, FULL_HEADER_SIZE, target.littleEndian);
  return bytes;
}

type WriteRecord<T> = (words: WordList, target: BtfExtTarget, record: T) => void;

/** Appends one table and returns its length; one without records is empty. */
function writeTable<T extends { readonly section: string }>(
  words: WordList,
  target: BtfExtTarget,
  records: readonly T[],
  recordSize: number,
  write: WriteRecord<T>,
): number {
  if (records.length === 0) return 0;
  const start = words.byteLength;
  words.push(recordSize);
  for (const [section, group] of bySection(records)) {
    words.push(target.addString(section));
    words.push(group.length);
    for (const record of group) write(words, target, record);
  }
  return words.byteLength - start;
}

function bySection<T extends { readonly section: string }>(records: readonly T[]) {
  const groups = new Map<string, T[]>();
  for (const record of records) {
    const group = groups.get(record.section);
    if (group) group.push(record);
    else groups.set(record.section, [record]);
  }
  return groups;
}

function writeFuncInfo(words: WordList, _: BtfExtTarget, { offset, type }: FuncInfo): void {
  words.push(offset);
  words.push(type);
}

function writeLineInfo(words: WordList, target: BtfExtTarget, record: LineInfo): void {
  const { offset, file, text, line, column } = record;
  if (line > MAX_LINE || column > MAX_COLUMN) {
    throw new FormatError('BTF.ext', words.byteLength, `no room for line ${line}:${column}`);
  }
  words.push(offset);
  words.push(target.addString(file));
  words.push(target.addString(text));
  words.push(((line << 10) | column) >>> 0);
}

function writeCoreRelocation(words: WordList, target: BtfExtTarget, record: CoreRelocation): void {
  words.push(record.offset);
  words.push(record.type);
  words.push(target.addString(record.access));
  words.push(CORE_RELOCATION_KINDS.indexOf(record.kind));
}
