import type { LoadedCode, ProgramFault } from '../../engine/index.ts';
import type { Ingress } from './packets.ts';
import type { PacketRing } from './ring.ts';

const TWO_32 = 0x1_0000_0000;

/** A packet that stopped its program. */
export interface LaneFault {
  readonly slot: number;
  readonly fault: ProgramFault;
}

/** A batch in memory that all lanes share, for lanes that fill their rings themselves. */
export interface SharedPart {
  readonly count: number;
  /** Step of time of the last packet of all. */
  readonly lastStep: number;
  /** Address that the column of starts counts from. */
  readonly bytes: number;
  readonly ingress: readonly Ingress[];
}

/** One CPU's share of the packets: its ring and the way to run it. */
export interface Lane {
  readonly ring: PacketRing;
  /** Faults of the last run, by slot ascending. */
  readonly faults: readonly LaneFault[];
  /** Runs the program over everything in the ring, or over what of `part` is for this CPU. */
  run(part: SharedPart | undefined): void | Promise<void>;
}

/**
 * Runs a program over the packets of a ring from slot `from` up to `to`, going on behind each
 * packet that faults. Returns the faults. With `timed` each packet has a time of its own.
 */
export function runRing(
  code: LoadedCode,
  ring: PacketRing,
  from: number,
  to: number,
  timed: boolean,
): LaneFault[] {
  const faults: LaneFault[] = [];
  const stride = ring.hook.contextSize;
  let done = from;
  while (done < to) {
    const end = timed ? passTime(ring, done, to) : to;
    const contexts = ring.contexts + done * stride;
    const times = timed ? ring.times + done * 8 : 0;
    done += code.batch(contexts, stride, end - done, ring.results + done * 4, times);
    const { fault } = code;
    if (!fault) continue;
    ring.runtime.i32()[(ring.results >>> 2) + done] = ring.hook.faultCode;
    faults.push({ slot: done, fault });
    done++;
  }
  return faults;
}

/**
 * Timers and other events of the machine happen between packets: those due by the time of packet
 * `slot` happen now. Returns the packet before which the next one does, `to` if none does.
 */
function passTime(ring: PacketRing, slot: number, to: number): number {
  const { events } = ring.runtime;
  if (events.next > timeOf(ring, to - 1)) return to;
  events.advance(timeOf(ring, slot));
  const { next } = events;
  let end = slot + 1;
  while (end < to && timeOf(ring, end) < next) end++;
  return end;
}

function timeOf({ runtime, times }: PacketRing, slot: number): number {
  const words = runtime.u32();
  const at = (times >>> 2) + 2 * slot;
  return words[at + 1]! * TWO_32 + words[at]!;
}

/** A lane that runs where it is called. */
export class LocalLane implements Lane {
  readonly ring: PacketRing;
  faults: readonly LaneFault[] = [];
  readonly #code: LoadedCode;

  constructor(ring: PacketRing, code: LoadedCode) {
    this.ring = ring;
    this.#code = code;
  }

  run(): void {
    this.faults = runRing(this.#code, this.ring, 0, this.ring.count, true);
  }
}
