import { FormatError } from '../base/index.ts';
import { alignOf, sizeOf } from './layout.ts';
import type { BtfKind, BtfReference, BtfType } from './types.ts';

/** What a `Btf` is made of. */
export interface BtfParts {
  readonly types: readonly BtfType[];
  readonly littleEndian: boolean;
  /** Byte offset of each type's record, for messages. */
  readonly offsets: readonly number[];
  readonly base?: Btf | undefined;
  /** Length of the string section, base included: where a split BTF's strings start. */
  readonly stringsLength: number;
  /** The string at an offset of the string section (for `.BTF.ext`, which names by offset). */
  readonly strings: (offset: number) => string;
}

/**
 * A set of types, immutable. Ids are positions in `types`; id 0 is `void`. Made by `parseBtf`,
 * which has checked that every id exists and that no type contains itself.
 *
 * @example
 * const btf = parseBtf(section);
 * btf.sizeOf(btf.find('struct', 'flow_key')!);
 */
export class Btf {
  readonly types: readonly BtfType[];
  readonly littleEndian: boolean;
  readonly base: Btf | undefined;
  readonly stringsLength: number;
  readonly #offsets: readonly number[];
  readonly #strings: (offset: number) => string;
  readonly #alignments = new Map<number, number>();
  #byName: Map<string, number> | undefined;

  constructor(parts: BtfParts) {
    this.types = parts.types;
    this.littleEndian = parts.littleEndian;
    this.base = parts.base;
    this.stringsLength = parts.stringsLength;
    this.#offsets = parts.offsets;
    this.#strings = parts.strings;
  }

  /** Id of the first type that does not come from the base. */
  get firstOwnId(): number {
    return this.base ? this.base.types.length : 1;
  }

  /** The type with this id. Throws `FormatError` if there is none. */
  type(id: number): BtfType {
    const type = this.types[id];
    if (!type) throw new FormatError('BTF', 0, `there is no type ${id}`);
    return type;
  }

  /** The string at `offset` of the string section. Throws `FormatError` outside of it. */
  stringAt(offset: number): string {
    return this.#strings(offset);
  }

  /** Id of the first type of that kind and name, or undefined. */
  find(kind: BtfKind, name: string): number | undefined {
    this.#byName ??= indexByName(this.types);
    return this.#byName.get(`${kind} ${name}`);
  }

  /** The id under modifiers (const, volatile, restrict, type tags) and typedefs. */
  resolve(id: number): number {
    let type = this.type(id);
    while (isTransparent(type)) type = this.type(type.type);
    return type.id;
  }

  /** The type under modifiers and typedefs. */
  resolved(id: number): BtfType {
    return this.type(this.resolve(id));
  }

  /**
   * Bytes a value of this type takes. Throws `FormatError` for types without size (func, fwd,
   * void).
   */
  sizeOf(id: number): number {
    return sizeOf(this, id);
  }

  /** Alignment in bytes by the C rules of a 64-bit machine. */
  alignOf(id: number): number {
    const known = this.#alignments.get(id);
    if (known !== undefined) return known;
    const align = alignOf(this, id);
    this.#alignments.set(id, align);
    return align;
  }

  /** Throws the `FormatError` for a type whose record is wrong. */
  fail(id: number, reason: string): never {
    throw new FormatError('BTF', this.#offsets[id] ?? 0, `type ${id}: ${reason}`);
  }

  /** The same BTF with some types replaced (their ids stay). */
  replace(types: ReadonlyMap<number, BtfType>): Btf {
    return new Btf({
      types: this.types.map((type) => types.get(type.id) ?? type),
      littleEndian: this.littleEndian,
      offsets: this.#offsets,
      base: this.base,
      stringsLength: this.stringsLength,
      strings: this.#strings,
    });
  }
}

/** Types that only decorate or name another. */
export function isTransparent(type: BtfType): type is BtfReference {
  return type.kind === 'typedef' || isModifier(type);
}

/** const, volatile, restrict and type tags. */
export function isModifier(type: BtfType): type is BtfReference {
  switch (type.kind) {
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'type_tag':
      return true;
    default:
      return false;
  }
}

function indexByName(types: readonly BtfType[]): Map<string, number> {
  const ids = new Map<string, number>();
  for (const { kind, name, id } of types) {
    const key = `${kind} ${name}`;
    if (name && !ids.has(key)) ids.set(key, id);
  }
  return ids;
}
