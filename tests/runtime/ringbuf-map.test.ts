import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Runtime,
  type RuntimeMap,
  ringbufConsume,
  ringbufWakeups,
} from '../../src/runtime/index.ts';
import { EAGAIN, EINVAL, ENOTSUPP, newMap } from './map-harness.ts';

const NO_WAKEUP = 1n;
const FORCE_WAKEUP = 2n;
const none = new Uint8Array(0);

/** The program side of a ring buffer. */
class Ring {
  readonly runtime: Runtime;
  readonly map: RuntimeMap;
  readonly #data: number;

  constructor(size: number, shared = false) {
    const { runtime, map } = newMap('ringbuf', { maxEntries: size }, { shared });
    this.runtime = runtime;
    this.map = map;
    this.#data = runtime.allocate(65536);
  }

  call(name: string, ...args: (number | bigint)[]): bigint {
    const fn = this.runtime.exports[`ringbuf_${name}`] as unknown as (
      ...args: (number | bigint)[]
    ) => bigint;
    return fn(...args);
  }

  reserve(size: number, flags = 0n): bigint {
    return BigInt.asUintN(64, this.call('reserve', this.map.address, BigInt(size), flags));
  }

  fill(sample: bigint, bytes: Uint8Array): void {
    this.runtime.u8().set(bytes, Number(sample & 0xffffffffn));
  }

