import type { KernelRecord } from '../kernel/index.ts';
import {
  perfEventsConsume,
  perfEventsFound,
  perfEventsOpen,
  ringbufConsume,
  type Runtime,
} from '../runtime/index.ts';
import type { RuntimeMap } from '../runtime/index.ts';

/** Reads what programs put out through one map. */
export interface RecordReader {
  /** Takes out what is there, oldest first (per CPU). */
  drain(): KernelRecord[];
  /** Records that found no room, as far as the buffer tells. */
  lost(): number;
}

/** For maps that hold no records. */
export const noRecords: RecordReader = { drain: () => [], lost: () => 0 };

/** A ring buffer tells nobody what did not fit: the program sees the failed call. */
function ringReader(runtime: Runtime, map: RuntimeMap, _restored: boolean): RecordReader {
  return {
    drain() {
      const records: KernelRecord[] = [];
      ringbufConsume(runtime, map, (bytes) => {
        records.push({ data: bytes.slice(), cpu: 0 });
      });
      return records;
    },
    lost: () => 0,
  };
}

/** One event per CPU, open from the start, as if a reader were there before the program. */
function perfReader(runtime: Runtime, map: RuntimeMap, restored: boolean): RecordReader {
  const events = restored ? perfEventsFound(runtime, map) : perfEventsOpen(runtime, map);
  let lost = 0;
  return {
    drain() {
      const records: KernelRecord[] = [];
      perfEventsConsume(runtime, events, {
        onSample: (bytes, cpu) => records.push({ data: bytes.slice(), cpu }),
        onLost: (count) => {
          lost += Number(count);
        },
      });
      return records;
    },
    lost: () => lost,
  };
}

const READERS: Readonly<Record<string, typeof ringReader>> = {
  ringbuf: ringReader,
  perf_event_array: perfReader,
};

/**
 * The reader for a map type, by the prefix of its runtime functions. `restored`: the map's memory
 * has been put back, with what was in it.
 */
export function recordReader(runtime: Runtime, map: RuntimeMap, restored = false): RecordReader {
  return READERS[map.prefix]?.(runtime, map, restored) ?? noRecords;
}
