import { type ByteReader, utf8 } from '../base/index.ts';
import type { Btf } from './btf.ts';

/** Where a string section is in its file. */
export interface StringPlace {
  readonly stringsStart: number;
  readonly stringsLength: number;
}

/** The strings of BTF by offset. Those of a base come first: a split BTF's own start behind. */
export class Strings {
  readonly length: number;
  readonly #reader: ByteReader;
  readonly #start: number;
  readonly #end: number;
  readonly #base: Btf | undefined;
  readonly #skipped: number;

  constructor(reader: ByteReader, place: StringPlace, base: Btf | undefined) {
    this.#reader = reader;
    this.#base = base;
    this.#skipped = base?.stringsLength ?? 0;
    this.length = this.#skipped + place.stringsLength;
    this.#start = place.stringsStart;
    this.#end = place.stringsStart + place.stringsLength;
  }

  /** The string at `offset`. Throws `FormatError` outside of the section. */
  at(offset: number): string {
    if (offset === 0) return '';
    if (this.#base && offset < this.#skipped) return this.#base.stringAt(offset);
    const start = this.#start + offset - this.#skipped;
    return this.#reader.cString(start, this.#end, 'a name');
  }

  /** Every string of the section with `part` in it, which is of ASCII. */
  containing(part: string): string[] {
    const bytes = this.bytes();
    const found: string[] = [];
    for (let at = indexOf(bytes, part, 0); at >= 0; ) {
      const start = bytes.lastIndexOf(0, at) + 1;
      const end = bytes.indexOf(0, at);
      if (end < 0) break;
      found.push(utf8(bytes.subarray(start, end)));
      at = indexOf(bytes, part, end);
    }
    return found;
  }

  /** The section, without that of the base. */
  bytes(): Uint8Array {
    return this.#reader.bytes.subarray(this.#start, this.#end);
  }
}

/** Where `part` is next in `bytes`, or -1. */
function indexOf(bytes: Uint8Array, part: string, from: number): number {
  const first = part.charCodeAt(0);
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    let length = 1;
    while (length < part.length && bytes[at + length] === part.charCodeAt(length)) length++;
    if (length === part.length) return at;
  }
  return -1;
}
