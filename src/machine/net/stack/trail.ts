import type {
  NetworkTrace,
  PacketTrace,
  Rewrite,
  TraceEvent,
  TraceOptions,
  TraceStep,
} from '../../../kernel/index.ts';
import type { Device } from '../device.ts';
import type { Packet } from './packet.ts';

const KEEP = 10_000;

/** What is written down about one packet. */
export class Trail implements PacketTrace {
  readonly id: number;
  readonly parent: number | undefined;
  readonly data: Uint8Array;
  readonly events: TraceEvent[] = [];

  constructor(id: number, parent: number | undefined, data: Uint8Array) {
    this.id = id;
    this.parent = parent;
    this.data = data;
  }
}

interface Listener {
  readonly packets: Trail[];
  readonly options: TraceOptions;
}

/** Starts trails while anybody wants them, and tells those who listen. */
export class Tracer {
  readonly #listeners = new Set<Listener>();
  readonly #clock: () => bigint;
  #next = 1;

  constructor(clock: () => bigint) {
    this.#clock = clock;
  }

  get on(): boolean {
    return this.#listeners.size > 0;
  }

  /** Gives a packet its trail. Only to be called while the tracer is on. */
  begin(packet: Packet, parent?: Trail): void {
    const trail = new Trail(this.#next++, parent?.id, packet.data.slice());
    packet.trail = trail;
    for (const { packets, options } of this.#listeners) {
      packets.push(trail);
      if (packets.length > (options.keep ?? KEEP)) packets.shift();
    }
  }

  /** Writes a step down. Callers look for `packet.trail` first. */
  add(packet: Packet, step: TraceStep, device: Device = packet.device): void {
    const event: TraceEvent = {
      ...step,
      time: Number(this.#clock()),
      namespace: device.namespace,
      device: device.name,
    };
    packet.trail!.events.push(event);
    for (const { options } of this.#listeners) options.onEvent?.(packet.trail!, event);
  }

  start(options: TraceOptions): NetworkTrace {
    const listener: Listener = { packets: [], options };
    this.#listeners.add(listener);
    const stop = () => void this.#listeners.delete(listener);
    return {
      packets: listener.packets,
      take: (count = listener.packets.length) => listener.packets.splice(0, count),
      stop,
      [Symbol.dispose]: stop,
    };
  }
}

/** Gaps of so few equal bytes do not end a range: an address that changes is one rewrite. */
const GAP = 3;

/**
 * The ranges in which two versions of a packet differ. A packet that grew or shrank in front is
 * compared from its end, so that what was put in or taken off shows as such.
 */
export function rewritesOf(before: Uint8Array, after: Uint8Array): Rewrite[] {
  const shift = after.length - before.length;
  if (shift === 0) return differences(before, after, 0);
  const fromEnd = differences(before, after, shift);
  const fromStart = differences(before, after, 0);
  const inFront: Rewrite[] = shift > 0 ? [{ at: 0, length: shift }, ...fromEnd] : fromEnd;
  const behind: Rewrite[] =
    shift > 0 ? [...fromStart, { at: before.length, length: shift }] : fromStart;
  return bytesIn(inFront) < bytesIn(behind) ? inFront : behind;
}

const bytesIn = (list: readonly Rewrite[]) => list.reduce((sum, { length }) => sum + length, 0);

/** Byte i of `before` stands against byte i + shift of `after`. */
function differences(before: Uint8Array, after: Uint8Array, shift: number): Rewrite[] {
  const found: { at: number; length: number }[] = [];
  const end = Math.min(after.length, before.length + shift);
  for (let at = Math.max(0, shift); at < end; at++) {
    if (before[at - shift] === after[at]) continue;
    const last = found.at(-1);
    if (last && at - (last.at + last.length) <= GAP) last.length = at - last.at + 1;
    else found.push({ at, length: 1 });
  }
  return found;
}
