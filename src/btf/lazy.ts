import { type ByteReader, KernelError } from '../base/index.ts';
import type { Btf } from './btf.ts';
import { KINDS, readType } from './read-type.ts';
import type { TypeCursor } from './read-type.ts';
import type { TypeSource } from './type-source.ts';
import type { BtfKind, BtfType } from './types.ts';

/** Words behind the record's head, by kind: so many, and so many for each of its `vlen` items. */
const FIXED_WORDS: Partial<Record<BtfKind, number>> = { int: 1, array: 3, var: 1, decl_tag: 1 };
const ITEM_WORDS: Partial<Record<BtfKind, number>> = {
  struct: 3,
  union: 3,
  enum: 2,
  enum64: 3,
  func_proto: 2,
  datasec: 3,
};
const fixedWords = KINDS.map((kind) => FIXED_WORDS[kind] ?? 0);
const itemWords = KINDS.map((kind) => ITEM_WORDS[kind] ?? 0);
const HEAD_BYTES = 12;
/** What a typedef is of that stands for a type left out, so that the others keep their ids. */
const LEFT_OUT = 0xffff_ffff;

/** Where the parts of a BTF without base are. */
export interface LazyPlaces {
  readonly typesStart: number;
  readonly typesEnd: number;
  readonly stringsStart: number;
  readonly name: (offset: number) => string;
  /** Throws unless the type's references make sense. */
  readonly check: (type: BtfType) => void;
}

/**
 * Types that are read from their bytes when they are first asked for. Opening walks over the heads
 * of the records once; the index of names is made by the first `find`.
 */
export class LazyTypes implements TypeSource {
  readonly count: number;
  readonly #reader: ByteReader;
  readonly #places: LazyPlaces;
  /** Offset of each record by id, and the end of the last. */
  readonly #offsets: Uint32Array;
  readonly #types: (BtfType | undefined)[] = [{ kind: 'void', id: 0, name: '' }];
  #index: Int32Array | undefined;
  #complete = false;

  constructor(reader: ByteReader, places: LazyPlaces) {
    this.#reader = reader;
    this.#places = places;
    this.#offsets = recordOffsets(reader, places.typesStart, places.typesEnd);
    this.count = this.#offsets.length - 1;
  }

