import { describe, expect, it } from 'vitest';
import { errnoNumber, mapTypeId } from '../../src/abi/index.ts';
import {
  perfEventsConsume,
  perfEventsOpen,
  ringbufConsume,
  type RuntimeMap,
} from '../../src/runtime/index.ts';
import { REGION_MAP_HANDLE, TAG_BASE } from '../../src/runtime/layout.ts';
import { Bench, type Kind, udpPacket } from './helper-harness.ts';

const errno = (name: string): number => -errnoNumber(name)!;
const handle = (map: RuntimeMap): bigint =>
  (BigInt.asUintN(32, BigInt(TAG_BASE + REGION_MAP_HANDLE)) << 32n) | BigInt(map.address);
const newMap = (bench: Bench, type: string, maxEntries: number, valueSize = 0, keySize = 0) =>
  bench.runtime.createMap({
    name: type,
    type: mapTypeId(type)!,
    keySize,
    valueSize,
    maxEntries,
    flags: 0,
  });

describe('ring buffer helpers', () => {
  function open(): { bench: Bench; map: bigint; records: () => number[][] } {
    const bench = new Bench('xdp');
    const ring = newMap(bench, 'ringbuf', 4096);
    const records = (): number[][] => {
      const all: number[][] = [];
      ringbufConsume(bench.runtime, ring, (bytes) => void all.push([...bytes]));
      return all;
    };
    return { bench, map: handle(ring), records };
  }

  it('output copies a record', () => {
    const { bench, map, records } = open();
    expect(bench.call('ringbuf_output', map, bench.bytes([1, 2, 3]), 3, 0)).toBe(0);
    expect(bench.call('ringbuf_output', map, bench.bytes([1]), 1, 4)).toBe(errno('EINVAL'));
    expect(bench.call('ringbuf_output', map, bench.bytes([1]), 4096, 0)).toBe(errno('EAGAIN'));
    expect(records()).toEqual([[1, 2, 3]]);
  });

  it('reserve gives memory that is read after submit and skipped after discard', () => {
    const { bench, map, records } = open();
    const reserve = (): bigint => bench.call64('ringbuf_reserve', map, 4, 0);
    const [first, second, third] = [reserve(), reserve(), reserve()];
    for (const [i, at] of [first, second, third].entries()) {
      bench.runtime.u8().fill(i + 1, Number(at & 0xffffffffn), Number(at & 0xffffffffn) + 4);
    }
    expect(bench.call64('ringbuf_reserve', map, 8, 1)).toBe(0n);
    bench.call('ringbuf_submit', first, 0);
    bench.call('ringbuf_discard', second, 0);
    expect(records()).toEqual([[1, 1, 1, 1]]);
    bench.call('ringbuf_submit', third, 0);
    expect(records()).toEqual([[3, 3, 3, 3]]);
    expect(bench.call('ringbuf_query', map, 1)).toBe(4096);
    expect(bench.call('ringbuf_query', map, 2)).toBe(48);
  });

  it('submit ignores what is no reservation', () => {
    const { bench, map, records } = open();
    const sample = bench.call64('ringbuf_reserve', map, 8, 0);
    bench.call('ringbuf_submit', sample, 0);
    bench.call('ringbuf_submit', sample, 0);
    bench.call('ringbuf_submit', bench.regionOf([1, 2, 3, 4]), 0);
    bench.call('ringbuf_submit', 12345, 0);
    expect(records()).toHaveLength(1);
  });

  it('refuse maps of other types', () => {
    const bench = new Bench('xdp');
    const array = handle(newMap(bench, 'array', 1, 8, 4));
    expect(bench.call('ringbuf_output', array, bench.bytes([1]), 1, 0)).toBe(errno('EINVAL'));
    expect(bench.call64('ringbuf_reserve', array, 8, 0)).toBe(0n);
  });

  it('work through dynptrs', () => {
    const { bench, map, records } = open();
    const pointer = bench.runtime.allocate(16);
    expect(bench.call('ringbuf_reserve_dynptr', map, 6, 0, pointer)).toBe(0);
    expect(bench.call('dynptr_write', pointer, 2, bench.bytes([7, 8]), 2, 0)).toBe(0);
    bench.call('ringbuf_submit_dynptr', pointer, 0);
    expect(records()).toEqual([[0, 0, 7, 8, 0, 0]]);
    expect(bench.call('ringbuf_reserve_dynptr', map, 5000, 0, pointer)).toBe(errno('EINVAL'));
    bench.call('ringbuf_discard_dynptr', pointer, 0);
    expect(records()).toEqual([]);
  });
});

