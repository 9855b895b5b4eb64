/** Bytes one print may add: the kernel formats into a buffer of 1,024. */
const PRINT_LIMIT = 1023;

/**
 * Bytes of the log that are kept at least, and the most that is given out: JavaScript's strings end
 * at half a gigabyte, and a walk of a million instructions can say more than that.
 */
const KEPT = 1 << 28;

/**
 * The verifier's log (struct bpf_verifier_log): text that grows at its end, can be cut back, and is
 * fitted to the user's buffer when it is taken. Positions count bytes.
 */
export class LogBuffer {
  /** Pieces of text, one character per byte. */
  #pieces: string[] = [];
  /** End position after each piece. */
  #ends: number[] = [];
  #end = 0;
  #longest = 0;
  /** Position where the first piece starts: what was before is forgotten. */
  #first = 0;

  /** Position of the end. */
  get end(): number {
    return this.#end;
  }

  /** Bytes (with a final zero) the longest state of the log needed: log_true_size. */
  get trueSize(): number {
    return this.#longest;
  }

  /** Adds text, as one print of the kernel would: cut at 1,023 bytes. */
  add(text: string): void {
    const bytes = asBytes(text);
    this.#push(bytes.length > PRINT_LIMIT ? bytes.slice(0, PRINT_LIMIT) : bytes);
  }

  /** Adds text that the kernel prints in many small pieces. */
  addPieces(text: string): void {
    this.#push(asBytes(text));
  }

  #push(bytes: string): void {
    this.#end += bytes.length;
    this.#pieces.push(bytes);
    this.#ends.push(this.#end);
    if (this.#end + 1 > this.#longest) this.#longest = this.#end + 1;
    if (this.#end - this.#first > KEPT * 2) this.#forgetHead();
  }

  #forgetHead(): void {
    const from = this.#ends.findIndex((end) => end > this.#end - KEPT);
    this.#first = this.#start(from);
    this.#pieces.splice(0, from);
    this.#ends.splice(0, from);
  }

  /** Cuts the log back to an earlier position. */
  reset(position: number): void {
    while (this.#ends.length > 0 && this.#start(this.#ends.length - 1) >= position) {
      this.#pieces.pop();
      this.#ends.pop();
    }
    const last = this.#ends.length - 1;
    if (last >= 0 && this.#ends[last]! > position) {
      this.#pieces[last] = this.#pieces[last]!.slice(0, position - this.#start(last));
      this.#ends[last] = position;
    }
    this.#end = position;
    if (position < this.#first) this.#first = position;
  }

  #start(piece: number): number {
    return piece === 0 ? this.#first : this.#ends[piece - 1]!;
  }

  /**
   * What a user's buffer of `size` bytes (its final zero included) holds: the end of the log, or
   * with `fixed` its beginning. Without a size everything, up to 256 MiB.
   */
  text(size = KEPT, fixed = false): string {
    if (!fixed && this.#end - this.#first > KEPT) this.#forgetHead();
    const all = this.#pieces.join('');
    if (all.length < size) return fromBytes(all);
    if (size <= 1) return '';
    return fromBytes(fixed ? all.slice(0, size - 1) : all.slice(all.length - size + 1));
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** UTF-8 as one character per byte, so that positions are byte positions. */
function asBytes(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return String.fromCharCode(...encoder.encode(text));
  }
  return text;
}

function fromBytes(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) <= 0x7f) continue;
    return decoder.decode(Uint8Array.from(text, (char) => char.charCodeAt(0)));
  }
  return text;
}
