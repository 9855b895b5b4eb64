import { ByteReader } from '../base/index.ts';
import { Cursor } from './cursor.ts';
import type { Address, DwarfSectionName, DwarfSections, Entry, Unit } from './types.ts';

/** Tables of a unit begin here in their sections, if its root does not say where. */
export interface Bases {
  addr: number;
  str_offsets: number;
  loclists: number;
  rnglists: number;
}

/** Header of a table of DWARF 5: length, version, sizes. */
const TABLE_HEADER = { 4: 8, 8: 16 } as const;
const LIST_HEADER = { 4: 12, 8: 20 } as const;

/** Bytes of all sections, each with a reader that says which one was broken. */
export class Sections {
  readonly #sections: DwarfSections;
  readonly #readers = new Map<DwarfSectionName, ByteReader>();

  constructor(sections: DwarfSections) {
    this.#sections = sections;
  }

  reader(name: DwarfSectionName): ByteReader {
    let reader = this.#readers.get(name);
    if (!reader) {
      const { bytes, littleEndian } = this.#sections;
      reader = new ByteReader(bytes[name] ?? new Uint8Array(0), `.debug_${name}`, littleEndian);
      this.#readers.set(name, reader);
    }
    return reader;
  }

  cursor(name: DwarfSectionName, at: number): Cursor {
    return new Cursor(this.reader(name), at);
  }
}

/** A unit while it is read, and what its entries ask of other sections. */
export class UnitReader implements Unit {
  readonly offset: number;
  readonly version: number;
  readonly addressSize: number;
  readonly offsetSize: 4 | 8;
  readonly sections: Sections;
  readonly bases: Bases;
  #root: Entry | undefined;

  constructor(
    sections: Sections,
    { offset, version, addressSize, offsetSize }: Omit<Unit, 'root'>,
  ) {
    this.sections = sections;
    this.offset = offset;
    this.version = version;
    this.addressSize = addressSize;
    this.offsetSize = offsetSize;
    const [table, list] = [TABLE_HEADER[offsetSize], LIST_HEADER[offsetSize]];
    this.bases = { addr: table, str_offsets: table, loclists: list, rnglists: list };
  }

  get root(): Entry {
    if (!this.#root) throw new TypeError('the unit is still being read');
    return this.#root;
  }

  set root(entry: Entry) {
    this.#root = entry;
  }

  string(section: 'str' | 'line_str', offset: number): string {
    return this.sections.reader(section).cString(offset);
  }

  stringOfIndex(index: number): string {
    return this.string('str', this.#inTable('str_offsets', index, this.offsetSize));
  }

  addressOfIndex(index: number): Address {
    return this.#inTable('addr', index, this.addressSize);
  }

  /** Where in its section a list of a table begins. */
  listOfIndex(section: 'loclists' | 'rnglists', index: number): number {
    return this.bases[section] + this.#inTable(section, index, this.offsetSize);
  }

  #inTable(section: keyof Bases, index: number, size: number): number {
    return this.sections.cursor(section, this.bases[section] + index * size).unsigned(size);
  }
}
