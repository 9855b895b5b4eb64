import type { ProgramFault } from '../../engine/index.ts';
import type { Fate, PacketHook } from './hook.ts';
import type { Lane, SharedPart } from './lane.ts';
import type { Ingress, PacketColumns } from './packets.ts';
import type { SharedBatch } from './shared-batch.ts';

const TWO_32 = 0x1_0000_0000;
/** Return codes counted in a flat array; the few others go into a map. */
const SMALL_CODES = 16;

/**
 * Several CPUs run at their own pace, and time that went back from one to the other would break
 * programs as no kernel does: so their packets come in steps with one time each, and CPUs may be
 * one step apart (StepClock). A step has so many nanoseconds of packets' time, and so many packets,
 * or else CPUs would do little but wait for each other.
 */
const STEP_TIME = 10_000_000;
const STEP_PACKETS = 256;

/** One kind of fault, with how often it came and where first. */
export interface FaultTally {
  readonly fault: ProgramFault;
  /** Number of the first packet it happened on, from 1. */
  readonly firstPacket: number;
  count: number;
}

/** Where redirected packets went. */
export interface RedirectTally {
  readonly kind: number;
  readonly index: number;
  readonly map: number;
  count: number;
}

/** Totals of a whole run. Several runners may share one, if their batches are tallied in order. */
export class RunTotals {
  packets = 0;
  bytes = 0;
  readonly faults = new Map<string, FaultTally>();
  readonly redirects = new Map<string, RedirectTally>();
  readonly clock: PacketClock;
  readonly #small = new Float64Array(SMALL_CODES);
  readonly #others = new Map<number, number>();

  /** `start`: what the clock says when the first packet comes, in nanoseconds. */
  constructor(start: number) {
    this.clock = new PacketClock(start);
  }

  /** Counts a return code. */
  add(code: number): void {
    if (code >= 0 && code < SMALL_CODES) this.#small[code]!++;
    else this.#others.set(code, (this.#others.get(code) ?? 0) + 1);
  }

  /** Packets by return code. */
  codes(): Map<number, number> {
    const counts = new Map(this.#others);
    this.#small.forEach((count, code) => {
      if (count > 0) counts.set(code, count);
    });
    return counts;
  }
}

/**
 * Runs one program over packets, batch by batch, on one or several lanes. After `run` the packets
 * of the batch can be asked for in input order, until the next `run`.
 */
export class PacketRunner {
  readonly hook: PacketHook;
  readonly totals: RunTotals;
  /** Packets in the last batch. */
  count = 0;
  readonly #lanes: readonly Lane[];
  readonly #laneOf: Uint8Array;
  readonly #slotOf: Uint32Array;
  readonly #faulted: Uint8Array;
  readonly #shared: SharedBatch | undefined;
  #part: SharedPart | undefined;
  #pending: (Promise<void> | void)[] = [];
  #faults = 0;
  #u8: Uint8Array = new Uint8Array(0);
  #u32: Uint32Array = new Uint32Array(0);
  #i32: Int32Array = new Int32Array(0);

  /**
   * `totals`: those to add to, or where a clock of its own starts, in nanoseconds. With `shared`
   * (of the rings' capacity) lanes fill their rings themselves; without, there is one lane.
   */
  constructor(lanes: readonly Lane[], totals: RunTotals | number, shared?: SharedBatch) {
    this.#lanes = lanes;
    this.#shared = shared;
    this.totals = typeof totals === 'number' ? new RunTotals(totals) : totals;
    this.hook = lanes[0]!.ring.hook;
    const { capacity } = lanes[0]!.ring;
    this.#laneOf = shared?.lane ?? new Uint8Array(capacity);
    this.#slotOf = shared?.slot ?? Uint32Array.from({ length: capacity }, (_, k) => k);
    this.#faulted = new Uint8Array(capacity);
  }

  /** Clock at the last packet, in nanoseconds. */
  get clock(): number {
    return this.totals.clock.last;
  }

  /** A new capture begins: its first packet follows the last one of the one before at once. */
  restartClock(): void {
    this.totals.clock.restart();
  }

