import { imagesOf, type LoadedCode, sourceLineAt } from '../engine/index.ts';
import type { MemoryReport } from '../abi/memory.ts';
import type { AllocationFailure, KernelMemory, MemoryPlace, ReuseEvent } from '../kernel/index.ts';
import {
  type GracePeriods,
  MemoryReader,
  type RawMemoryEvent,
  type RawPlace,
  type Runtime,
} from '../runtime/index.ts';

/** Events that are kept; more are counted. */
const MOST_EVENTS = 10_000;

/** The model of a machine's memory, seen from outside. */
export class MachineMemory implements KernelMemory {
  /** In the order they happened. */
  readonly reuses: ReuseEvent[] = [];
  readonly failures: AllocationFailure[] = [];
  readonly gracePeriods: GracePeriods;
  readonly #runtime: Runtime;
  readonly #reader: MemoryReader;
  #dropped = 0;
  /** Read sections that the running program is in. */
  #sections: number[] = [];

  constructor(runtime: Runtime, gracePeriods: GracePeriods) {
    this.#runtime = runtime;
    this.gracePeriods = gracePeriods;
    this.#reader = new MemoryReader(runtime);
  }

  /** Usage by map and type of objects. */
  report(): MemoryReport {
    return this.#reader.report();
  }

  get choices() {
    return this.gracePeriods.choices;
  }

  /** Events that were not kept. */
  get lost(): number {
    return this.#dropped + this.#reader.lost;
  }

  /** Keeps grace periods from ending until the result is disposed of: for those who hold a view. */
  hold(): Disposable {
    return this.gracePeriods.hold();
  }

  /** Runs `work` as a reader, then lets grace periods end. */
  reading<T>(sleepable: boolean, work: () => T): T {
    const reader = this.gracePeriods.begin(sleepable);
    const outer = this.#sections;
    this.#sections = [];
    try {
      return work();
    } finally {
      // Nothing is left by a program that ended as it should.
      for (const section of this.#sections) this.gracePeriods.end(section);
      this.#sections = outer;
      this.#collect();
      this.gracePeriods.end(reader);
      this.#happen();
    }
  }

  /** A read section of the program that runs begins: a sleepable one is a reader of RCU in it. */
  enterRcu(): void {
    this.#sections.push(this.gracePeriods.begin(false, false));
  }

  leaveRcu(): void {
    const section = this.#sections.pop();
    if (section !== undefined) this.gracePeriods.end(section);
  }

  /** A program sleeps: what it is no reader of may end. */
  asleep(): void {
    this.#collect();
    this.gracePeriods.moment(true);
    this.#happen();
  }

  /** What is due by the clock happens: grace periods that end late are such events. */
  #happen(): void {
    const { events, clock } = this.#runtime;
    if (events.next <= Number(clock)) events.advance(Number(clock));
  }

  #collect(): void {
    for (const event of this.#reader.drain()) {
      if (this.reuses.length + this.failures.length >= MOST_EVENTS) this.#dropped++;
      else this.#keep(event);
    }
  }

  #keep(event: RawMemoryEvent): void {
    const { name, kind, unit } = event.pool;
    if (event.kind === 'failure') {
      const { request, reason } = event;
      this.failures.push({ name, kind, size: unit, request, reason, at: this.#place(event.at) });
      return;
    }
    this.reuses.push({
      name,
      kind,
      address: event.address,
      obtained: this.#place(event.got),
      freed: this.#place(event.freed),
      reused: this.#place(event.at),
    });
  }

  #place({ program, insn }: RawPlace): MemoryPlace {
    const image = program === 0 ? undefined : imagesOf(this.#runtime).get(program);
    if (!image)
      return { program: program === 0 ? undefined : `program ${program}`, insn, source: undefined };
    return { program: image.name, insn, source: sourceLineAt(image, insn) };
  }
}

/**
 * Code whose every run is a reader, and followed by a moment for grace periods to end: batches run
 * packet by packet.
 */
export class ReadingCode implements LoadedCode {
  readonly #code: LoadedCode;
  readonly #memory: MachineMemory;
  readonly #sleepable: boolean;

  constructor(code: LoadedCode, memory: MachineMemory, sleepable: boolean) {
    this.#code = code;
    this.#memory = memory;
    this.#sleepable = sleepable;
  }

  get image() {
    return this.#code.image;
  }

  get entry() {
    return this.#code.entry;
  }

  get fault() {
    return this.#code.fault;
  }

  run(context: number): number {
    return this.#memory.reading(this.#sleepable, () => this.#code.run(context));
  }

  batch(contexts: number, stride: number, count: number, results: number, times: number): number {
    for (let i = 0; i < count; i++) {
      const time = times === 0 ? 0 : times + 8 * i;
      const one = () => this.#code.batch(contexts + i * stride, stride, 1, results + 4 * i, time);
      if (this.#memory.reading(this.#sleepable, one) === 0) return i;
    }
    return count;
  }

  counts(): Float64Array {
    return this.#code.counts();
  }

  dispose(): void {
    this.#code.dispose();
  }
}
