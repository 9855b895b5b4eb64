const INT_MAX = 0x7fffffff;

/** Ids of one kind of objects: they count up, and begin anew only after the last there can be. */
export class IdTable<T> {
  readonly #objects = new Map<number, T>();
  #next = 1;

  /** The next free id. */
  add(object: T): number {
    let id = this.#next;
    while (this.#objects.has(id)) id = id === INT_MAX ? 1 : id + 1;
    this.put(id, object);
    return id;
  }

  /** At an id that is known already. */
  put(id: number, object: T): void {
    this.#objects.set(id, object);
    this.#next = id === INT_MAX ? 1 : id + 1;
  }

  get(id: number): T | undefined {
    return this.#objects.get(id);
  }

  remove(id: number): void {
    this.#objects.delete(id);
  }

  /** The smallest id above `id`, or undefined (BPF_*_GET_NEXT_ID). */
  after(id: number): number | undefined {
    let best: number | undefined;
    for (const each of this.#objects.keys()) {
      if (each > id && (best === undefined || each < best)) best = each;
    }
    return best;
  }

  get size(): number {
    return this.#objects.size;
  }

  /** The id that `add` gives next, unless it is taken. */
  get next(): number {
    return this.#next;
  }

  set next(id: number) {
    this.#next = id;
  }

  /** By id. */
  [Symbol.iterator](): IterableIterator<T> {
    const ids = [...this.#objects.keys()].sort((a, b) => a - b);
    return ids.map((id) => this.#objects.get(id)!)[Symbol.iterator]();
  }
}