  /** Runs as many packets from `from` on as fit at once; returns how many. */
  async run(columns: PacketColumns, from: number, ingress: readonly Ingress[]): Promise<number> {
    this.fill(columns, from, ingress);
    this.launch();
    await this.settled();
    return this.count;
  }

  /** First step of `run`: puts packets into the rings; returns how many. */
  fill(columns: PacketColumns, from: number, ingress: readonly Ingress[]): number {
    this.#views();
    const end = this.#shared
      ? this.#share(this.#shared, columns, from, ingress)
      : this.#fill(columns, from, ingress);
    this.count = end - from;
    return this.count;
  }

  /** Second step: starts the lanes. Local ones are done when it returns. */
  launch(): void {
    this.#pending = this.#lanes.map((lane) => lane.run(this.#part));
  }

  /** Third step: waits for the lanes and counts what they did. */
  async settled(): Promise<void> {
    for (const one of this.#pending) if (one) await one;
    this.#views();
    this.#tally();
  }

  #views(): void {
    const runtime = this.#lanes[0]!.ring.runtime;
    this.#u8 = runtime.u8();
    this.#u32 = runtime.u32();
    this.#i32 = runtime.i32();
  }

  /** Puts packets into the only lane's ring; returns the first one left. */
  #fill(columns: PacketColumns, from: number, ingress: readonly Ingress[]): number {
    const { ring } = this.#lanes[0]!;
    const { clock } = this.totals;
    ring.clear();
    let i = from;
    for (; i < columns.count; i++) {
      const device = ingress[columns.interfaceId[i]!]!;
      const now = clock.at(columns.time[2 * i]!, columns.time[2 * i + 1]!);
      if (!ring.place(this.#u8, this.#u32, columns, i, device, 0, now)) break;
      this.totals.bytes += columns.length[i]!;
    }
    return i;
  }

  /** Tells the lanes of packets, as many as each could take alone; returns the first one left. */
  #share(
    shared: SharedBatch,
    columns: PacketColumns,
    from: number,
    ingress: readonly Ingress[],
  ): number {
    const { ring } = this.#lanes[0]!;
    const { clock } = this.totals;
    // Parts of one size: a small last one costs the threads as much as a large one.
    const left = columns.count - from;
    const limit = from + Math.ceil(left / Math.ceil(left / shared.capacity));
    let room = ring.bytes;
    let i = from;
    for (; i < limit; i++) {
      room -= ring.room(columns, i, ingress[columns.interfaceId[i]!]!);
      if (room < 0) break;
      shared.clock[i - from] = clock.stepAt(columns.time[2 * i]!, columns.time[2 * i + 1]!);
      shared.step[i - from] = clock.steps;
      this.totals.bytes += columns.length[i]!;
    }
    shared.start.set(columns.start.subarray(from, i));
    shared.length.set(columns.length.subarray(from, i));
    shared.interfaceId.set(columns.interfaceId.subarray(from, i));
    const count = i - from;
    this.#part = { count, lastStep: clock.steps, bytes: columns.address!, ingress };
    return i;
  }