  get(id: number): BtfType | undefined {
    const known = this.#types[id];
    if (known || !(id > 0 && id < this.count)) return known;
    const { name, check } = this.#places;
    const offset = this.#offsets[id]!;
    const cursor: TypeCursor = { reader: this.#reader, name, offset, end: this.#offsets[id + 1]! };
    const type = readType(cursor, id);
    if (type.kind === 'typedef' && type.type === LEFT_OUT) {
      const text = `type ${id} of the kernel is not among the slim types: load all of them`;
      throw new KernelError('EOPNOTSUPP', 95, text);
    }
    this.#types[id] = type;
    check(type);
    return type;
  }

  all(): readonly BtfType[] {
    for (let id = 0; !this.#complete && id < this.count; id++) this.get(id);
    this.#complete = true;
    return this.#types as readonly BtfType[];
  }

  offsetOf(id: number): number {
    return this.#offsets[id] ?? 0;
  }

  find(kind: BtfKind, name: string): number | undefined {
    return this.#search(kind, name, 1)[0];
  }

  findAll(kind: BtfKind, name: string): readonly number[] {
    return this.#search(kind, name, this.count);
  }

  #search(kind: BtfKind, name: string, most: number): number[] {
    this.#index ??= this.#makeIndex();
    const bytes = encoder.encode(name);
    const number = KINDS.indexOf(kind);
    const mask = this.#index.length - 1;
    const found: number[] = [];
    let slot = hash(number, bytes, 0, bytes.length) & mask;
    for (let id = this.#index[slot]!; id !== 0 && found.length < most; id = this.#index[slot]!) {
      if (this.#kindOf(id) === number && this.#isNamed(id, bytes)) found.push(id);
      slot = (slot + 1) & mask;
    }
    return found;
  }

  #kindOf(id: number): number {
    return (this.#reader.u32(this.#offsets[id]! + 4) >>> 24) & 0x1f;
  }

  #isNamed(id: number, name: Uint8Array): boolean {
    const { bytes } = this.#reader;
    const start = this.#places.stringsStart + this.#reader.u32(this.#offsets[id]!);
    for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false;
    return bytes[start + name.length] === 0;
  }

  /** Ids by hash of kind and name, colliding ones in the next free slots: lower ids come first. */
  #makeIndex(): Int32Array {
    const { bytes, view, littleEndian } = this.#reader;
    const index = new Int32Array(2 ** Math.ceil(Math.log2(this.count * 2)));
    const mask = index.length - 1;
    for (let id = 1; id < this.count; id++) {
      const at = this.#offsets[id]!;
      const nameOffset = view.getUint32(at, littleEndian);
      if (nameOffset === 0) continue;
      const kind = (view.getUint32(at + 4, littleEndian) >>> 24) & 0x1f;
      let slot = hash(kind, bytes, this.#places.stringsStart + nameOffset, bytes.length) & mask;
      while (index[slot] !== 0) slot = (slot + 1) & mask;
      index[slot] = id;
    }
    return index;
  }
}

const encoder = new TextEncoder();

/** FNV-1a of the bytes up to a NUL or `end`, seeded with the kind. */
function hash(kind: number, bytes: Uint8Array, start: number, end: number): number {
  let value = 0x811c9dc5 ^ kind;
  for (let i = start; i < end && bytes[i] !== 0; i++) {
    value = Math.imul(value ^ bytes[i]!, 0x01000193);
  }
  return value ^ (value >>> 15);
}

function recordOffsets(reader: ByteReader, start: number, end: number): Uint32Array {
  const { view, littleEndian } = reader;
  // No record is shorter than its head: this many there can be.
  const offsets = new Uint32Array(Math.floor((end - start) / HEAD_BYTES) + 2);
  let count = 1;
  let at = start;
  while (at < end) {
    if (at + HEAD_BYTES > end) reader.fail(at, 'the type section ends inside a type');
    const info = view.getUint32(at + 4, littleEndian);
    const kind = (info >>> 24) & 0x1f;
    if (kind === 0 || kind >= KINDS.length) {
      reader.fail(at + 4, `type ${count} is of unknown kind ${kind}`);
    }
    offsets[count++] = at;
    at += HEAD_BYTES + 4 * (fixedWords[kind]! + itemWords[kind]! * (info & 0xffff));
  }
  if (at > end) reader.fail(at, 'the type section ends inside a type');
  offsets[count] = end;
  return offsets.slice(0, count + 1);
}

/**
 * The same over a base that has the lower ids: of a kernel module, which has hundreds of types
 * rather than a hundred thousand, and names most of them with strings of its base.
 */
export class LazySplitTypes implements TypeSource {
  readonly count: number;
  readonly #reader: ByteReader;
  readonly #places: LazyPlaces;
  readonly #base: Btf;
  readonly #first: number;
  /** Offset of each own record, the first at 1, and the end of the last. */
  readonly #offsets: Uint32Array;
  readonly #own: (BtfType | undefined)[] = [];
  #ids: Map<string, number[]> | undefined;

  constructor(reader: ByteReader, places: LazyPlaces, base: Btf) {
    this.#reader = reader;
    this.#places = places;
    this.#base = base;
    this.#first = base.count;
    this.#offsets = recordOffsets(reader, places.typesStart, places.typesEnd);
    this.count = this.#first + this.#offsets.length - 2;
  }

  get(id: number): BtfType | undefined {
    if (id < this.#first) return this.#base.type(id);
    const place = id - this.#first;
    const known = this.#own[place];
    if (known || !(id < this.count)) return known;
    const { name, check } = this.#places;
    const [offset, end] = [this.#offsets[place + 1]!, this.#offsets[place + 2]!];
    const type = readType({ reader: this.#reader, name, offset, end }, id);
    this.#own[place] = type;
    check(type);
    return type;
  }

  all(): readonly BtfType[] {
    const own = Array.from({ length: this.count - this.#first }, (_, i) => i + this.#first);
    return [...this.#base.types, ...own.map((id) => this.get(id)!)];
  }

  offsetOf(id: number): number {
    return this.#offsets[id - this.#first + 1] ?? 0;
  }

  find(kind: BtfKind, name: string): number | undefined {
    return this.#base.find(kind, name) ?? this.#named(kind, name)[0];
  }

  findAll(kind: BtfKind, name: string): readonly number[] {
    return [...this.#base.findAll(kind, name), ...this.#named(kind, name)];
  }

  #named(kind: BtfKind, name: string): readonly number[] {
    this.#ids ??= this.#collectNames();
    return this.#ids.get(`${kind} ${name}`) ?? [];
  }

  #collectNames(): Map<string, number[]> {
    const ids = new Map<string, number[]>();
    for (let id = this.#first; id < this.count; id++) {
      const offset = this.offsetOf(id);
      const name = this.#places.name(this.#reader.u32(offset));
      if (name === '') continue;
      const key = `${KINDS[(this.#reader.u32(offset + 4) >>> 24) & 0x1f]} ${name}`;
      const list = ids.get(key);
      if (list) list.push(id);
      else ids.set(key, [id]);
    }
    return ids;
  }
}
