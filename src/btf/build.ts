import { FormatError } from '../base/index.ts';
import type { Btf } from './btf.ts';
import { BTF_MAGIC, HEADER_SIZE, parseBtf } from './parse.ts';
import { StringPool } from './string-pool.ts';
import { type NewBtfType, TypeWriter } from './write-type.ts';

export type { NewBtfType } from './write-type.ts';

/** How a `BtfBuilder` writes. */
export interface BtfBuilderOptions {
  /** Byte order of the section; that of the base, or little-endian without one. */
  readonly littleEndian?: boolean;
  /** Types and strings to continue: the result is a split BTF, as kernel modules have it. */
  readonly base?: Btf;
}

/**
 * Makes a BTF section type by type. References may point forward: what they point at has to be
 * there when the section is made. `libbpf`'s `btf__add_*` and `btf__raw_data`.
 *
 * @example
 * const builder = new BtfBuilder();
 * const int = builder.add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0,
 *   signed: true, char: false, bool: false });
 * const pointer = builder.add({ kind: 'ptr', name: '', type: int });
 * const section = builder.toBytes();
 */
export class BtfBuilder {
  readonly littleEndian: boolean;
  readonly base: Btf | undefined;
  readonly #types: NewBtfType[] = [];
  readonly #strings: StringPool;
  readonly #first: number;

  constructor(options: BtfBuilderOptions = {}) {
    this.base = options.base;
    this.littleEndian = options.littleEndian ?? options.base?.littleEndian ?? true;
    this.#strings = new StringPool(options.base);
    this.#first = options.base?.count ?? 1;
  }

  /** Types there are, `void` and those of the base included: the id that `add` gives next. */
  get count(): number {
    return this.#first + this.#types.length;
  }

  /** Appends a type and returns its id. */
  add(type: NewBtfType): number {
    this.#types.push(type);
    return this.count - 1;
  }

  /** Replaces a type that was added before, for types that refer to each other. */
  set(id: number, type: NewBtfType): void {
    if (!(id >= this.#first && id < this.count)) {
      throw new FormatError('BTF', 0, `type ${id} was not added here`);
    }
    this.#types[id - this.#first] = type;
  }

  /** Offset of `text` in the string section (for `.BTF.ext`); strings are stored once. */
  addString(text: string): number {
    return this.#strings.add(text);
  }

  /** The section. Throws `FormatError` for what the format can not hold. */
  toBytes(): Uint8Array {
    const writer = new TypeWriter(this.count, (text) => this.#strings.add(text));
    for (const [i, type] of this.#types.entries()) writer.write(this.#first + i, type);
    const strings = this.#strings.bytes();
    const typesLength = writer.words.byteLength;
    const bytes = new Uint8Array(HEADER_SIZE + typesLength + strings.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, BTF_MAGIC, this.littleEndian);
    bytes[2] = 1;
    const header = [HEADER_SIZE, 0, typesLength, typesLength, strings.length];
    for (const [i, word] of header.entries()) view.setUint32(4 + 4 * i, word, this.littleEndian);
    writer.words.store(view, HEADER_SIZE, this.littleEndian);
    bytes.set(strings, HEADER_SIZE + typesLength);
    return bytes;
  }

  /** The types as `parseBtf` reads them. Throws `FormatError` for types that make no sense. */
  build(): Btf {
    return parseBtf(this.toBytes(), this.base);
  }
}

/**
 * The section that a `Btf` would be read from: with a base, the part that is not the base's. Throws
 * `FormatError` for what the format can not hold.
 */
export function writeBtf(btf: Btf): Uint8Array {
  const { littleEndian, base } = btf;
  const builder = new BtfBuilder(base ? { littleEndian, base } : { littleEndian });
  for (let id = btf.firstOwnId; id < btf.count; id++) builder.add(btf.type(id));
  return builder.toBytes();
}
