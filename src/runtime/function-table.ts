import { BugError } from '../base/index.ts';

/** Slots the table grows by. Growing tells every instance that imports it, so not one at a time. */
const STEP = 64;

/**
 * The function table of one CPU: what helpers, programs and callbacks are called through by number.
 * Slots that are given back are given out again, the last one first, so that the same order of
 * loading gives the same numbers on every CPU.
 *
 * @example
 * const slot = runtime.functions.reserve(fn); runtime.functions.release(slot);
 */
export class FunctionTable {
  readonly #table: WebAssembly.Table;
  /** Slots a function is in. */
  readonly #places = new Map<unknown, number[]>();
  /** Functions that stay: bodies of helpers. */
  readonly #shared = new Map<unknown, number>();
  readonly #free: number[] = [];
  /** Slots of a saved program, which its functions get again. */
  #promised: number[] = [];
  #given: number[] | undefined;
  #end: number;
  #used = 0;

  constructor(table: WebAssembly.Table) {
    this.#table = table;
    this.#end = table.length;
  }

  /** Slots given out and not given back. */
  get used(): number {
    return this.#used;
  }

  /** Slots there are for what comes next, before the table grows. */
  get free(): number {
    return this.#free.length + this.#table.length - this.#end;
  }

  /** The slot of a function that is never taken out: asked again, the same one. */
  share(fn: unknown): number {
    let slot = this.#shared.get(fn);
    if (slot === undefined) {
      this.#shared.set(fn, (slot = this.#take()));
      this.set(slot, fn);
    }
    return slot;
  }

  /** A slot of one's own. Without a function, calls through it trap until `set`. */
  reserve(fn?: unknown): number {
    const slot = this.#promised.shift() ?? this.#take();
    this.#given?.push(slot);
    if (fn) this.set(slot, fn);
    return slot;
  }

  #take(): number {
    this.#used++;
    return this.#free.pop() ?? this.#next();
  }

  /** Does something and tells the slots that it reserved, in order. */
  during<Result>(work: () => Result): { readonly result: Result; readonly slots: number[] } {
    const [before, slots] = [this.#given, [] as number[]];
    this.#given = slots;
    try {
      return { result: work(), slots };
    } finally {
      this.#given = before;
    }
  }

  /** Keeps slots for programs that were saved: nobody else gets them. */
  claim(slots: readonly number[]): void {
    const highest = Math.max(0, ...slots);
    while (this.#end <= highest) this.#free.unshift(this.#next());
    for (const slot of slots) {
      const at = this.#free.indexOf(slot);
      if (at < 0) throw new BugError(`slot ${slot} of a saved program is taken`);
      this.#free.splice(at, 1);
      this.#used++;
    }
  }

  /** What `work` reserves gets these slots, which were claimed, in this order. */
  again<Result>(slots: readonly number[], work: () => Result): Result {
    this.#promised = [...slots];
    try {
      return work();
    } finally {
      this.#promised = [];
    }
  }

  #next(): number {
    if (this.#end === this.#table.length) this.#table.grow(STEP);
    return this.#end++;
  }

  get(slot: number): unknown {
    return this.#table.get(slot);
  }

  /** Puts a function into a reserved slot. Who is in the one that was there stays in it. */
  set(slot: number, fn: unknown): void {
    this.#leave(slot);
    this.#table.set(slot, fn);
    const places = this.#places.get(fn);
    if (places) places.push(slot);
    else this.#places.set(fn, [slot]);
  }

  /** Puts `next` into every slot that `old` is in. */
  replace(old: unknown, next: unknown): void {
    for (const slot of this.#places.get(old)?.slice() ?? []) this.set(slot, next);
  }

  /** Gives a slot back: calls through it trap until it is given out again. */
  release(slot: number): void {
    this.#leave(slot);
    this.#table.set(slot, null);
    this.#free.push(slot);
    this.#used--;
  }

  #leave(slot: number): void {
    const fn = this.#table.get(slot);
    const places = this.#places.get(fn);
    if (!places) return;
    if (places.length === 1) this.#places.delete(fn);
    else places.splice(places.indexOf(slot), 1);
  }
}
