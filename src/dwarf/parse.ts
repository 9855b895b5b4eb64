import { FORMS } from './attributes.ts';
import type { Cursor } from './cursor.ts';
import { ATTRIBUTES, FORM, TAGS } from './names.ts';
import type { AttributeValue, DwarfSections, Entry, Unit } from './types.ts';
import { type Bases, Sections, UnitReader } from './unit.ts';

interface Abbreviation {
  readonly tag: string;
  readonly hasChildren: boolean;
  readonly attributes: readonly AttributeForm[];
}

interface AttributeForm {
  readonly name: string | undefined;
  readonly form: number;
  readonly constant: bigint;
}

interface OpenEntry extends Entry {
  readonly children: OpenEntry[];
}

const ESCAPE_64 = 0xffff_ffff;
/** Unit types of DWARF 5 that have eight more bytes in their header; types also an offset. */
const UNIT_TYPE = { type: 2, skeleton: 4, splitCompile: 5, splitType: 6 } as const;
/** Attributes of a file, against its bytes: forms without bytes can be repeated at will. */
const MOST_ATTRIBUTES = 16;
/** Attributes that say where tables begin: those of DWARF 5 are needed to read other ones. */
const BASES: Readonly<Record<string, keyof Bases>> = {
  addr_base: 'addr',
  str_offsets_base: 'str_offsets',
  loclists_base: 'loclists',
  rnglists_base: 'rnglists',
};

/**
 * Reads all units of .debug_info. Attributes without a name in `names.ts` are left out. Throws
 * FormatError for what is broken, and for versions other than 4 and 5.
 *
 * @example
 * const sections = dwarfSections(parseElf(bytes));
 * parseDwarf(sections).units[0].root.children.map(({ tag }) => tag); // ['base_type', ...]
 */
export function parseDwarf(sections: DwarfSections): Dwarf {
  return new Dwarf(sections);
}

/** All entries of a file. */
export class Dwarf {
  readonly units: readonly Unit[];
  readonly #entries = new Map<number, Entry>();
  readonly #sections: Sections;
  readonly #abbreviations = new Map<number, ReadonlyMap<number, Abbreviation>>();
  #budget: number;

  constructor(sections: DwarfSections) {
    this.#sections = new Sections(sections);
    const { length } = this.#sections.reader('info');
    this.#budget = MOST_ATTRIBUTES * length;
    const cursor = this.#sections.cursor('info', 0);
    const units: Unit[] = [];
    while (cursor.at < length) {
      const unit = this.#unit(cursor);
      if (unit) units.push(unit);
    }
    this.units = units;
  }

  /** The entry that a reference names. */
  entry(offset: number): Entry | undefined {
    return this.#entries.get(offset);
  }

  /** All entries, in the order of the section. */
  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  #unit(cursor: Cursor): Unit | undefined {
    const offset = cursor.at;
    let length = cursor.unsigned(4);
    const offsetSize = length === ESCAPE_64 ? 8 : 4;
    if (offsetSize === 8) length = cursor.unsigned(8);
    const end = cursor.at + length;
    const version = cursor.unsigned(2);
    if (version !== 4 && version !== 5) cursor.fail(`a unit of DWARF ${version}; 4 and 5 are read`);
    const type = version === 5 ? cursor.u8() : 0;
    let addressSize = version === 5 ? cursor.u8() : 0;
    const abbreviations = this.#abbreviationsAt(cursor.unsigned(offsetSize));
    if (version === 4) addressSize = cursor.u8();
    if (addressSize !== 4 && addressSize !== 8) cursor.fail(`addresses of ${addressSize} bytes`);
    if (type === UNIT_TYPE.skeleton || type === UNIT_TYPE.splitCompile) cursor.at += 8;
    if (type === UNIT_TYPE.type || type === UNIT_TYPE.splitType) cursor.at += 8 + offsetSize;
    const unit = new UnitReader(this.#sections, { offset, version, addressSize, offsetSize });
    const root = this.#entriesUntil(cursor, end, unit, abbreviations);
    cursor.at = end;
    if (!root) return undefined;
    unit.root = root;
    return unit;
  }

