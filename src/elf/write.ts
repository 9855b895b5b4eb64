import { assert } from '../base/index.ts';
import { ET_REL, SHN_LORESERVE, SHT_NOBITS } from './types.ts';

const HEADER_SIZE = 64;
const SECTION_HEADER_SIZE = 64;

/** A section to be written. Its index in the file is its place in the list plus one. */
export interface NewSection {
  /** Where its name stands in the string table `NewElf.names`. */
  readonly nameOffset: number;
  /** SHT_* */
  readonly type: number;
  /** SHF_* bits. */
  readonly flags: number;
  readonly link: number;
  readonly info: number;
  /** A power of two; the bytes start at a multiple of it. */
  readonly align: number;
  readonly entrySize: number;
  /** Its bytes; for SHT_NOBITS the number of bytes it takes in memory. */
  readonly data: Uint8Array | number;
}

/** A relocatable file to be written. */
export interface NewElf {
  readonly littleEndian: boolean;
  /** e_machine: 247 is BPF. */
  readonly machine: number;
  /** All sections but the null section, in file order. */
  readonly sections: readonly NewSection[];
  /** Index of the string table with the names of sections. */
  readonly names: number;
}

/**
 * The bytes of a relocatable ELF64 file: the header, the sections in the given order, each at its
 * alignment, then the section headers. The same input gives the same bytes, and they lie as
 * libelf's `elf_update` lays them.
 */
export function writeElf(file: NewElf): Uint8Array {
  const places = layOut(file.sections);
  const count = file.sections.length + 1;
  assert(count < SHN_LORESERVE, `${count} sections do not fit an ELF header`);
  const bytes = new Uint8Array(places.headers + count * SECTION_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  writeHeader(view, file, places.headers, count);
  file.sections.forEach((section, i) => {
    const at = places.headers + (i + 1) * SECTION_HEADER_SIZE;
    writeSectionHeader(view, at, section, places.offsets[i]!, file.littleEndian);
    if (typeof section.data !== 'number') bytes.set(section.data, places.offsets[i]!);
  });
  return bytes;
}

function layOut(sections: readonly NewSection[]): { offsets: number[]; headers: number } {
  let end = HEADER_SIZE;
  const offsets = sections.map(({ align, data, type }) => {
    assert((type === SHT_NOBITS) === (typeof data === 'number'), 'only NOBITS have no bytes');
    const offset = alignUp(end, align);
    end = offset + (typeof data === 'number' ? 0 : data.length);
    return offset;
  });
  return { offsets, headers: alignUp(end, 8) };
}

/** The next multiple of `align`, of which 0 means 1. */
export function alignUp(value: number, align: number): number {
  return align > 1 ? Math.ceil(value / align) * align : value;
}

function writeHeader(view: DataView, file: NewElf, headers: number, count: number): void {
  const little = file.littleEndian;
  // 7f 'E' 'L' 'F', ELFCLASS64, byte order, version 1.
  view.setUint32(0, 0x7f454c46);
  view.setUint8(4, 2);
  view.setUint8(5, little ? 1 : 2);
  view.setUint8(6, 1);
  view.setUint16(16, ET_REL, little);
  view.setUint16(18, file.machine, little);
  view.setUint32(20, 1, little);
  setSize(view, 40, headers, little);
  view.setUint16(52, HEADER_SIZE, little);
  view.setUint16(58, SECTION_HEADER_SIZE, little);
  view.setUint16(60, count, little);
  view.setUint16(62, file.names, little);
}

function writeSectionHeader(
  view: DataView,
  at: number,
  section: NewSection,
  offset: number,
  little: boolean,
): void {
  const { data } = section;
  view.setUint32(at, section.nameOffset, little);
  view.setUint32(at + 4, section.type, little);
  setSize(view, at + 8, section.flags, little);
  setSize(view, at + 24, offset, little);
  setSize(view, at + 32, typeof data === 'number' ? data : data.length, little);
  view.setUint32(at + 40, section.link, little);
  view.setUint32(at + 44, section.info, little);
  setSize(view, at + 48, Math.max(section.align, 1), little);
  setSize(view, at + 56, section.entrySize, little);
}

/** A number up to 2^53 as 64 bits. */
export function setSize(view: DataView, at: number, value: number, little: boolean): void {
  const high = Math.floor(value / 2 ** 32);
  view.setUint32(at + (little ? 0 : 4), value >>> 0, little);
  view.setUint32(at + (little ? 4 : 0), high, little);
}
