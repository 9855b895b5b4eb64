import type { Runtime } from './types.ts';

/** What will happen at a time of the virtual clock: a timer, the end of a grace period. */
export interface PendingEvent {
  /** Nanoseconds of the machine's clock. */
  readonly time: number;
  /** It will not happen. False: it already has, or was cancelled before. */
  cancel(): boolean;
}

interface Entry extends PendingEvent {
  readonly order: number;
  run: (() => void) | undefined;
}

/**
 * What is going to happen in a machine, in the order of its clock. Nothing happens by itself: time
 * passes only in `advance`, and never while a program runs. Events of the same time come in the
 * order they were made, so that the same inputs give the same trace. Times are exact up to 2^53
 * nanoseconds, 104 days.
 *
 * @example
 * runtime.events.at(1_000, () => expire()); runtime.events.advance(5_000);
 */
export class EventQueue {
  readonly #runtime: Pick<Runtime, 'clock'>;
  /** A binary heap: each entry comes before those at 2i + 1 and 2i + 2. */
  readonly #heap: Entry[] = [];
  #made = 0;
  #pending = 0;

  constructor(runtime: Pick<Runtime, 'clock'>) {
    this.#runtime = runtime;
  }

  /** Events that have neither happened nor been cancelled. */
  get pending(): number {
    return this.#pending;
  }

  /** When the next event happens, Infinity if none will. */
  get next(): number {
    this.#dropCancelled();
    return this.#heap[0]?.time ?? Number.POSITIVE_INFINITY;
  }

  /** Makes an event. One whose time has passed happens at the next `advance`. */
  at(time: number, run: () => void): PendingEvent {
    const entry: Entry = {
      time,
      order: this.#made++,
      run,
      cancel: () => {
        if (!entry.run) return false;
        entry.run = undefined;
        this.#pending--;
        return true;
      },
    };
    this.#pending++;
    this.#heap.push(entry);
    this.#up(this.#heap.length - 1);
    return entry;
  }

  /**
   * Time passes until `to`: what is due happens, each event with the clock at its time, those made
   * on the way too. The clock never goes back. Returns how many events happened.
   */
  advance(to: number): number {
    let happened = 0;
    for (let due = this.next; due <= to; due = this.next) {
      this.#moveClock(due);
      const entry = this.#pop();
      const run = entry.run!;
      entry.run = undefined;
      this.#pending--;
      happened++;
      run();
    }
    this.#moveClock(to);
    return happened;
  }

  #moveClock(to: number): void {
    const time = BigInt(Math.floor(to));
    if (time > this.#runtime.clock) this.#runtime.clock = time;
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && !this.#heap[0]!.run) this.#pop();
  }

  #pop(): Entry {
    const [first] = this.#heap;
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#down();
    }
    return first!;
  }

  #up(at: number): void {
    const heap = this.#heap;
    for (let above = (at - 1) >> 1; at > 0 && before(heap[at]!, heap[above]!); ) {
      swap(heap, at, above);
      at = above;
      above = (at - 1) >> 1;
    }
  }

  #down(): void {
    const heap = this.#heap;
    for (let at = 0, below = 1; below < heap.length; below = 2 * at + 1) {
      if (below + 1 < heap.length && before(heap[below + 1]!, heap[below]!)) below++;
      if (!before(heap[below]!, heap[at]!)) return;
      swap(heap, at, below);
      at = below;
    }
  }
}

const before = (one: Entry, other: Entry): boolean =>
  one.time < other.time || (one.time === other.time && one.order < other.order);

function swap(heap: Entry[], one: number, other: number): void {
  const entry = heap[one]!;
  heap[one] = heap[other]!;
  heap[other] = entry;
}
