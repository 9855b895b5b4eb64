/** Makes BTF sections for tests, record by record, in either byte order. */
import { parseBtf } from '../../src/btf/index.ts';
import type { Btf } from '../../src/btf/index.ts';

const KINDS = [
  'void int ptr array struct union enum fwd typedef volatile const restrict func func_proto var',
  'datasec float decl_tag type_tag enum64',
]
  .join(' ')
  .split(' ');

export type Member = [name: string, type: number, bitOffset: number, bitSize?: number];

export class BtfBuilder {
  readonly #words: number[] = [];
  readonly #strings: number[] = [0];
  readonly #little: boolean;
  #count = 0;

  constructor(little = true) {
    this.#little = little;
  }

  string(text: string): number {
    if (text === '') return 0;
    const offset = this.#strings.length;
    this.#strings.push(...new TextEncoder().encode(text), 0);
    return offset;
  }

  /** Adds a record as it is and returns its id. */
  add(
    kind: string,
    name: string,
    sizeOrType: number,
    vlen = 0,
    extra: number[] = [],
    flag = 0,
  ): number {
    const info = ((KINDS.indexOf(kind) << 24) | vlen | (flag << 31)) >>> 0;
    this.#words.push(this.string(name), info, sizeOrType, ...extra);
    return ++this.#count;
  }

  int(name: string, size: number, flags = 0, bits = size * 8): number {
    return this.add('int', name, size, 0, [(flags << 24) | bits]);
  }

  array(type: number, count: number, indexType = type): number {
    return this.add('array', '', 0, 0, [type, indexType, count]);
  }

  struct(name: string, size: number, members: Member[], kind = 'struct'): number {
    const flag = members.some(([, , , bits]) => bits) ? 1 : 0;
    const extra = members.flatMap(([member, type, offset, bits = 0]) => [
      this.string(member),
      type,
      (flag ? (bits << 24) | offset : offset) >>> 0,
    ]);
    return this.add(kind, name, size, members.length, extra, flag);
  }

  enum(name: string, values: Record<string, number>, flag = 0, size = 4): number {
    const extra = Object.entries(values).flatMap(([key, value]) => [this.string(key), value >>> 0]);
    return this.add('enum', name, size, extra.length / 2, extra, flag);
  }

  bytes(): Uint8Array {
    const types = this.#words.length * 4;
    const out = new Uint8Array(24 + types + this.#strings.length);
    const view = new DataView(out.buffer);
    view.setUint16(0, 0xeb9f, this.#little);
    out[2] = 1;
    [24, 0, types, types, this.#strings.length].forEach((word, i) => {
      view.setUint32(4 + 4 * i, word, this.#little);
    });
    this.#words.forEach((word, i) => view.setUint32(24 + 4 * i, word >>> 0, this.#little));
    out.set(this.#strings, 24 + types);
    return out;
  }

  parse(): Btf {
    return parseBtf(this.bytes());
  }
}
