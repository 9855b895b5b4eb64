/** Messages out of a stream, as a program says where they end (net/strparser/strparser.c). */
import { joinBytes } from '../../../base/index.ts';

/** The longest message (sk_rcvbuf). */
const MOST = 131_072;
const NOTHING: Uint8Array = new Uint8Array(0);
/** Words for what a program may return below zero. */
const ERRORS: Readonly<Record<number, string>> = {
  1: 'EPERM',
  22: 'EINVAL',
  71: 'EPROTO',
  90: 'EMSGSIZE',
};

export class StreamParser {
  /** The buffers that the message in progress lies in; undefined: none has begun. */
  #head: Uint8Array | undefined;
  /** Where in them it begins, its length (0: not known yet), and how much of it is there. */
  #offset = 0;
  #length = 0;
  #there = 0;
  #stopped = false;

  /**
   * The next buffer of the stream. `measure`: the program, which sees all buffers of the message
   * (0: it needs more); `deliver`: a message at an offset in them. Returns the word of an errno
   * that ends it all.
   */
  push(
    piece: Uint8Array,
    measure: (head: Uint8Array) => number,
    deliver: (head: Uint8Array, offset: number, length: number) => void,
  ): string | undefined {
    for (let eaten = 0; eaten < piece.length && !this.#stopped; ) {
      const rest = piece.length - eaten;
      const head = this.#extend(piece, eaten);
      if (this.#length === 0) {
        const length = measure(head);
        if (length === 0) {
          this.#there += rest;
          return undefined;
        }
        const error = this.#refuse(length, head.length - piece.length);
        if (error !== undefined) return error;
        this.#length = length;
      }
      const extra = this.#there + rest - this.#length;
      if (extra < 0) {
        this.#there += rest;
        return undefined;
      }
      eaten += rest - extra;
      this.#head = undefined;
      deliver(head, this.#offset, this.#length);
    }
    return undefined;
  }

  #extend(piece: Uint8Array, eaten: number): Uint8Array {
    if (this.#head) return (this.#head = joinBytes([this.#head, piece]));
    this.#offset = eaten;
    this.#length = 0;
    this.#there = 0;
    return (this.#head = piece);
  }

  /** A length no message can have. `before`: bytes in front of the last buffer. */
  #refuse(length: number, before: number): string | undefined {
    const error =
      length < 0
        ? (ERRORS[-length] ?? 'EINVAL')
        : length > MOST
          ? 'EMSGSIZE'
          : length <= before - this.#offset
            ? 'EPROTO'
            : undefined;
    if (error === undefined) return undefined;
    this.#stopped = true;
    this.#head = NOTHING;
    return error;
  }
}
