import type { KernelRecord } from '../kernel/index.ts';
import {
  type PerfEvents,
  perfEventsConsume,
  perfEventsOpen,
  ringbufConsume,
  type Runtime,
} from '../runtime/index.ts';
import type { MachineMap } from './map.ts';

/** Events of the perf event arrays; the machine opens one per CPU, as their reader would. */
const perfEvents = new WeakMap<MachineMap, PerfEvents>();

/** What a map needs before programs may write records to it. */
export function openRecords(runtime: Runtime, map: MachineMap): void {
  if (map.spec.type === 'perf_event_array') {
    perfEvents.set(map, perfEventsOpen(runtime, map.runtimeMap));
  }
}

/** Takes out what programs put into a ring buffer, oldest first; nothing for other types. */
export function drainRecords(runtime: Runtime, map: MachineMap): KernelRecord[] {
  const records: KernelRecord[] = [];
  if (map.spec.type === 'ringbuf') {
    ringbufConsume(runtime, map.runtimeMap, (bytes) => {
      records.push({ data: bytes.slice(), cpu: 0 });
    });
  }
  const events = perfEvents.get(map);
  if (events) {
    perfEventsConsume(runtime, events, {
      onSample: (bytes, cpu) => void records.push({ data: bytes.slice(), cpu }),
    });
  }
  return records;
}