  output(bytes: Uint8Array, flags = 0n): number {
    this.runtime.u8().set(bytes, this.#data);
    return Number(this.call('output', this.map.address, this.#data, BigInt(bytes.length), flags));
  }

  query(what: number): number {
    return Number(this.call('query', this.map.address, BigInt(what)));
  }

  records(limit = Infinity): Uint8Array[] {
    const all: Uint8Array[] = [];
    ringbufConsume(this.runtime, this.map, (bytes) => {
      all.push(bytes.slice());
      return all.length < limit;
    });
    return all;
  }

  /** Whether checked code may write `size` bytes at `sample`. */
  writable(sample: bigint, size: number): boolean {
    const check = this.runtime.exports['region_check'] as unknown as (
      pointer: bigint,
      size: number,
      write: number,
    ) => number;
    return check(BigInt.asIntN(64, sample), size, 1) === 0;
  }
}

const bytes = (n: number, size: number) => new Uint8Array(size).fill(n);

describe.each([false, true])('ring buffer (shared: %s)', (shared) => {
  const ring = (size = 4096) => new Ring(size, shared);

  test('records come out as they went in, in order of reservation', () => {
    const r = ring();
    const first = r.reserve(10);
    expect(r.output(bytes(2, 5))).toBe(0);
    expect(r.records()).toEqual([]);
    r.fill(first, bytes(1, 10));
    r.call('submit', first, 0n);
    expect(r.records()).toEqual([bytes(1, 10), bytes(2, 5)]);
    expect(r.records()).toEqual([]);
  });

  test('discarded records are skipped', () => {
    const r = ring();
    const samples = [r.reserve(8), r.reserve(8), r.reserve(8)];
    samples.forEach((sample, i) => r.fill(sample, bytes(i, 8)));
    r.call('discard', samples[1]!, 0n);
    r.call('submit', samples[0]!, 0n);
    r.call('submit', samples[2]!, 0n);
    expect(r.records()).toEqual([bytes(0, 8), bytes(2, 8)]);
    expect(r.query(0)).toBe(0);
  });

  test('positions, sizes and the header are the kernel’s', () => {
    const r = ring(8192);
    expect(r.query(1)).toBe(8192);
    const sample = r.reserve(13);
    const at = Number(sample & 0xffffffffn);
    expect(r.runtime.u32()[(at - 8) >> 2]).toBe((13 | 0x80000000) >>> 0);
    // The data begins behind three pages: ours, consumer position, producer position.
    expect(r.runtime.u32()[(at - 4) >> 2]).toBe(3);
    expect([r.query(0), r.query(2), r.query(3)]).toEqual([24, 0, 24]);
    r.call('submit', sample, 0n);
    expect(r.runtime.u32()[(at - 8) >> 2]).toBe(13);
    r.records();
    expect([r.query(0), r.query(2), r.query(3), r.query(9)]).toEqual([0, 24, 24, 0]);
  });

  test('space: at most size - 1 bytes may be in use', () => {
    const r = ring();
    expect(r.reserve(4096 - 8)).toBe(0n);
    expect(r.reserve(4096 - 16)).not.toBe(0n);
    expect(r.reserve(0)).toBe(0n);
    const s = ring();
    expect(s.output(bytes(1, 4096))).toBe(EAGAIN);
    expect(s.reserve(0x40000000)).toBe(0n);
    expect(s.reserve(2 ** 40)).toBe(0n);
    expect(s.output(bytes(1, 2000))).toBe(0);
    expect(s.output(bytes(2, 2000))).toBe(0);
    expect(s.output(bytes(3, 2000))).toBe(EAGAIN);
    expect(s.records(1)).toEqual([bytes(1, 2000)]);
    expect(s.output(bytes(3, 2000))).toBe(0);
    expect(s.records()).toEqual([bytes(2, 2000), bytes(3, 2000)]);
  });

  test('a record not submitted holds back the space behind it', () => {
    const r = ring();
    const slow = r.reserve(1000);
    expect(r.output(bytes(1, 2000))).toBe(0);
    expect(r.output(bytes(2, 1500))).toBe(EAGAIN);
    expect(r.records()).toEqual([]);
    r.call('discard', slow, 0n);
    expect(r.records()).toEqual([bytes(1, 2000)]);
    expect(r.output(bytes(2, 1500))).toBe(0);
  });

  test('a record across the end is in one piece for the program and the reader', () => {
    const r = ring();
    for (let round = 0; round < 50; round++) {
      const size = 1000 + round * 7;
      const sample = r.reserve(size);
      r.fill(
        sample,
        Uint8Array.from({ length: size }, (_, i) => (i + round) & 0xff),
      );
      r.call('submit', sample, 0n);
      expect(r.records()).toEqual([
        Uint8Array.from({ length: size }, (_, i) => (i + round) & 0xff),
      ]);
    }
  });

  test('wake-ups: when the reader has caught up, when forced, not when told not to', () => {
    const r = ring();
    const count = () => ringbufWakeups(r.runtime, r.map);
    r.output(bytes(1, 8));
    expect(count()).toBe(1);
    r.output(bytes(1, 8));
    expect(count()).toBe(1);
    r.output(bytes(1, 8), FORCE_WAKEUP);
    expect(count()).toBe(2);
    r.records();
    r.output(bytes(1, 8), NO_WAKEUP);
    expect(count()).toBe(2);
  });

  test('flags', () => {
    const r = ring();
    expect(r.reserve(8, 1n)).toBe(0n);
    expect(r.output(bytes(1, 8), 4n)).toBe(EINVAL);
  });

  test('bpf(2) element commands are ENOTSUPP', () => {
    const { map } = ring();
    expect(map.lookup(none, none)).toBe(ENOTSUPP);
    expect(map.update(none, none)).toBe(ENOTSUPP);
    expect(map.delete(none)).toBe(ENOTSUPP);
    expect(map.nextKey(undefined, none)).toBe(ENOTSUPP);
    expect(map.lookupAndDelete(none, none)).toBe(ENOTSUPP);
  });

  test('checked code reaches its reservation only, and only until it is submitted', () => {
    const r = ring();
    const first = r.reserve(12);
    const second = r.reserve(20);
    expect(r.writable(first, 12)).toBe(true);
    expect(r.writable(first, 13)).toBe(false);
    expect(r.writable(first - 8n, 4)).toBe(false);
    expect(r.writable(second, 20)).toBe(true);
    r.call('submit', first, 0n);
    expect(r.writable(first, 1)).toBe(false);
    expect(r.writable(second, 20)).toBe(true);
    r.call('discard', second, 0n);
    expect(r.writable(second, 1)).toBe(false);
  });

  test('more reservations than regions still work', () => {
    const r = ring(65536);
    const samples = Array.from({ length: 40 }, (_, i) => {
      const sample = r.reserve(16);
      r.fill(sample, bytes(i, 16));
      expect(r.writable(sample, 16)).toBe(true);
      return sample;
    });
    for (const sample of samples.toReversed()) r.call('submit', sample, 0n);
    expect(r.records()).toEqual(samples.map((_, i) => bytes(i, 16)));
    expect(r.writable(r.reserve(4), 5)).toBe(false);
  });

  test('any mix of sizes and readers against a list', () => {
    const operation = fc.record({
      op: fc.constantFrom('output', 'output', 'reserve', 'read', 'readOne'),
      size: fc.oneof(fc.nat(64), fc.nat(3000)),
      keep: fc.boolean(),
    });
    const property = fc.property(fc.array(operation, { maxLength: 150 }), (steps) => {
      const r = ring();
      let expected: Uint8Array[] = [];
      steps.forEach(({ op, size, keep }, i) => {
        const data = bytes(i & 0xff, size);
        if (op === 'output') {
          if (r.output(data) === 0) expected.push(data);
        } else if (op === 'reserve') {
          const sample = r.reserve(size);
          if (sample === 0n) return;
          r.fill(sample, data);
          r.call(keep ? 'submit' : 'discard', sample, 0n);
          if (keep) expected.push(data);
        } else if (op === 'read') {
          expect(r.records()).toEqual(expected);
          expected = [];
        } else {
          expect(r.records(1)).toEqual(expected.slice(0, 1));
          expected = expected.slice(1);
        }
        expect(r.query(0)).toBeLessThan(4096);
      });
      expect(r.records()).toEqual(expected);
    });
    fc.assert(property, { numRuns: 60 });
  });
});
