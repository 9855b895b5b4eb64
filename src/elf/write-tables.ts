import { assert } from '../base/index.ts';
import type { ElfRelocation, ElfSymbol } from './types.ts';
import { BINDINGS, SYMBOL_TYPES, VISIBILITIES } from './types.ts';
import { setSize } from './write.ts';

/** Bytes of one symbol and of one SHT_REL relocation in the file. */
export const SYMBOL_SIZE = 24;
export const REL_SIZE = 16;

const encoder = new TextEncoder();

/** A string table that grows: every text once, in the order they came, '' first. */
export class StringTable {
  readonly #offsets = new Map<string, number>([['', 0]]);
  #bytes = new Uint8Array(256);
  #length = 1;

  /** Offset of `text` in the table; adds it if it is new. */
  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const encoded = encoder.encode(text);
    this.#reserve(this.#length + encoded.length + 1);
    const offset = this.#length;
    this.#bytes.set(encoded, offset);
    this.#length += encoded.length + 1;
    this.#offsets.set(text, offset);
    return offset;
  }

  /** The bytes so far, a copy. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** A symbol to be written: what a read one has, with the place of its name. */
export type NewSymbol = Pick<
  ElfSymbol,
  'type' | 'binding' | 'visibility' | 'section' | 'value' | 'size'
> & { readonly nameOffset: number };

/** The bytes of a symbol table; the null symbol is put first. */
export function encodeSymbols(symbols: readonly NewSymbol[], little: boolean): Uint8Array {
  const bytes = new Uint8Array((symbols.length + 1) * SYMBOL_SIZE);
  const view = new DataView(bytes.buffer);
  symbols.forEach((symbol, i) => {
    const at = (i + 1) * SYMBOL_SIZE;
    view.setUint32(at, symbol.nameOffset, little);
    view.setUint8(
      at + 4,
      (numberOf(BINDINGS, symbol.binding) << 4) | numberOf(SYMBOL_TYPES, symbol.type),
    );
    view.setUint8(at + 5, numberOf(VISIBILITIES, symbol.visibility));
    view.setUint16(at + 6, symbol.section, little);
    setSize(view, at + 8, symbol.value, little);
    setSize(view, at + 16, symbol.size, little);
  });
  return bytes;
}

function numberOf(words: readonly string[], word: string): number {
  const number = words.indexOf(word);
  assert(number >= 0, `'${word}' has no number in ELF`);
  return number;
}

/** The bytes of a SHT_REL section (the addends stand where the relocations are). */
export function encodeRelocations(
  relocations: readonly Pick<ElfRelocation, 'offset' | 'type' | 'symbol'>[],
  little: boolean,
): Uint8Array {
  const bytes = new Uint8Array(relocations.length * REL_SIZE);
  const view = new DataView(bytes.buffer);
  relocations.forEach(({ offset, type, symbol }, i) => {
    const at = i * REL_SIZE;
    setSize(view, at, offset, little);
    view.setUint32(at + (little ? 8 : 12), type, little);
    view.setUint32(at + (little ? 12 : 8), symbol, little);
  });
  return bytes;
}
