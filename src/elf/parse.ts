import { ByteReader } from '../base/index.ts';
import { stringAt } from './strings.ts';
import { readSymbols } from './symbols.ts';
import type { ElfFile, ElfSection, ElfSymbol } from './types.ts';
import { SHT_NOBITS, SHT_SYMTAB } from './types.ts';

const HEADER_SIZE = 64;
const SECTION_HEADER_SIZE = 64;

/**
 * Reads an ELF64 file of either byte order: sections with their bytes at once, symbols when they
 * are first asked for, relocations one section at a time with `readRelocations`.
 *
 * Throws `FormatError` with the offset of the first wrong thing; ELF32 is refused.
 *
 * @example
 * const text = parseElf(bytes).sections.find((section) => section.name === '.text');
 */
export function parseElf(input: Uint8Array): ElfFile {
  // A plain view: Node's Buffer has a `slice` that does not copy.
  const bytes = new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  const reader = new ByteReader(bytes, 'ELF');
  readIdent(reader);
  reader.need(0, HEADER_SIZE, 'the file header');
  const sections = readSections(reader);
  let symbols: readonly ElfSymbol[] | undefined;
  return {
    bytes,
    littleEndian: reader.littleEndian,
    type: reader.u16(16),
    machine: reader.u16(18),
    entry: reader.u64(24),
    flags: reader.u32(48),
    sections,
    // A kernel has a million of them that hardly anyone asks for.
    get symbols(): readonly ElfSymbol[] {
      symbols ??= symbolsOf(reader, sections);
      return symbols;
    },
  };
}

function symbolsOf(reader: ByteReader, sections: readonly ElfSection[]): readonly ElfSymbol[] {
  const table = sections.find((section) => section.type === SHT_SYMTAB);
  return table ? readSymbols(reader, sections, table) : [];
}

/** True if the bytes start like an ELF file. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

function readIdent(reader: ByteReader): void {
  reader.need(0, 16, 'the ELF identification');
  if (!isElf(reader.bytes)) reader.fail(0, 'the file does not start with 7f 45 4c 46 ("\\x7fELF")');
  const fileClass = reader.u8(4);
  if (fileClass === 1) reader.fail(4, 'this is a 32-bit ELF file; only ELF64 is read');
  if (fileClass !== 2) reader.fail(4, `file class ${fileClass} is not known`);
  const order = reader.u8(5);
  if (order !== 1 && order !== 2) reader.fail(5, `byte order ${order} is not known`);
  reader.littleEndian = order === 1;
  const version = reader.u8(6);
  if (version !== 1) reader.fail(6, `ELF version ${version} is not known`);
}

type Header = Omit<ElfSection, 'name'> & { readonly nameOffset: number };

function readSections(reader: ByteReader): ElfSection[] {
  const start = reader.size64(40, 'the offset of the section headers');
  if (start === 0) return [];
  const entrySize = reader.u16(58);
  if (entrySize < SECTION_HEADER_SIZE) {
    reader.fail(58, `section headers of ${entrySize} bytes are too small`);
  }
  const first = readSectionHeader(reader, start, 0);
  // Numbers too large for the file header stand in the null section's.
  const count = reader.u16(60) || first.size;
  const namesIndex = reader.u16(62) === 0xffff ? first.link : reader.u16(62);
  reader.need(start, count * entrySize, `the table of ${count} section headers`);
  const headers: Header[] = [];
  for (let i = 0; i < count; i++) {
    headers.push(readSectionHeader(reader, start + i * entrySize, i));
  }
  return nameSections(reader, headers, namesIndex);
}

function nameSections(reader: ByteReader, headers: Header[], namesIndex: number): ElfSection[] {
  const names = headers[namesIndex];
  if (!names) reader.fail(62, `section ${namesIndex} with the section names does not exist`);
  return headers.map(({ nameOffset, ...section }) => ({
    ...section,
    name: section.index === 0 ? '' : stringAt(reader, names, nameOffset, 'a section name'),
  }));
}

function readSectionHeader(reader: ByteReader, at: number, index: number): Header {
  const type = reader.u32(at + 4, 'a section header');
  const offset = reader.size64(at + 24, 'a section offset');
  const size = reader.size64(at + 32, 'a section size');
  // The null section's size may be the number of sections.
  const stored = index === 0 || type === SHT_NOBITS ? 0 : size;
  return {
    index,
    nameOffset: reader.u32(at),
    type,
    flags: Number(BigInt.asUintN(32, reader.u64(at + 8, 'section flags'))),
    address: reader.u64(at + 16, 'a section address'),
    offset,
    size,
    link: reader.u32(at + 40, 'a section link'),
    info: reader.u32(at + 44, 'a section info'),
    align: reader.size64(at + 48, 'a section alignment'),
    entrySize: reader.size64(at + 56, 'a section entry size'),
    data: stored === 0 ? new Uint8Array(0) : reader.slice(offset, size, `section ${index}`),
  };
}
