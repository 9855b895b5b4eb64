const PAGE = 4096;
const WORDS = PAGE / 4;

/** Pages of memory that differ from the first state, by number. */
export interface MemoryState {
  readonly bytes: number;
  readonly pages: ReadonlyMap<number, Int32Array>;
}

/**
 * States of a linear memory, kept as what differs from the first one. Memory that grew after a
 * state was taken stays grown when it is put back, filled with zeros.
 */
export class MemoryHistory {
  readonly #memory: WebAssembly.Memory;
  readonly #first: Int32Array;

  /** Now is the first state. */
  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.#first = new Int32Array(memory.buffer).slice();
  }

  take(): MemoryState {
    const now = new Int32Array(this.#memory.buffer);
    const pages = new Map<number, Int32Array>();
    for (let at = 0; at < now.length; at += WORDS) {
      if (this.#differs(now, at)) pages.set(at / WORDS, now.slice(at, at + WORDS));
    }
    return { bytes: now.length * 4, pages };
  }

  /** Puts memory back as it was then. */
  restore({ pages }: MemoryState): void {
    const now = new Int32Array(this.#memory.buffer);
    now.set(this.#first);
    now.fill(0, this.#first.length);
    for (const [page, words] of pages) now.set(words, page * WORDS);
  }

  #differs(now: Int32Array, at: number): boolean {
    const first = this.#first;
    if (at >= first.length) {
      for (let i = at; i < at + WORDS; i++) if (now[i] !== 0) return true;
      return false;
    }
    for (let i = at; i < at + WORDS; i++) if (now[i] !== first[i]) return true;
    return false;
  }
}
