import { EVENT_CPU, M_STRIDE, M_VALUES } from '../layout.ts';
import type { Runtime, RuntimeMap } from '../types.ts';

type Numeric = (...args: number[]) => number;

const SAMPLE = 9;
const LOST = 2;
/** Default ring per CPU: 64 pages, what libbpf's tools ask for. */
const RING_SIZE = 64 * 4096;

/** Events of one perf event array, in the order of their index. */
export type PerfEvents = readonly number[];

/**
 * Opens one event per CPU of the machine and puts it into the map at the CPU's index, as libbpf's
 * perf_buffer does. `size` is the ring's size in bytes, a power of two. Throws KernelError ENOMEM.
 */
export function perfEventsOpen(runtime: Runtime, map: RuntimeMap, size = RING_SIZE): PerfEvents {
  const create = runtime.exports['perf_event_new'] as Numeric;
  const count = Math.min(runtime.options.cpus, map.definition.maxEntries);
  return Array.from({ length: count }, (_, cpu) => {
    const event = create(cpu, size) >>> 0;
    // allocate() says ENOMEM the way every other allocation does.
    if (event === 0) runtime.allocate(0xffffffff);
    map.setObject(new Uint8Array(Uint32Array.of(cpu).buffer), event, cpu + 1, 0);
    return event;
  });
}

/** The events that are in the map already: its memory has been put back. */
export function perfEventsFound(runtime: Runtime, map: RuntimeMap): PerfEvents {
  const count = Math.min(runtime.options.cpus, map.definition.maxEntries);
  const words = runtime.u32();
  const first = words[(map.address + M_VALUES) >>> 2]! >>> 2;
  const step = words[(map.address + M_STRIDE) >>> 2]! >>> 2;
  return Array.from({ length: count }, (_, cpu) => words[first + cpu * step]!).filter(Boolean);
}

/** What `perfEventsConsume` gives: a sample's bytes, or how many samples were lost. */
export interface PerfHandlers {
  /** A view of linear memory, good until it returns; padded to 4 bytes past a multiple of 8. */
  onSample(bytes: Uint8Array, cpu: number): void;
  onLost?(count: bigint, cpu: number): void;
}

/** Reads every finished record of the events and returns the number of samples. */
export function perfEventsConsume(
  runtime: Runtime,
  events: PerfEvents,
  handlers: PerfHandlers,
): number {
  return events.reduce((count, event) => count + consume(runtime, event, handlers), 0);
}

function consume(runtime: Runtime, event: number, handlers: PerfHandlers): number {
  const next = runtime.exports['perf_event_next'] as Numeric;
  const release = runtime.exports['perf_event_release'] as Numeric;
  const cpu = runtime.u32()[(event + EVENT_CPU) >>> 2]!;
  let samples = 0;
  for (;;) {
    const record = next(event) >>> 0;
    if (record === 0) return samples;
    const type = runtime.u32()[record >>> 2];
    if (type === SAMPLE) {
      const length = runtime.u32()[(record + 8) >>> 2]!;
      handlers.onSample(runtime.u8().subarray(record + 12, record + 12 + length), cpu);
      samples++;
    } else if (type === LOST) {
      handlers.onLost?.(runtime.view().getBigUint64(record + 16, true), cpu);
    }
    release(event, record);
  }
}