  #entriesUntil(
    cursor: Cursor,
    end: number,
    unit: UnitReader,
    abbreviations: ReadonlyMap<number, Abbreviation>,
  ): Entry | undefined {
    const open: OpenEntry[] = [];
    while (cursor.at < end) {
      const offset = cursor.at;
      const code = cursor.uleb();
      if (code === 0) {
        const closed = open.pop();
        if (closed && open.length === 0) return closed;
        continue;
      }
      const abbreviation = abbreviations.get(code);
      if (!abbreviation) cursor.fail(`abbreviation ${code} is not in the unit's table`);
      const attributes = this.#attributes(cursor, unit, abbreviation, open.length === 0);
      const entry: OpenEntry = { offset, tag: abbreviation.tag, unit, attributes, children: [] };
      this.#entries.set(offset, entry);
      open.at(-1)?.children.push(entry);
      if (abbreviation.hasChildren) open.push(entry);
      else if (open.length === 0) return entry;
    }
    return open[0];
  }

  #attributes(
    cursor: Cursor,
    unit: UnitReader,
    { attributes }: Abbreviation,
    isRoot: boolean,
  ): Map<string, AttributeValue> {
    this.#budget -= attributes.length;
    if (this.#budget < 0) cursor.fail('more attributes than a compiler writes');
    const start = cursor.at;
    const found = new Map<string, AttributeValue>();
    if (isRoot) {
      this.#findBases(cursor, unit, attributes);
      cursor.at = start;
    }
    for (const one of attributes) {
      const value = this.#value(cursor, unit, one);
      if (one.name !== undefined) found.set(one.name, value);
    }
    return found;
  }

  /** The root's attributes may name tables before they say where these are. */
  #findBases(cursor: Cursor, unit: UnitReader, attributes: readonly AttributeForm[]): void {
    for (const one of attributes) {
      const base = BASES[one.name ?? ''];
      if (!base) skip(cursor, unit, one);
      else unit.bases[base] = cursor.unsigned(unit.offsetSize);
    }
  }

  #value(cursor: Cursor, unit: UnitReader, { form, constant }: AttributeForm): AttributeValue {
    const actual = form === FORM.indirect ? cursor.uleb() : form;
    const read = FORMS[actual];
    if (!read) cursor.fail(`an attribute of form 0x${actual.toString(16)}`);
    return read(cursor, unit, constant);
  }

  #abbreviationsAt(offset: number): ReadonlyMap<number, Abbreviation> {
    let table = this.#abbreviations.get(offset);
    if (!table) {
      table = readAbbreviations(this.#sections.cursor('abbrev', offset));
      this.#abbreviations.set(offset, table);
    }
    return table;
  }
}

/** Bytes of forms whose values need the tables. */
const INDEX_SIZES: Readonly<Record<number, number>> = {
  [FORM.strx1]: 1,
  [FORM.strx2]: 2,
  [FORM.strx3]: 3,
  [FORM.strx4]: 4,
  [FORM.addrx1]: 1,
  [FORM.addrx2]: 2,
  [FORM.addrx3]: 3,
  [FORM.addrx4]: 4,
};

function skip(cursor: Cursor, unit: UnitReader, { form, constant }: AttributeForm): void {
  const actual = form === FORM.indirect ? cursor.uleb() : form;
  const size = INDEX_SIZES[actual];
  if (size) cursor.at += size;
  else if (actual === FORM.strx || actual === FORM.addrx) cursor.uleb();
  else if (FORMS[actual]) FORMS[actual](cursor, unit, constant);
  else cursor.fail(`an attribute of form 0x${actual.toString(16)}`);
}

function readAbbreviations(cursor: Cursor): Map<number, Abbreviation> {
  const table = new Map<number, Abbreviation>();
  for (let code = cursor.uleb(); code !== 0; code = cursor.uleb()) {
    const tag = cursor.uleb();
    const hasChildren = cursor.u8() !== 0;
    const attributes: AttributeForm[] = [];
    for (;;) {
      const [name, form] = [cursor.uleb(), cursor.uleb()];
      const constant = form === FORM.implicitConst ? cursor.sleb() : 0n;
      if (name === 0 && form === 0) break;
      attributes.push({ name: ATTRIBUTES[name], form, constant });
    }
    table.set(code, { tag: TAGS[tag] ?? `tag 0x${tag.toString(16)}`, hasChildren, attributes });
  }
  return table;
}
