/** Types of debugging information as BTF, so that what reads and prints BTF does for both. */
import { type Btf, BtfBuilder, type BtfMember, type NewBtfType } from '../btf/index.ts';
import { attributeOf, type Dwarf, type Entry, nameOf } from '../dwarf/index.ts';

/** DW_ATE_* */
const ENCODING = { boolean: 2, float: 4, signed: 5, signedChar: 6 } as const;
const REFERENCES = {
  const_type: 'const',
  volatile_type: 'volatile',
  restrict_type: 'restrict',
  atomic_type: 'volatile',
  typedef: 'typedef',
  unspecified_type: 'typedef',
  pointer_type: 'ptr',
  reference_type: 'ptr',
} as const;
const COMPOSITES: Readonly<Record<string, 'struct' | 'union'>> = {
  structure_type: 'struct',
  class_type: 'struct',
  union_type: 'union',
};
const INTEGERS = [1, 2, 4, 8, 16];
const VOID = 0;

/** The types of a file, and the BTF id of each entry that is a type. */
export interface DwarfTypes {
  readonly btf: Btf;
  /** The type that an entry's DW_AT_type says; 0 (void) if it has none. */
  typeOf(entry: Entry): number;
}

/** Converts all types. Throws FormatError for types that make no sense. */
export function dwarfTypes(dwarf: Dwarf): DwarfTypes {
  return new Converter(dwarf).convert();
}

class Converter {
  readonly #dwarf: Dwarf;
  readonly #builder = new BtfBuilder();
  readonly #ids = new Map<number, number>();
  #index: number | undefined;

  constructor(dwarf: Dwarf) {
    this.#dwarf = dwarf;
  }

  convert(): DwarfTypes {
    const types = [...this.#dwarf.entries()].filter(({ tag }) => isType(tag));
    // Types name each other in any order: all have an id before the first one is written.
    const empty: NewBtfType = { kind: 'const', name: '', type: VOID };
    for (const { offset } of types) this.#ids.set(offset, this.#builder.add(empty));
    for (const entry of types) this.#builder.set(this.#ids.get(entry.offset)!, this.#type(entry));
    return { btf: this.#builder.build(), typeOf: (entry) => this.#typeOf(entry) };
  }

  #typeOf(entry: Entry): number {
    const type = attributeOf(this.#dwarf, entry, 'type');
    return type?.kind === 'reference' ? (this.#ids.get(type.value) ?? VOID) : VOID;
  }

  #number(entry: Entry, name: string): number | undefined {
    const found = attributeOf(this.#dwarf, entry, name);
    return found?.kind === 'number' ? Number(found.value) : undefined;
  }

  #type(entry: Entry): NewBtfType {
    const { tag } = entry;
    const name = nameOf(this.#dwarf, entry);
    const composite = COMPOSITES[tag];
    if (composite) return this.#composite(entry, composite, name);
    if (tag === 'base_type') return this.#base(entry, name);
    if (tag === 'array_type') return this.#array(entry);
    if (tag === 'enumeration_type') return this.#enumeration(entry, name);
    if (tag === 'subroutine_type') return this.#prototype(entry);
    const kind = REFERENCES[tag as keyof typeof REFERENCES];
    return { kind, name: kind === 'typedef' ? name : '', type: this.#typeOf(entry) };
  }

  #base(entry: Entry, name: string): NewBtfType {
    const size = this.#number(entry, 'byte_size') ?? 0;
    const encoding = this.#number(entry, 'encoding');
    if (encoding === ENCODING.float) return { kind: 'float', name, size };
    if (!INTEGERS.includes(size)) return { kind: 'typedef', name, type: VOID };
    // As in BTF of clang: `unsigned char` is a number, not text.
    const char = encoding === ENCODING.signedChar;
    const signed = char || encoding === ENCODING.signed;
    const bool = encoding === ENCODING.boolean;
    return { kind: 'int', name, size, bits: 8 * size, bitOffset: 0, signed, char, bool };
  }

  #composite(entry: Entry, kind: 'struct' | 'union', name: string): NewBtfType {
    if (entry.attributes.get('declaration')) return { kind: 'fwd', name, of: kind };
    const size = this.#number(entry, 'byte_size') ?? 0;
    const members = entry.children
      .filter(({ tag }) => tag === 'member')
      .map((member) => this.#member(member));
    return { kind, name, size, members };
  }

  #member(entry: Entry): BtfMember {
    const bitSize = this.#number(entry, 'bit_size') ?? 0;
    return {
      name: nameOf(this.#dwarf, entry),
      type: this.#typeOf(entry),
      bitOffset: this.#bitOffset(entry, bitSize),
      bitSize,
    };
  }

  #bitOffset(entry: Entry, bitSize: number): number {
    const byte = this.#number(entry, 'data_member_location') ?? 0;
    // DWARF 3 counted bits from the upper end of the storage.
    const fromTop = this.#number(entry, 'bit_offset');
    const storage = this.#number(entry, 'byte_size');
    if (fromTop !== undefined && storage !== undefined) {
      return 8 * (byte + storage) - fromTop - bitSize;
    }
    return this.#number(entry, 'data_bit_offset') ?? 8 * byte;
  }

  /** The last dimension is the innermost array. */
  #array(entry: Entry): NewBtfType {
    const counts = entry.children
      .filter(({ tag }) => tag === 'subrange_type')
      .map((range) => this.#count(range));
    this.#index ??= this.#builder.add({
      kind: 'int',
      name: '__ARRAY_SIZE_TYPE__',
      size: 4,
      bits: 32,
      bitOffset: 0,
      signed: false,
      char: false,
      bool: false,
    });
    const array = (type: number, count: number): NewBtfType => ({
      kind: 'array',
      name: '',
      type,
      indexType: this.#index!,
      count,
    });
    let type = this.#typeOf(entry);
    for (const count of counts.slice(1).reverse()) type = this.#builder.add(array(type, count));
    return array(type, counts[0] ?? 0);
  }

  #count(range: Entry): number {
    const last = this.#number(range, 'upper_bound');
    return this.#number(range, 'count') ?? (last === undefined ? 0 : last + 1);
  }

  #enumeration(entry: Entry, name: string): NewBtfType {
    const size = this.#number(entry, 'byte_size') ?? 4;
    const values = entry.children.flatMap((one) => {
      const value = one.attributes.get('const_value');
      if (value?.kind !== 'number') return [];
      return [{ name: nameOf(this.#dwarf, one), value: BigInt(value.value) }];
    });
    const signed = values.some(({ value }) => value < 0n);
    if (size === 8) return { kind: 'enum64', name, size, signed, values };
    const numbers = values.map((one) => ({ name: one.name, value: Number(one.value) }));
    return { kind: 'enum', name, size, signed, values: numbers };
  }

  #prototype(entry: Entry): NewBtfType {
    const params = entry.children.flatMap((one) => {
      if (one.tag === 'unspecified_parameters') return [{ name: '', type: VOID }];
      if (one.tag !== 'formal_parameter') return [];
      return [{ name: nameOf(this.#dwarf, one), type: this.#typeOf(one) }];
    });
    return { kind: 'func_proto', name: '', returns: this.#typeOf(entry), params };
  }
}

function isType(tag: string): boolean {
  return (
    tag in REFERENCES ||
    tag in COMPOSITES ||
    ['base_type', 'array_type', 'enumeration_type', 'subroutine_type'].includes(tag)
  );
}