  #tally(): void {
    const { hook } = this;
    const first = this.totals.packets;
    this.totals.packets += this.count;
    if (this.#faults) this.#faulted.fill(0);
    this.#faults = 0;
    this.#lanes.forEach((lane, cpu) => {
      if (lane.faults.length > 0) this.#addFaults(lane, cpu, first);
    });
    for (let i = 0; i < this.count; i++) {
      const code = this.code(i);
      this.totals.add(code);
      if (hook.verdict(code).fate === 'redirect') this.#addRedirect(i);
    }
  }

  #addFaults(lane: Lane, cpu: number, first: number): void {
    let next = 0;
    for (let i = 0; i < this.count && next < lane.faults.length; i++) {
      const { slot, fault } = lane.faults[next]!;
      if (this.#laneOf[i] !== cpu || this.#slotOf[i] !== slot) continue;
      next++;
      this.#faulted[i] = 1;
      this.#faults++;
      const key = `${fault.program}:${fault.insn}:${fault.kind}`;
      const tally = this.totals.faults.get(key);
      if (tally) tally.count++;
      else this.totals.faults.set(key, { fault, firstPacket: first + i + 1, count: 1 });
    }
  }

  #addRedirect(i: number): void {
    const word = (this.#context(i) + this.hook.redirectField) >>> 2;
    const kind = this.#u32[word]!;
    const index = this.#u32[word + 1]!;
    const map = this.#u32[word + 2]!;
    const key = `${kind}:${index}:${map}`;
    const tally = this.totals.redirects.get(key);
    if (tally) tally.count++;
    else this.totals.redirects.set(key, { kind, index, map, count: 1 });
  }

  #context(i: number): number {
    const { ring } = this.#lanes[this.#laneOf[i]!]!;
    return ring.contexts + this.#slotOf[i]! * this.hook.contextSize;
  }

  /** Return code of packet `i` of the batch. */
  code(i: number): number {
    const { ring } = this.#lanes[this.#laneOf[i]!]!;
    return this.#i32[(ring.results >>> 2) + this.#slotOf[i]!]!;
  }

  fate(i: number): Fate {
    return this.#faulted[i] ? 'aborted' : this.hook.verdict(this.code(i)).fate;
  }

  /** Makes packet `i` what leaves the hook, and says where in `bytes` it is. */
  finish(i: number): void {
    this.hook.finish?.(this.#u32, this.#u8, this.#context(i));
  }

  /** Address of the first byte of packet `i`. */
  dataStart(i: number): number {
    return this.#u32[(this.#context(i) + this.hook.dataField) >>> 2]!;
  }

  dataLength(i: number): number {
    return this.#u32[(this.#context(i) + this.hook.dataEndField) >>> 2]! - this.dataStart(i);
  }

  /** Linear memory as of the last batch. */
  get bytes(): Uint8Array {
    return this.#u8;
  }

  /** Packets by verdict, most frequent first; faulted packets are 'aborted' with code undefined. */
  verdicts(): { name: string; code: number | undefined; fate: Fate; count: number }[] {
    const counts = this.totals.codes();
    let faults = 0;
    for (const tally of this.totals.faults.values()) faults += tally.count;
    counts.set(this.hook.faultCode, (counts.get(this.hook.faultCode) ?? 0) - faults);
    const rows = [...counts]
      .filter(([, count]) => count > 0)
      .map(([code, count]) => ({ ...this.hook.verdict(code), code, count }));
    const all: { name: string; code: number | undefined; fate: Fate; count: number }[] = rows;
    if (faults > 0) all.push({ name: 'fault', fate: 'aborted', code: undefined, count: faults });
    return all.sort((a, b) => b.count - a.count);
  }
}

/**
 * Packet times to the machine's clock: it starts at `start` with the first packet, moves as their
 * timestamps do, and never goes back. Exact while captures are shorter than 104 days.
 */
class PacketClock {
  last: number;
  #start: number;
  /** Steps begun. */
  steps = 0;
  #step = Number.NEGATIVE_INFINITY;
  /** Packets in the step; none has begun yet. */
  #inStep = STEP_PACKETS;
  #low = 0;
  #high = 0;
  #running = false;

  constructor(start: number) {
    this.#start = start;
    this.last = start;
  }

  restart(): void {
    this.#start = this.last;
    this.#running = false;
  }

  at(low: number, high: number): number {
    if (!this.#running) {
      this.#running = true;
      this.#low = low;
      this.#high = high;
    }
    const now = this.#start + (high - this.#high) * TWO_32 + (low - this.#low);
    if (now > this.last) this.last = now;
    return this.last;
  }

  /** As `at`, in steps: the time of the first packet of the step. */
  stepAt(low: number, high: number): number {
    const now = this.at(low, high);
    if (this.#inStep++ >= STEP_PACKETS && now > this.#step + STEP_TIME) {
      this.#step = now;
      this.#inStep = 1;
      this.steps++;
    }
    return this.#step;
  }
}
