import type { Runtime } from './types.ts';

/** What will happen at a time of the virtual clock: a timer, the end of a grace period. */
export interface PendingEvent {
  /** Nanoseconds of the machine's clock. */
  readonly time: number;
  /** It will not happen. False: it already has, or was cancelled before. */
  cancel(): boolean;
}

/** Events that are kept elsewhere: the timers in linear memory. */
export interface EventSource {
  /** When its next event happens, Infinity if none will. */
  readonly next: number;
  readonly pending: number;
  /** Its next event happens. */
  run(): void;
}

const NO_SOURCE: EventSource = { next: Number.POSITIVE_INFINITY, pending: 0, run() {} };
/** So many events at one moment: each makes another, and time would never go on. */
const MOST_AT_ONCE = 1_000_000;

interface Entry extends PendingEvent {
  readonly queue: EventQueue;
  readonly forgettable: boolean;
  readonly order: number;
  run: (() => void) | undefined;
}

/**
 * What is going to happen in a machine, in the order of its clock. Nothing happens by itself: time
 * passes only in `advance`, and never while a program runs. Events of the same time come in the
 * order they were made, timers of programs (`follow`) before the others, so that the same inputs
 * give the same trace. Times are exact up to 2^53
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
  #source: EventSource = NO_SOURCE;
  #advancing = false;

  constructor(runtime: Pick<Runtime, 'clock'>) {
    this.#runtime = runtime;
  }

  /** Events that have neither happened nor been cancelled. */
  get pending(): number {
    return this.#pending + this.#source.pending;
  }

  /** Of these, the ones that were made with `at` and are not forgettable. */
  get made(): number {
    return this.#heap.filter(({ run, forgettable }) => run && !forgettable).length;
  }

  /** When an event happens, and after how many others of its time; undefined: it will not. */
  placeOf(event: PendingEvent): { readonly time: number; readonly order: number } | undefined {
    const entry = event as Partial<Entry>;
    if (entry.queue !== this || entry.run === undefined) return undefined;
    return { time: event.time, order: entry.order! };
  }

  /** From now on the events of this source happen too. */
  follow(source: EventSource): void {
    this.#source = source;
  }

  /** When the next event happens, Infinity if none will. */
  get next(): number {
    return Math.min(this.#source.next, this.#nextEntry);
  }

  get #nextEntry(): number {
    if (this.#heap.length === 0) return Number.POSITIVE_INFINITY;
    this.#dropCancelled();
    return this.#heap[0]?.time ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Makes an event. One whose time has passed happens at the next `advance`. `forgettable`: it only
   * tidies up after this process, and is not missed in a saved machine.
   */
  at(time: number, run: () => void, forgettable = false): PendingEvent {
    const entry: Entry = {
      forgettable,
      queue: this,
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
   * on the way too. The clock never goes back. Returns how many events happened. Within an event
   * nothing happens: its time is not over.
   */
  advance(to: number): number {
    if (this.#advancing) return 0;
    this.#advancing = true;
    try {
      return this.#pass(to);
    } finally {
      this.#advancing = false;
    }
  }

  #pass(to: number): number {
    let happened = 0;
    let moment = Number.NaN;
    let atOnce = 0;
    for (let due = this.next; due <= to; due = this.next) {
      atOnce = due === moment ? atOnce + 1 : 0;
      moment = due;
      if (atOnce === MOST_AT_ONCE) throw new EndlessMoment(due);
      this.#moveClock(due);
      this.#runNext();
      happened++;
    }
    this.#moveClock(to);
    return happened;
  }

  #runNext(): void {
    if (this.#source.next <= this.#nextEntry) {
      this.#source.run();
      return;
    }
    const entry = this.#pop();
    const run = entry.run!;
    entry.run = undefined;
    this.#pending--;
    run();
  }

  #moveClock(to: number): void {
    if (!Number.isFinite(to)) return;
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

/** Thrown by `advance`: events without end at one time, as a timer that starts itself at once. */
export class EndlessMoment extends Error {
  override readonly name = 'EndlessMoment';

  constructor(time: number) {
    super(`${MOST_AT_ONCE} events at ${time} ns: each makes another, time does not go on`);
  }
}

const before = (one: Entry, other: Entry): boolean =>
  one.time < other.time || (one.time === other.time && one.order < other.order);

function swap(heap: Entry[], one: number, other: number): void {
  const entry = heap[one]!;
  heap[one] = heap[other]!;
  heap[other] = entry;
}
