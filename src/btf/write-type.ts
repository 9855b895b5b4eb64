import { FormatError } from '../base/index.ts';
import { KINDS, LINKAGES } from './read-type.ts';
import type { BtfComposite, BtfEnum64, BtfInt, BtfType } from './types.ts';

/** A type to be added: one of `BtfType` without its id. */
export type NewBtfType = BtfType extends infer T
  ? T extends BtfType
    ? Omit<T, 'id'>
    : never
  : never;

type New<T extends BtfType> = Omit<T, 'id'>;

const MAX_WORD = 0xffff_ffff;
const MAX_ITEMS = 0xffff;
/** With bit fields in a struct, the upper byte of a member's offset is a width. */
const MAX_OFFSET_WITH_WIDTH = 0xff_ffff;

/** 32-bit words that are collected to become a section. */
export class WordList {
  #words = new Uint32Array(1024);
  #length = 0;

  push(word: number): void {
    if (this.#length === this.#words.length) {
      const larger = new Uint32Array(this.#length * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[this.#length++] = word;
  }

  get byteLength(): number {
    return this.#length * 4;
  }

  /** Stores the words at `offset` in the byte order asked for. */
  store(view: DataView, offset: number, littleEndian: boolean): void {
    for (let i = 0; i < this.#length; i++) {
      view.setUint32(offset + 4 * i, this.#words[i]!, littleEndian);
    }
  }
}

/** Writes records of the type section: the mirror of `readType`. */
export class TypeWriter {
  readonly words = new WordList();
  readonly #name: (text: string) => number;
  readonly #count: number;
  #id = 0;

  /** `count`: every id is below it. `name` gives the offset of a text in the string section. */
  constructor(count: number, name: (text: string) => number) {
    this.#count = count;
    this.#name = name;
  }

  /** Appends the record of `type`. Throws `FormatError` for what does not fit its fields. */
  write(id: number, type: NewBtfType): void {
    this.#id = id;
    switch (type.kind) {
      case 'void':
        return this.#fail('void is no record');
      case 'int':
        return this.#int(type);
      case 'ptr':
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        return this.#head(type, 0, this.#ref(type.type));
      case 'array':
        this.#head(type, 0, 0);
        return this.#push(this.#ref(type.type), this.#ref(type.indexType), this.#u32(type.count));
      case 'struct':
      case 'union':
        return this.#composite(type);
      case 'enum':
        this.#head(type, type.values.length, type.size, type.signed);
        for (const { name, value } of type.values) {
          this.#push(this.#name(name), this.#value(value, type.signed));
        }
        return;
      case 'enum64':
        return this.#enum64(type);
      case 'fwd':
        return this.#head(type, 0, 0, type.of === 'union');
      case 'func':
        return this.#head(type, LINKAGES.indexOf(type.linkage), this.#ref(type.type));
      case 'func_proto':
        this.#head(type, type.params.length, this.#ref(type.returns));
        for (const { name, type: id } of type.params) this.#push(this.#name(name), this.#ref(id));
        return;
      case 'var':
        this.#head(type, 0, this.#ref(type.type));
        return this.#push(LINKAGES.indexOf(type.linkage));
      case 'datasec':
        this.#head(type, type.vars.length, type.size);
        for (const { type: id, offset, size } of type.vars) {
          this.#push(this.#ref(id), this.#u32(offset), this.#u32(size));
        }
        return;
      case 'float':
        return this.#head(type, 0, type.size);
      case 'decl_tag':
        this.#head(type, 0, this.#ref(type.type));
        return this.#push(this.#value(type.component, true));
    }
  }

  #fail(reason: string): never {
    throw new FormatError('BTF', this.words.byteLength, `type ${this.#id}: ${reason}`);
  }

  #push(...words: readonly number[]): void {
    for (const word of words) this.words.push(word);
  }

  #head(type: NewBtfType, items: number, sizeOrType: number, flag = false): void {
    if (items > MAX_ITEMS) this.#fail(`${items} items are too many for a ${type.kind}`);
    const info = ((flag ? 0x80 : 0) | KINDS.indexOf(type.kind)) * 0x100_0000 + items;
    this.#push(this.#name(type.name), info, this.#u32(sizeOrType));
  }

  #ref(id: number): number {
    if (!(id >= 0 && id < this.#count)) this.#fail(`refers to type ${id}, which does not exist`);
    return id;
  }

  #u32(value: number): number {
    return this.#within(value, 0, MAX_WORD);
  }

  /** A 32-bit number that may be signed, as the word that holds it. */
  #value(value: number, signed: boolean): number {
    const word = signed
      ? this.#within(value, -0x8000_0000, 0x7fff_ffff)
      : this.#within(value, 0, MAX_WORD);
    return word >>> 0;
  }

  #within(value: number, least: number, most: number): number {
    if (!Number.isInteger(value) || value < least || value > most) {
      this.#fail(`${value} is not within ${least} and ${most}`);
    }
    return value;
  }

  #int(type: New<BtfInt>): void {
    this.#head(type, 0, type.size);
    const encoding = (type.signed ? 1 : 0) | (type.char ? 2 : 0) | (type.bool ? 4 : 0);
    const place = this.#within(type.bitOffset, 0, 0xff) << 16;
    this.#push((encoding << 24) | place | this.#within(type.bits, 0, 0xff));
  }

  #composite(type: New<BtfComposite>): void {
    const withWidths = type.members.some(({ bitSize }) => bitSize > 0);
    this.#head(type, type.members.length, type.size, withWidths);
    const most = withWidths ? MAX_OFFSET_WITH_WIDTH : MAX_WORD;
    for (const { name, type: id, bitOffset, bitSize } of type.members) {
      const width = this.#within(bitSize, 0, 0xff) * 0x100_0000;
      this.#push(this.#name(name), this.#ref(id), width + this.#within(bitOffset, 0, most));
    }
  }

  #enum64(type: New<BtfEnum64>): void {
    this.#head(type, type.values.length, type.size, type.signed);
    for (const { name, value } of type.values) {
      const kept = type.signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
      if (kept !== value) this.#fail(`${value} does not fit 64 bits`);
      const bits = BigInt.asUintN(64, value);
      this.#push(this.#name(name), Number(bits & 0xffff_ffffn), Number(bits >> 32n));
    }
  }
}
