import { FormatError } from '../base/index.ts';
import type { Btf } from './btf.ts';

const encoder = new TextEncoder();

/** A string section that is being made: each text is stored once, those of the base not at all. */
export class StringPool {
  readonly #base: Btf | undefined;
  readonly #offsets = new Map<string, number>([['', 0]]);
  #bytes = new Uint8Array(256);
  #length: number;

  constructor(base?: Btf) {
    this.#base = base;
    // Offset 0 is the empty string, and with a base that one belongs to the base.
    this.#length = base ? 0 : 1;
  }

  /** Offset of `text` as names count it: those of the base come first. */
  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#base?.findString(text) ?? this.#append(text);
    this.#offsets.set(text, offset);
    return offset;
  }

  #append(text: string): number {
    if (text.includes('\0')) throw new FormatError('BTF', 0, 'a string can not hold a NUL');
    const start = this.#length;
    // UTF-8 takes at most three bytes for each UTF-16 unit; the NUL behind is there already.
    this.#reserve(start + text.length * 3 + 1);
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(start));
    this.#length = start + written + 1;
    return (this.#base?.stringsLength ?? 0) + start;
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(size, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  /** The section as it is now. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}
