import type { LoadedCode } from '../../engine/index.ts';
import { G_CLOCK, GLOBALS } from '../../runtime/layout.ts';
import type { Runtime } from '../../runtime/types.ts';
import { type LaneFault, runRing, type SharedPart } from './lane.ts';
import type { PacketColumns } from './packets.ts';
import type { PacketRing } from './ring.ts';
import type { SharedBatch } from './shared-batch.ts';
import { laneFor } from './steer.ts';

/** Milliseconds to sleep when another CPU is behind. */
const NAP = 0.05;
const SPINS = 3000;

/**
 * The time of several CPUs that run at their own pace. Packets come in steps with one time each. A
 * CPU starts a step when no other is further back than the step before, so that the clock is never
 * more than one step ahead of a packet; and it never goes back.
 */
export class StepClock {
  /** Steps each CPU has started, one shared word per CPU. */
  readonly #started: readonly Int32Array[];
  readonly #cpu: number;
  readonly #clock: BigInt64Array;
  #step = 0;

  constructor(runtime: Runtime, cpu: number, started: readonly Int32Array[]) {
    this.#cpu = cpu;
    this.#started = started;
    this.#clock = new BigInt64Array(runtime.memory.buffer, GLOBALS + G_CLOCK, 1);
  }

  /** Starts step number `step`, unless that has begun, at `time` in nanoseconds. */
  enter(step: number, time: number): void {
    if (step === this.#step) return;
    this.pass(step);
    for (const other of this.#started) waitUntil(other, step - 1);
    const next = BigInt(time);
    for (let now = Atomics.load(this.#clock, 0); now < next; ) {
      const found = Atomics.compareExchange(this.#clock, 0, now, next);
      if (found === now) break;
      now = found;
    }
  }

  /** This CPU has no more packets of the steps before `step`. */
  pass(step: number): void {
    this.#step = step;
    Atomics.store(this.#started[this.#cpu]!, 0, step);
  }
}

/** Waits until the word is at least `least`. Others are mostly not far behind. */
function waitUntil(word: Int32Array, least: number): void {
  for (let spins = 0; ; spins++) {
    const now = Atomics.load(word, 0);
    if (now >= least) return;
    if (spins > SPINS) Atomics.wait(word, 0, now, NAP);
  }
}

/** Words, one per CPU, that CPUs tell each other by how far they are. */
export interface CpuWords {
  /** Batches whose packets this CPU has sorted. */
  readonly sorted: readonly Int32Array[];
  /** Steps of time it has begun. */
  readonly started: readonly Int32Array[];
}

/** What one CPU does with the batches that all CPUs get. */
export class CpuShare {
  readonly #code: LoadedCode;
  readonly #ring: PacketRing;
  readonly #batch: SharedBatch;
  readonly #cpu: number;
  readonly #sorted: readonly Int32Array[];
  readonly #clock: StepClock;

  constructor(
    code: LoadedCode,
    ring: PacketRing,
    batch: SharedBatch,
    clock: StepClock,
    [cpu, sorted]: readonly [number, CpuWords['sorted']],
  ) {
    this.#code = code;
    this.#ring = ring;
    this.#batch = batch;
    this.#clock = clock;
    this.#cpu = cpu;
    this.#sorted = sorted;
  }

  /**
   * Finds out whose packets those of this CPU's part of the batch are. Batches may be sorted some
   * time before they are run, so that no CPU has to wait for another.
   */
  sort(part: SharedPart): void {
    const { lane } = this.#batch;
    const columns = this.#columns(part);
    const cpus = this.#sorted.length;
    const bound = (cpu: number) => Math.floor((part.count * cpu) / cpus);
    const end = bound(this.#cpu + 1);
    for (let i = bound(this.#cpu); i < end; i++) {
      const device = part.ingress[columns.interfaceId[i]!]!;
      lane[i] = laneFor(columns, i, device, cpus);
    }
    Atomics.add(this.#sorted[this.#cpu]!, 0, 1);
  }

  /**
   * Runs the program over this CPU's packets of batch `number` (from 1), once the others have
   * sorted their parts of it.
   */
  run(part: SharedPart, number: number): LaneFault[] {
    const { clock, step, lane, slot } = this.#batch;
    for (const other of this.#sorted) waitUntil(other, number);
    const ring = this.#ring;
    const { runtime } = ring;
    const u8 = runtime.u8();
    const u32 = runtime.u32();
    const columns = this.#columns(part);
    const faults: LaneFault[] = [];
    ring.clear();
    let from = 0;
    let first = -1;
    const finish = () => {
      if (ring.count === from) return;
      this.#clock.enter(step[first]!, clock[first]!);
      for (const fault of runRing(this.#code, ring, from, ring.count, false)) faults.push(fault);
      from = ring.count;
    };
    for (let i = 0; i < part.count; i++) {
      if (lane[i] !== this.#cpu) continue;
      if (first < 0 || step[i] !== step[first]) {
        finish();
        first = i;
      }
      slot[i] = ring.count;
      const device = part.ingress[columns.interfaceId[i]!]!;
      ring.place(u8, u32, columns, i, device, this.#cpu, clock[i]!);
    }
    finish();
    this.#clock.pass(part.lastStep);
    return faults;
  }

  #columns({ count, bytes }: SharedPart): PacketColumns {
    const { start, length, interfaceId } = this.#batch;
    const u8 = this.#ring.runtime.u8().subarray(bytes);
    return { count, bytes: u8, address: bytes, start, length, interfaceId, time: NO_TIMES };
  }
}

const NO_TIMES = new Uint32Array(0);
