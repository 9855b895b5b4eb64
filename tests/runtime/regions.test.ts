import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRuntime, type Runtime } from '../../src/runtime/index.ts';
import {
  CPU_REGIONS,
  C_STACK,
  C_STACK_END,
  FAULT_BAD_POINTER,
  FAULT_NONE,
  FAULT_OUT_OF_RANGE,
  FAULT_READ_ONLY,
  REGION_CTX,
  REGION_F_READ_ONLY,
  REGION_F_WRITE_ONLY,
  REGION_MAP_HANDLE,
  REGION_PACKET,
  REGION_SIZE,
  REGION_STACK,
  R_END,
  R_START,
  TAG_BASE,
} from '../../src/runtime/layout.ts';
import { definition, newMap, u32, u64 } from './map-harness.ts';

const tag = (region: number, address: number): bigint =>
  (BigInt((TAG_BASE + region) >>> 0) << 32n) | BigInt(address);

function check(runtime: Runtime, pointer: bigint, size: number, write = 0): number {
  const fn = runtime.exports['region_check'] as unknown as (
    p: bigint,
    s: number,
    w: number,
  ) => number;
  return fn(BigInt.asIntN(64, pointer), size, write);
}

type Numeric = (...args: number[]) => number;

/** A region over fresh memory. */
function region(runtime: Runtime, length: number, stride = 0, element = 0, flags = 0) {
  const id = (runtime.exports['region_new'] as Numeric)();
  const start = runtime.allocate(length);
  (runtime.exports['region_set'] as Numeric)(id, start, start + length, stride, element, flags, 0);
  return { id, start };
}

function perCpu(runtime: Runtime, id: number, start: number, end: number): void {
  const record = (runtime.cpuBlock + CPU_REGIONS + id * REGION_SIZE) >> 2;
  runtime.u32()[record + (R_START >> 2)] = start;
  runtime.u32()[record + (R_END >> 2)] = end;
}

test('NULL and small numbers are no pointers', () => {
  const runtime = createRuntime({ cpus: 1 });
  for (const address of [0n, 1n, 8n, 0xffffn]) {
    expect(check(runtime, address, 1)).toBe(FAULT_BAD_POINTER);
  }
});

test('tags that name no region are no pointers', () => {
  const runtime = createRuntime({ cpus: 1 });
  for (const high of [1n, 0x7fffn, 0xffff7fffn, 0xffffa000n, 0xffffffffn, 0xdeadbeefn]) {
    expect(check(runtime, (high << 32n) | 0x100000n, 1)).toBe(FAULT_BAD_POINTER);
  }
});

test('a region nobody set, map handles: no access', () => {
  const runtime = createRuntime({ cpus: 1 });
  expect(check(runtime, tag(8191, 0x100000), 1)).toBe(FAULT_BAD_POINTER);
  const map = runtime.createMap(definition('array'));
  expect(check(runtime, tag(REGION_MAP_HANDLE, map.address), 4)).toBe(FAULT_BAD_POINTER);
});

describe('packets (tag 0), contexts and the stack are the own CPU’s', () => {
  test('bounds of a packet', () => {
    const runtime = createRuntime({ cpus: 2 });
    const at = runtime.allocate(100);
    perCpu(runtime, REGION_PACKET, at, at + 60);
    expect(check(runtime, BigInt(at), 60)).toBe(FAULT_NONE);
    expect(check(runtime, BigInt(at + 59), 1)).toBe(FAULT_NONE);
    expect(check(runtime, BigInt(at + 59), 2)).toBe(FAULT_OUT_OF_RANGE);
    expect(check(runtime, BigInt(at + 60), 1)).toBe(FAULT_OUT_OF_RANGE);
    expect(check(runtime, BigInt(at - 1), 1)).toBe(FAULT_OUT_OF_RANGE);
    expect(check(runtime, BigInt(at + 60), 0)).toBe(FAULT_NONE);
    const other = createRuntime({ cpus: 2, join: { memory: runtime.memory, cpu: 1 } });
    expect(check(other, BigInt(at), 1)).not.toBe(FAULT_NONE);
  });

  test('the stack', () => {
    const runtime = createRuntime({ cpus: 1 });
    const low = runtime.cpuBlock + C_STACK;
    const end = runtime.cpuBlock + C_STACK_END;
    expect(check(runtime, tag(REGION_STACK, end - 8), 8, 1)).toBe(FAULT_NONE);
    expect(check(runtime, tag(REGION_STACK, end - 8), 9, 1)).toBe(FAULT_OUT_OF_RANGE);
    expect(check(runtime, tag(REGION_STACK, low), 1, 1)).toBe(FAULT_NONE);
    expect(check(runtime, tag(REGION_STACK, low - 1), 1, 1)).toBe(FAULT_OUT_OF_RANGE);
  });

  test('a context', () => {
    const runtime = createRuntime({ cpus: 1 });
    const at = runtime.allocate(64);
    perCpu(runtime, REGION_CTX, at, at + 24);
    expect(check(runtime, tag(REGION_CTX, at + 20), 4)).toBe(FAULT_NONE);
    expect(check(runtime, tag(REGION_CTX, at + 24), 4)).toBe(FAULT_OUT_OF_RANGE);
  });
});

