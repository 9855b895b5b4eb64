/** A long text by lines, without making a string of each. */
export class LogLines {
  readonly #text: string;
  readonly #starts: Uint32Array;

  constructor(text: string) {
    this.#text = text;
    this.#starts = startsOf(text);
  }

  get length(): number {
    return this.#starts.length;
  }

  /** Lines `from` to before `to`. */
  slice(from: number, to: number): string[] {
    const lines: string[] = [];
    for (let i = Math.max(0, from); i < Math.min(to, this.length); i++) {
      const end = this.#starts[i + 1] ?? this.#text.length + 1;
      lines.push(this.#text.slice(this.#starts[i], end - 1).replace(/\n$/, ''));
    }
    return lines;
  }
}

function startsOf(text: string): Uint32Array {
  let count = text === '' ? 0 : 1;
  for (let at = text.indexOf('\n'); at >= 0 && at + 1 < text.length; count++) {
    at = text.indexOf('\n', at + 1);
  }
  const starts = new Uint32Array(count);
  for (let i = 1; i < count; i++) starts[i] = text.indexOf('\n', starts[i - 1]) + 1;
  return starts;
}
