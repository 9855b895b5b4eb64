import { expect, it } from 'vitest';
import { errnoNumber, helperId, mapTypeId } from '../../src/abi/index.ts';
import {
  createRuntime,
  perfEventsConsume,
  perfEventsOpen,
  type Runtime,
  ringbufConsume,
  type RuntimeMap,
} from '../../src/runtime/index.ts';
import { C_FAULT_KIND, FAULT_FUEL, REGION_MAP_HANDLE, TAG_BASE } from '../../src/runtime/layout.ts';

const XDP = 6;
const first = createRuntime({ cpus: 2, shared: true, seed: 3 });
const second = createRuntime({
  cpus: 2,
  shared: true,
  join: { memory: first.memory, cpu: 1 },
});

function call(runtime: Runtime, name: string, ...args: (number | bigint)[]): number {
  const fn = runtime.helperFunction(helperId(name)!, XDP) as (...args: bigint[]) => bigint;
  return Number(BigInt.asIntN(64, fn(...args.map(BigInt))));
}

function newMap(type: string, maxEntries: number, size: number): RuntimeMap {
  return first.createMap({
    name: type,
    type: mapTypeId(type)!,
    keySize: size,
    valueSize: size,
    maxEntries,
    flags: 0,
  });
}

const handle = (map: RuntimeMap): bigint =>
  (BigInt.asUintN(32, BigInt(TAG_BASE + REGION_MAP_HANDLE)) << 32n) | BigInt(map.address);

it('two CPUs on one memory know who they are and draw different numbers', () => {
  expect([first, second].map((cpu) => call(cpu, 'get_smp_processor_id'))).toEqual([0, 1]);
  expect(call(first, 'get_prandom_u32')).not.toBe(call(second, 'get_prandom_u32'));
});

it('both write to one ring buffer, each to its own perf event', () => {
  const data = first.allocate(8);
  const ring = newMap('ringbuf', 4096, 0);
  const events = newMap('perf_event_array', 2, 4);
  const opened = perfEventsOpen(first, events);
  const context = first.allocate(64);
  for (const [cpu, runtime] of [first, second].entries()) {
    runtime.u8()[data] = 10 + cpu;
    expect(call(runtime, 'ringbuf_output', handle(ring), data, 1, 0)).toBe(0);
    const output = (flags: number): number =>
      call(runtime, 'perf_event_output', context, handle(events), flags, data, 1);
    expect(output(0xffffffff)).toBe(0);
    expect(output(1 - cpu)).toBe(-errnoNumber('EOPNOTSUPP')!);
  }
  const records: number[] = [];
  ringbufConsume(first, ring, (bytes) => void records.push(bytes[0]!));
  expect(records).toEqual([10, 11]);
  const samples: number[][] = [];
  perfEventsConsume(second, opened, { onSample: (b, cpu) => void samples.push([cpu, b[0]!]) });
  expect(samples).toEqual([
    [0, 10],
    [1, 11],
  ]);
});

it('spin locks can be taken again after they were given back', () => {
  const word = first.allocate(4);
  for (const runtime of [first, second, first]) {
    expect(call(runtime, 'spin_lock', word)).toBe(0);
    expect(first.u32()[word / 4]).toBe(1);
    expect(call(runtime, 'spin_unlock', word)).toBe(0);
  }
});

it('a lock that is never given back ends the run with a fault', () => {
  const word = first.allocate(4);
  call(first, 'spin_lock', word);
  expect(() => call(first, 'spin_lock', word)).toThrow(WebAssembly.RuntimeError);
  expect(first.u32()[(first.cpuBlock + C_FAULT_KIND) / 4]).toBe(FAULT_FUEL);
});
