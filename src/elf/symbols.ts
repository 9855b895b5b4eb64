import { ByteReader } from '../base/index.ts';
import { stringAt } from './strings.ts';
import type { ElfFile, ElfRelocation, ElfSection, ElfSymbol } from './types.ts';
import { BINDINGS, SHN_LORESERVE, SHT_RELA, SYMBOL_TYPES, VISIBILITIES } from './types.ts';

const SYMBOL_SIZE = 24;
const REL_SIZE = 16;
const RELA_SIZE = 24;

/** All symbols of a symbol table section. */
export function readSymbols(
  reader: ByteReader,
  sections: readonly ElfSection[],
  table: ElfSection,
): ElfSymbol[] {
  const names = sections[table.link];
  if (!names) reader.fail(table.offset, `symbol names in section ${table.link}: no such section`);
  const count = entryCount(reader, table, SYMBOL_SIZE);
  const symbols: ElfSymbol[] = [];
  for (let i = 0; i < count; i++) {
    const symbol = readSymbol(reader, names, table.offset + i * SYMBOL_SIZE, i);
    if (symbol.section >= sections.length && symbol.section < SHN_LORESERVE) {
      reader.fail(table.offset + i * SYMBOL_SIZE, `symbol ${i} is in section ${symbol.section}`);
    }
    symbols.push(symbol);
  }
  return symbols;
}

function readSymbol(reader: ByteReader, names: ElfSection, at: number, index: number): ElfSymbol {
  const nameOffset = reader.u32(at, 'a symbol');
  const info = reader.u8(at + 4);
  const value = reader.u64(at + 8, 'a symbol value');
  return {
    index,
    name: nameOffset === 0 ? '' : stringAt(reader, names, nameOffset, 'a symbol name'),
    type: SYMBOL_TYPES[info & 15] ?? 'other',
    binding: BINDINGS[info >> 4] ?? 'other',
    visibility: VISIBILITIES[reader.u8(at + 5) & 3]!,
    section: reader.u16(at + 6),
    value: Number(value),
    address: value,
    size: reader.size64(at + 16, 'a symbol size'),
  };
}

/** Entries of a table section; its size must be a multiple of theirs. */
function entryCount(reader: ByteReader, table: ElfSection, entrySize: number): number {
  if (table.entrySize !== entrySize) {
    reader.fail(table.offset, `${table.name} has entries of ${table.entrySize}, not ${entrySize}`);
  }
  if (table.data.length % entrySize !== 0) {
    reader.fail(table.offset, `${table.name} ends inside an entry`);
  }
  return table.data.length / entrySize;
}

/**
 * The relocations of a SHT_REL or SHT_RELA section, in file order. Throws `FormatError` when one
 * names a symbol that does not exist or a place outside the section it changes.
 */
export function readRelocations(elf: ElfFile, section: ElfSection): ElfRelocation[] {
  const reader = new ByteReader(elf.bytes, 'ELF', elf.littleEndian);
  const withAddend = section.type === SHT_RELA;
  const size = withAddend ? RELA_SIZE : REL_SIZE;
  const count = entryCount(reader, section, size);
  const target = elf.sections[section.info];
  if (!target) reader.fail(section.offset, `${section.name} is for section ${section.info}`);
  const relocations: ElfRelocation[] = [];
  for (let i = 0; i < count; i++) {
    const at = section.offset + i * size;
    const relocation = readRelocation(reader, at, withAddend);
    if (!elf.symbols[relocation.symbol]) reader.fail(at, `no symbol ${relocation.symbol}`);
    if (relocation.offset >= target.size) {
      reader.fail(at, `place ${relocation.offset} is outside ${target.name}`);
    }
    relocations.push(relocation);
  }
  return relocations;
}

function readRelocation(reader: ByteReader, at: number, withAddend: boolean): ElfRelocation {
  const info = reader.u64(at + 8, 'a relocation');
  return {
    at,
    offset: reader.size64(at, 'a relocation offset'),
    type: Number(info & 0xffff_ffffn),
    symbol: Number(info >> 32n),
    addend: withAddend ? Number(BigInt.asIntN(64, reader.u64(at + 16, 'an addend'))) : undefined,
  };
}