describe.each(['xdp', 'sched_cls'] as Kind[])('bpf_perf_event_output in %s', (kind) => {
  const CURRENT_CPU = 0xffffffffn;

  function open(size?: number) {
    const bench = new Bench(kind, udpPacket());
    const array = newMap(bench, 'perf_event_array', 2, 4, 4);
    const events = perfEventsOpen(bench.runtime, array, size);
    const read = (): (number[] | bigint)[] => {
      const all: (number[] | bigint)[] = [];
      perfEventsConsume(bench.runtime, events, {
        onSample: (bytes) => void all.push([...bytes]),
        onLost: (count) => void all.push(count),
      });
      return all;
    };
    return { bench, map: handle(array), read };
  }

  it('writes the data, then bytes of the packet, padded', () => {
    const { bench, map, read } = open();
    const flags = CURRENT_CPU | (6n << 32n);
    expect(bench.on('perf_event_output', map, flags, bench.bytes([9, 8, 7]), 3)).toBe(0);
    expect(bench.on('perf_event_output', map, CURRENT_CPU, bench.bytes([5]), 1)).toBe(0);
    expect(read()).toEqual([
      [9, 8, 7, ...udpPacket().slice(0, 6), 0, 0, 0],
      [5, 0, 0, 0],
    ]);
    expect(read()).toEqual([]);
  });

  it.each([
    ['unknown flags', 1n << 53n, 'EINVAL'],
    ['more bytes than the packet has', CURRENT_CPU | (63n << 32n), 'EFAULT'],
    ['an index outside the map', 2n, 'E2BIG'],
    ['an index without an event', 1n, 'ENOENT'],
  ])('refuses %s', (_, flags, code) => {
    const { bench, map } = open();
    expect(bench.on('perf_event_output', map, flags, bench.bytes([1]), 1)).toBe(errno(code));
  });

  it('refuses the event of another CPU', () => {
    const { bench, map } = open();
    const event = (bench.runtime.exports['perf_event_new'] as unknown as typeof Math.max)(1, 4096);
    const array = bench.runtime.mapAt(Number(map & 0xffffffffn))!;
    array.setObject(Uint8Array.of(1, 0, 0, 0), event, 9, 0);
    expect(bench.on('perf_event_output', map, 1, bench.bytes([1]), 1)).toBe(errno('EOPNOTSUPP'));
  });

  it('counts what does not fit and reports it later', () => {
    const { bench, map, read } = open(256);
    const data = bench.bytes(new Uint8Array(100));
    const results = Array.from({ length: 4 }, () =>
      bench.on('perf_event_output', map, CURRENT_CPU, data, 100),
    );
    expect(results).toEqual([0, 0, errno('ENOSPC'), errno('ENOSPC')]);
    expect(read()).toHaveLength(2);
    expect(bench.on('perf_event_output', map, CURRENT_CPU, data, 1)).toBe(0);
    expect(read()).toEqual([2n, [0, 0, 0, 0]]);
  });

  it('wraps around many times without losing order', () => {
    const { bench, map, read } = open(256);
    for (let i = 0; i < 200; i++) {
      const data = bench.bytes(new Uint8Array(1 + (i % 50)).fill(i));
      expect(bench.on('perf_event_output', map, CURRENT_CPU, data, 1 + (i % 50))).toBe(0);
      const [sample] = read() as number[][];
      expect(sample!.slice(0, 1 + (i % 50))).toEqual(Array(1 + (i % 50)).fill(i));
    }
  });
});
