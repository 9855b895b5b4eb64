import { FormatError, utf8 } from '../base/index.ts';
import { alignOf, sizeOf } from './layout.ts';
import type { Strings } from './strings.ts';
import { ReplacedTypes, type TypeSource } from './type-source.ts';
import type { BtfKind, BtfReference, BtfType } from './types.ts';

/** What a `Btf` is made of. */
export interface BtfParts {
  /** The section it was read from. */
  readonly bytes?: Uint8Array;
  readonly source: TypeSource;
  readonly littleEndian: boolean;
  readonly base?: Btf | undefined;
  readonly strings: Strings;
}

/** Longer chains of modifiers and typedefs are refused (the kernel's own limit is 32). */
const MAX_CHAIN = 256;

/**
 * A set of types, immutable. Ids are positions in `types`; id 0 is `void`. Made by `parseBtf`,
 * which has checked that every id exists and that no type contains itself; or by `openBtf`, which
 * reads and checks a type when it is first asked for.
 *
 * @example
 * const btf = parseBtf(section);
 * btf.sizeOf(btf.find('struct', 'flow_key')!);
 */
export class Btf {
  readonly littleEndian: boolean;
  readonly base: Btf | undefined;
  /** Length of the string section, base included: where a split BTF's strings start. */
  readonly stringsLength: number;
  /** Number of types, `void` included: every id is below it. */
  readonly count: number;
  /** The section it was read from, if it was. */
  readonly bytes: Uint8Array | undefined;
  readonly #source: TypeSource;
  readonly #strings: Strings;
  #stringOffsets: ReadonlyMap<string, number> | undefined;
  readonly #alignments = new Map<number, number>();

  constructor(parts: BtfParts) {
    this.#source = parts.source;
    this.count = parts.source.count;
    this.littleEndian = parts.littleEndian;
    this.base = parts.base;
    this.bytes = parts.bytes;
    this.stringsLength = parts.strings.length;
    this.#strings = parts.strings;
  }

  /** Every type by id. On a BTF of `openBtf` this reads them all: prefer `type(id)`. */
  get types(): readonly BtfType[] {
    return this.#source.all();
  }

  /** Id of the first type that does not come from the base. */
  get firstOwnId(): number {
    return this.base ? this.base.count : 1;
  }

  /** The type with this id. Throws `FormatError` if there is none. */
  type(id: number): BtfType {
    const type = this.#source.get(id);
    if (!type) throw new FormatError('BTF', 0, `there is no type ${id}`);
    return type;
  }

  /** The string at `offset` of the string section. Throws `FormatError` outside of it. */
  stringAt(offset: number): string {
    return this.#strings.at(offset);
  }

  /** Offset of `text` in the string section, that of the base included, or undefined. */
  findString(text: string): number | undefined {
    this.#stringOffsets ??= offsetsOf(this.#strings.bytes(), this.base?.stringsLength ?? 0);
    return this.base?.findString(text) ?? this.#stringOffsets.get(text);
  }

  /** Every string of the section, that of the base not included. */
  ownStrings(): string[] {
    return utf8(this.#strings.bytes()).split('\0');
  }

  /** Every string with `part` in it, those of the base first. `part` is short and of ASCII. */
  stringsWith(part: string): string[] {
    return [...(this.base?.stringsWith(part) ?? []), ...this.#strings.containing(part)];
  }

  /** Id of the first type of that kind and name, or undefined. */
  find(kind: BtfKind, name: string): number | undefined {
    return this.#source.find(kind, name);
  }

  /** Ids of all types of that kind and name, ascending. */
  findAll(kind: BtfKind, name: string): readonly number[] {
    return this.#source.findAll(kind, name);
  }

  /** The id under modifiers (const, volatile, restrict, type tags) and typedefs. */
  resolve(id: number): number {
    let type = this.type(id);
    for (let depth = 0; isTransparent(type); depth++) {
      if (depth > MAX_CHAIN) this.fail(id, 'types are nested too deep');
      type = this.type(type.type);
    }
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
    if (known === 0) this.fail(id, 'contains itself');
    if (known !== undefined) return known;
    this.#alignments.set(id, 0);
    const align = alignOf(this, id);
    this.#alignments.set(id, align);
    return align;
  }

  /** Throws the `FormatError` for a type whose record is wrong. */
  fail(id: number, reason: string): never {
    throw new FormatError('BTF', this.#source.offsetOf(id), `type ${id}: ${reason}`);
  }

  /** The same BTF with some types replaced by others of the same id, kind and name. */
  replace(types: ReadonlyMap<number, BtfType>): Btf {
    return new Btf({
      source: new ReplacedTypes(this.#source, types),
      littleEndian: this.littleEndian,
      base: this.base,
      strings: this.#strings,
    });
  }
}

/** Where each string of a section starts, counted from `start`. */
function offsetsOf(bytes: Uint8Array, start: number): ReadonlyMap<string, number> {
  const offsets = new Map<string, number>();
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    if (end < 0) break;
    const text = utf8(bytes.subarray(at, end));
    if (!offsets.has(text)) offsets.set(text, start + at);
    at = end + 1;
  }
  return offsets;
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
