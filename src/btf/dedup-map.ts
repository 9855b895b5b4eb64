/** No type stands for this one yet. */
const UNKNOWN = 0xffff_ffff;

/** Which type stands for which: chains of ids that end in one that stands for itself. */
export class CanonicalMap {
  readonly #to: Uint32Array;

  constructor(count: number) {
    this.#to = new Uint32Array(count).fill(UNKNOWN);
    this.#to[0] = 0;
  }

  set(id: number, to: number): void {
    this.#to[id] = to;
  }

  has(id: number): boolean {
    return this.#to[id] !== UNKNOWN;
  }

  /** True if the type stands for itself. */
  isCanonical(id: number): boolean {
    return this.#to[id] === id;
  }

  /** The id at the end of the chain; one that is not known yet is its own end. */
  resolve(id: number): number {
    let at = id;
    for (let to = this.#to[at]!; to !== at && to !== UNKNOWN; to = this.#to[at]!) at = to;
    return at;
  }
}
