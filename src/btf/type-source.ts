import type { Btf } from './btf.ts';
import type { BtfKind, BtfType } from './types.ts';

/** Where a `Btf` has its types from: read at once, or one at a time when they are asked for. */
export interface TypeSource {
  /** Types there are, `void` and those of a base included: every id is below it. */
  readonly count: number;
  get(id: number): BtfType | undefined;
  /** Every type, by id. */
  all(): readonly BtfType[];
  /** Byte offset of a type's record, for messages. */
  offsetOf(id: number): number;
  /** Id of the first type of that kind and name. */
  find(kind: BtfKind, name: string): number | undefined;
  /** Ids of all types of that kind and name, ascending. */
  findAll(kind: BtfKind, name: string): readonly number[];
}

const VOID: BtfType = { kind: 'void', id: 0, name: '' };

/** Types that are all there: `own` ones, which continue the ids of a base. */
export class TypeList implements TypeSource {
  readonly count: number;
  readonly #own: readonly BtfType[];
  readonly #offsets: readonly number[];
  readonly #base: Btf | undefined;
  readonly #first: number;
  #all: readonly BtfType[] | undefined;
  #byName: Map<string, number> | undefined;

  constructor(own: readonly BtfType[], offsets: readonly number[], base?: Btf) {
    this.#own = own;
    this.#offsets = offsets;
    this.#base = base;
    this.#first = base ? base.count : 1;
    this.count = this.#first + own.length;
  }

  get(id: number): BtfType | undefined {
    if (id >= this.#first) return this.#own[id - this.#first];
    if (this.#base) return this.#base.type(id);
    return id === 0 ? VOID : undefined;
  }

  all(): readonly BtfType[] {
    this.#all ??= [...(this.#base?.types ?? [VOID]), ...this.#own];
    return this.#all;
  }

  offsetOf(id: number): number {
    return this.#offsets[id - this.#first] ?? 0;
  }

  find(kind: BtfKind, name: string): number | undefined {
    if (!this.#byName) {
      this.#byName = new Map();
      for (const type of this.#own) {
        const key = `${type.kind} ${type.name}`;
        if (type.name && !this.#byName.has(key)) this.#byName.set(key, type.id);
      }
    }
    return this.#base?.find(kind, name) ?? this.#byName.get(`${kind} ${name}`);
  }

  findAll(kind: BtfKind, name: string): readonly number[] {
    const own = this.#own.filter((type) => type.kind === kind && type.name === name);
    return [...(this.#base?.findAll(kind, name) ?? []), ...own.map(({ id }) => id)];
  }
}

/** The same types but for some that were replaced: by types of the same id, kind and name. */
export class ReplacedTypes implements TypeSource {
  readonly count: number;
  readonly #from: TypeSource;
  readonly #types: ReadonlyMap<number, BtfType>;
  #all: readonly BtfType[] | undefined;

  constructor(from: TypeSource, types: ReadonlyMap<number, BtfType>) {
    this.count = from.count;
    this.#from = from;
    this.#types = types;
  }

  get(id: number): BtfType | undefined {
    return this.#types.get(id) ?? this.#from.get(id);
  }

  all(): readonly BtfType[] {
    this.#all ??= this.#from.all().map((type) => this.#types.get(type.id) ?? type);
    return this.#all;
  }

  offsetOf(id: number): number {
    return this.#from.offsetOf(id);
  }

  find(kind: BtfKind, name: string): number | undefined {
    return this.#from.find(kind, name);
  }

  findAll(kind: BtfKind, name: string): readonly number[] {
    return this.#from.findAll(kind, name);
  }
}