test('flags: read-only and write-only regions', () => {
  const runtime = createRuntime({ cpus: 1 });
  const readOnly = region(runtime, 16, 0, 0, REGION_F_READ_ONLY);
  expect(check(runtime, tag(readOnly.id, readOnly.start), 4, 0)).toBe(FAULT_NONE);
  expect(check(runtime, tag(readOnly.id, readOnly.start), 4, 1)).toBe(FAULT_READ_ONLY);
  const writeOnly = region(runtime, 16, 0, 0, REGION_F_WRITE_ONLY);
  expect(check(runtime, tag(writeOnly.id, writeOnly.start), 4, 1)).toBe(FAULT_NONE);
  expect(check(runtime, tag(writeOnly.id, writeOnly.start), 4, 0)).not.toBe(FAULT_NONE);
});

test('freed regions fail until they are used again', () => {
  const runtime = createRuntime({ cpus: 1 });
  const { id, start } = region(runtime, 16);
  expect(check(runtime, tag(id, start), 16)).toBe(FAULT_NONE);
  (runtime.exports['region_free'] as Numeric)(id);
  expect(check(runtime, tag(id, start), 1)).toBe(FAULT_BAD_POINTER);
  expect((runtime.exports['region_new'] as Numeric)()).toBe(id);
});

test('arrays of elements: exactly the bytes that lie in one element', () => {
  const property = fc.property(
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 0, max: 24 }),
    fc.integer({ min: 1, max: 6 }),
    fc.integer({ min: -20, max: 300 }),
    fc.integer({ min: 0, max: 48 }),
    (element, gap, count, offset, size) => {
      const runtime = createRuntime({ cpus: 1 });
      const stride = element + gap;
      const length = stride * count;
      const { id, start } = region(runtime, length, stride, element);
      const inside = offset >= 0 && offset + size <= length;
      const within = ((offset % stride) + stride) % stride;
      const right = inside && within + size <= element;
      const end = offset === length && size === 0 && within === 0;
      const got = check(runtime, tag(id, start + offset), size);
      expect(got).toBe(right || end ? FAULT_NONE : FAULT_OUT_OF_RANGE);
    },
  );
  fc.assert(property, { numRuns: 150 });
});

describe.each(['array', 'percpu_array', 'hash', 'percpu_hash', 'lru_hash', 'lru_percpu_hash'])(
  'values of a %s',
  (type) => {
    test('all of the value, and nothing around it', () => {
      const { runtime, program } = newMap(type, { valueSize: 12, maxEntries: 3 }, { cpus: 2 });
      for (const k of [0, 1, 2]) program.update(u32(k), new Uint8Array(12));
      for (const k of [0, 1, 2]) {
        const value = program.lookup(u32(k));
        expect(check(runtime, value, 12, 1)).toBe(FAULT_NONE);
        expect(check(runtime, value + 11n, 1, 1)).toBe(FAULT_NONE);
        expect(check(runtime, value, 13)).toBe(FAULT_OUT_OF_RANGE);
        expect(check(runtime, value + 12n, 1)).toBe(FAULT_OUT_OF_RANGE);
        expect(check(runtime, value - 1n, 1)).toBe(FAULT_OUT_OF_RANGE);
        expect(check(runtime, value, 0x7fffffff)).toBe(FAULT_OUT_OF_RANGE);
      }
    });

    test('BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG', () => {
      const readOnly = newMap(type, { flags: 128 });
      readOnly.map.update(u32(1), new Uint8Array(8));
      const value = readOnly.program.lookup(u32(1));
      expect(check(readOnly.runtime, value, 8, 0)).toBe(FAULT_NONE);
      expect(check(readOnly.runtime, value, 8, 1)).toBe(FAULT_READ_ONLY);
      const writeOnly = newMap(type, { flags: 256 });
      writeOnly.program.update(u32(1), u64(1));
      expect(check(writeOnly.runtime, writeOnly.program.lookup(u32(1)), 8, 0)).not.toBe(FAULT_NONE);
    });

    test('a freed map’s values are gone', () => {
      const { runtime, map, program } = newMap(type);
      program.update(u32(1), u64(1));
      const value = program.lookup(u32(1));
      map.free();
      expect(check(runtime, value, 1)).not.toBe(FAULT_NONE);
    });
  },
);

test('values of an lpm_trie and a devmap', () => {
  const trie = newMap('lpm_trie', { valueSize: 20 });
  trie.program.update(Uint8Array.of(8, 0, 0, 0, 10, 0, 0, 0), new Uint8Array(20));
  const route = trie.program.lookup(Uint8Array.of(32, 0, 0, 0, 10, 1, 1, 1));
  expect(check(trie.runtime, route, 20, 1)).toBe(FAULT_NONE);
  expect(check(trie.runtime, route, 21, 1)).toBe(FAULT_OUT_OF_RANGE);
  const devices = newMap('devmap');
  devices.map.update(u32(0), Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  const device = devices.program.lookup(u32(0));
  expect(check(devices.runtime, device, 8, 0)).toBe(FAULT_NONE);
  expect(check(devices.runtime, device, 8, 1)).toBe(FAULT_READ_ONLY);
});
