/** Records that programs put out and take in: ring buffers, perf events, user ring buffers. */
import { errnos, succeed } from '../abi/index.ts';
import type { KernelRecord, UserRecord } from '../kernel/index.ts';
import { SYSCALL } from './libc.ts';
import { mapMemory, PAGE, position, setPosition, viewOf } from './memory.ts';
import { closeFd, type System } from './system.ts';

const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;
const HEADER = 8;
const roundUp = (size: number): number => Math.ceil(size / 8) * 8;

/** Takes records out of a map. */
export interface RecordSource {
  drain(): KernelRecord[];
  readonly lost: number;
  close(): void;
}

/** A ring buffer: its consumer's page, its producer's page, and its bytes twice in a row. */
export function ringSource({ libc }: System, fd: number, size: number): RecordSource {
  const consumer = mapMemory(libc, { fd, size: PAGE, write: true });
  const producer = mapMemory(libc, { fd, size: PAGE + 2 * size, offset: PAGE, write: false });
  const data = producer.bytes.subarray(PAGE);
  const words = viewOf(data);
  return {
    lost: 0,
    drain() {
      const records: KernelRecord[] = [];
      const end = position(producer.bytes);
      let at = position(consumer.bytes);
      while (at < end) {
        const place = at % size;
        const head = words.getUint32(place, true);
        if (head & BUSY) break;
        const length = (head & ~(BUSY | DISCARDED)) >>> 0;
        const start = place + HEADER;
        if (!(head & DISCARDED)) {
          records.push({ data: data.slice(start, start + length), cpu: 0 });
        }
        at += roundUp(HEADER + length);
      }
      setPosition(consumer.bytes, at);
      return records;
    },
    close() {
      consumer.release();
      producer.release();
    },
  };
}

/** Room for records in a user ring buffer (libbpf's user_ring_buffer__reserve). */
export class UserRing {
  readonly #consumer;
  readonly #producer;
  readonly #size: number;

  constructor({ libc }: System, fd: number, size: number) {
    this.#size = size;
    this.#consumer = mapMemory(libc, { fd, size: PAGE, write: false });
    this.#producer = mapMemory(libc, { fd, size: PAGE + 2 * size, offset: PAGE, write: true });
  }

  reserve(size: number): UserRecord | number {
    const total = roundUp(HEADER + size);
    if (total > this.#size) return -errnos['E2BIG']!;
    const at = position(this.#producer.bytes);
    if (at - position(this.#consumer.bytes) + total > this.#size) return -errnos['ENOSPC']!;
    const data = this.#producer.bytes.subarray(PAGE);
    const place = at % this.#size;
    const words = viewOf(data);
    words.setUint32(place, (size | BUSY) >>> 0, true);
    words.setUint32(place + 4, 0, true);
    setPosition(this.#producer.bytes, at + total);
    const finish = (flags: number) => words.setUint32(place, (size | flags) >>> 0, true);
    return {
      bytes: () => data.subarray(place + HEADER, place + HEADER + size),
      submit: () => finish(0),
      discard: () => finish(DISCARDED),
    };
  }

  close(): void {
    this.#consumer.release();
    this.#producer.release();
  }
}

/** Of struct perf_event_attr and perf_event_mmap_page (uapi/linux/perf_event.h). */
const ATTR_SIZE = 128;
const TYPE_SOFTWARE = 1;
const BPF_OUTPUT = 10;
const SAMPLE_RAW = 1 << 10;
const FLAG_CLOEXEC = 8;
const IOC_ENABLE = 0x2400;
const DATA_HEAD = 1024;
const DATA_TAIL = 1032;
const RECORD_LOST = 2;
const RECORD_SAMPLE = 9;
/** Pages of records of a CPU. */
const PAGES = 64;

/** One event on each CPU that runs, open from the start, in the map. */
export function perfSource(system: System, put: (cpu: number, fd: number) => void): RecordSource {
  const rings = system.online.map((cpu) => openPerfRing(system, cpu));
  for (const { cpu, fd } of rings) put(cpu, fd);
  let lost = 0;
  return {
    get lost() {
      return lost;
    },
    drain() {
      const records: KernelRecord[] = [];
      for (const ring of rings) lost += drainPerf(ring, records);
      return records;
    },
    close() {
      for (const { fd, memory } of rings) {
        memory.release();
        closeFd(system, fd);
      }
    },
  };
}

type PerfRing = ReturnType<typeof openPerfRing>;

function openPerfRing(system: System, cpu: number) {
  const { libc } = system;
  const attr = new Uint8Array(ATTR_SIZE);
  const view = viewOf(attr);
  view.setUint32(0, TYPE_SOFTWARE, true);
  view.setUint32(4, ATTR_SIZE, true);
  view.setUint32(8, BPF_OUTPUT, true);
  // One record each (sample_period), and readers are woken by each (wakeup_events).
  view.setUint32(16, 1, true);
  view.setUint32(24, SAMPLE_RAW, true);
  view.setUint32(48, 1, true);
  const call = libc.call(SYSCALL.perfEventOpen, libc.address(attr), -1n, cpu, -1n, FLAG_CLOEXEC);
  const fd = succeed(call, `no perf event on CPU ${cpu}`);
  const memory = mapMemory(libc, { fd, size: (1 + PAGES) * PAGE, write: true });
  succeed(libc.call(SYSCALL.ioctl, fd, IOC_ENABLE, 0), 'the perf event does not start');
  return { cpu, fd, memory };
}

/** Adds the records of a CPU; how many were lost. */
function drainPerf({ cpu, memory }: PerfRing, records: KernelRecord[]): number {
  const { bytes } = memory;
  const ring = bytes.subarray(PAGE);
  const head = position(bytes, DATA_HEAD);
  let lost = 0;
  let at = position(bytes, DATA_TAIL);
  while (at < head) {
    const size = viewOf(turned(ring, at, 8)).getUint16(6, true);
    const record = turned(ring, at, size);
    const view = viewOf(record);
    const type = view.getUint32(0, true);
    if (type === RECORD_LOST) lost += position(record, 16);
    if (type === RECORD_SAMPLE) {
      const length = view.getUint32(8, true);
      records.push({ data: record.slice(12, 12 + length), cpu });
    }
    at += size;
  }
  setPosition(bytes, at, DATA_TAIL);
  return lost;
}

/** Bytes of a ring from a position on, also over its end. */
function turned(ring: Uint8Array, at: number, size: number): Uint8Array {
  const start = at % ring.length;
  const out = new Uint8Array(size);
  const first = ring.subarray(start, Math.min(start + size, ring.length));
  out.set(first);
  out.set(ring.subarray(0, size - first.length), first.length);
  return out;
}
