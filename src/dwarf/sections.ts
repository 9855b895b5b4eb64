import { ByteReader } from '../base/index.ts';
import {
  type ElfFile,
  type ElfRelocation,
  type ElfSection,
  readRelocations,
  SHF_ALLOC,
  SHT_REL,
} from '../elf/index.ts';
import type { Address, DwarfSectionName, DwarfSections } from './types.ts';

const PREFIX = '.debug_';
const ET_REL = 1;
const EM_BPF = 247;
/** R_BPF_64_ABS64, R_BPF_64_ABS32, R_BPF_64_NODYLD32: bytes they change. */
const SIZES: Readonly<Record<number, 4 | 8>> = { 2: 8, 3: 4, 4: 4 };
const SECTION = 2 ** 32;

const NAMES: readonly DwarfSectionName[] = [
  'info',
  'abbrev',
  'str',
  'line_str',
  'str_offsets',
  'addr',
  'loclists',
  'rnglists',
  'loc',
  'ranges',
];

/** The address that a byte of a section has in the debugging information of a relocatable file. */
export function codeAddress(section: number, byte: number): Address {
  return section * SECTION + byte;
}

/**
 * The sections with debugging information of a file; undefined if it has none (`llvm-strip -g`
 * takes it away). Those of relocatable BPF objects are relocated: sections of code and data begin
 * at `codeAddress(section, 0)`. Throws FormatError for broken relocations.
 */
export function dwarfSections(elf: ElfFile): DwarfSections | undefined {
  const bytes: Partial<Record<DwarfSectionName, Uint8Array>> = {};
  for (const section of elf.sections) {
    const name = NAMES.find((one) => section.name === PREFIX + one);
    if (name) bytes[name] = relocated(elf, section);
  }
  if (!bytes.info || !bytes.abbrev) return undefined;
  return { littleEndian: elf.littleEndian, bytes };
}

function relocated(elf: ElfFile, section: ElfSection): Uint8Array {
  if (elf.type !== ET_REL || elf.machine !== EM_BPF) return section.data;
  const bytes = section.data.slice();
  for (const table of elf.sections) {
    if (table.type !== SHT_REL || table.info !== section.index) continue;
    for (const one of readRelocations(elf, table)) apply(elf, section, bytes, one);
  }
  return bytes;
}

/** Adds the symbol's address to what stands there. */
function apply(
  elf: ElfFile,
  section: ElfSection,
  bytes: Uint8Array,
  { at, offset, type, symbol }: ElfRelocation,
): void {
  const reader = new ByteReader(bytes, 'DWARF', elf.littleEndian);
  const size = SIZES[type];
  if (!size) reader.fail(offset, `relocation type ${type} in ${section.name} (byte ${at})`);
  const { section: index, value } = elf.symbols[symbol]!;
  const target = elf.sections[index];
  const base = target && (target.flags & SHF_ALLOC) !== 0 ? codeAddress(index, value) : value;
  if (size === 4) {
    const sum = reader.u32(offset) + base;
    reader.view.setUint32(offset, sum, elf.littleEndian);
  } else {
    const sum = reader.u64(offset) + BigInt(base);
    reader.view.setBigUint64(offset, sum, elf.littleEndian);
  }
}
