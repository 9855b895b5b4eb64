import { describe, expect, it } from 'vitest';
import { kernelError } from '../../src/runtime/host/errno.ts';
import {
  createRuntime,
  LAZY_DELAY,
  type MemoryModelOptions,
  MemoryReader,
  type Runtime,
} from '../../src/runtime/index.ts';
import { definition, E2BIG, EXIST, NO_PREALLOC, NOEXIST, u32, u64 } from './map-harness.ts';

const ENOMEM = -12;

function runtimeWith(memoryModel: MemoryModelOptions, cpus = 1): Runtime {
  return createRuntime({ cpus, seed: 1, memoryModel });
}

const hash = (entries: number, changes = {}) =>
  definition('hash', { maxEntries: entries, flags: NO_PREALLOC, ...changes });

/** The only pool, or that of a kind. */
function poolOf(runtime: Runtime, kind = 'map') {
  const found = new MemoryReader(runtime).report().pools.find((one) => one.kind === kind);
  if (!found) throw kernelError('ENOENT', `no pool of kind ${kind}`);
  return found;
}

/** Work as a program does it: as a reader, then a moment for grace periods. */
function reading(runtime: Runtime, work: () => void): void {
  const reader = runtime.gracePeriods!.begin();
  work();
  runtime.gracePeriods!.end(reader);
}

describe('the pool of a hash without preallocation', () => {
  it('counts elements as Linux does and fills a cache with four, then by the batch', () => {
    const runtime = runtimeWith({ gracePeriods: 'lazy' });
    const map = runtime.createMap(hash(1000));
    // struct htab_elem 48, key 8, value 8, list node 8.
    expect(poolOf(runtime)).toMatchObject({ unit: 72, low: 32, high: 96, cached: [4], held: 4 });
    expect(map.update(u32(1), u64(1))).toBe(0);
    expect(poolOf(runtime)).toMatchObject({ live: 1, cached: [51], held: 52 });
  });

  it('has watermarks by size', () => {
    const runtime = runtimeWith({ gracePeriods: 'lazy' });
    runtime.createMap(hash(10, { valueSize: 1024 - 64 }));
    expect(poolOf(runtime)).toMatchObject({ unit: 1024, low: 8, high: 24, cached: [1] });
  });

  it('reuses at once what was freed last', () => {
    const runtime = runtimeWith({ gracePeriods: 'lazy' });
    const map = runtime.createMap(hash(1000));
    map.update(u32(1), u64(1));
    const lookup = runtime.exports['hash_lookup'] as (map: number, key: number) => bigint;
    const key = runtime.allocate(8);
    const at = (k: number) => {
      runtime.u32()[key >>> 2] = k;
      return lookup(map.address, key);
    };
    const first = at(1);
    map.delete(u32(1));
    map.update(u32(2), u64(2));
    expect(at(2)).toBe(first);
  });

  it('trims a full cache to the middle, and what is trimmed waits for tasks-trace', () => {
    const runtime = runtimeWith({ gracePeriods: 'lazy' });
    const map = runtime.createMap(hash(1000));
    for (let i = 0; i < 300; i++) map.update(u32(i), u64(i));
    for (let i = 0; i < 300; i++) map.delete(u32(i));
    const before = poolOf(runtime);
    expect(before.live).toBe(0);
    expect(before.cached[0]).toBeGreaterThanOrEqual(before.low);
    expect(before.cached[0]).toBeLessThanOrEqual(before.high);
    expect(before.waitingTrace).toBe(before.held - before.cached[0]!);
    expect(before.waitingTrace).toBeGreaterThan(0);
    runtime.gracePeriods!.endAll();
    const after = poolOf(runtime);
    expect(after.held).toBeLessThan(before.held);
    expect(after.heldPeak).toBe(before.heldPeak);
  });

  it('keeps the errors: full, there, not there', () => {
    const runtime = runtimeWith({ gracePeriods: 'eager' });
    const map = runtime.createMap(hash(2));
    expect(map.update(u32(1), u64(1), EXIST)).toBe(-2);
    expect(map.update(u32(1), u64(1))).toBe(0);
    expect(map.update(u32(1), u64(1), NOEXIST)).toBe(-17);
    expect(map.update(u32(2), u64(1))).toBe(0);
    expect(map.update(u32(3), u64(1))).toBe(E2BIG);
    expect(map.update(u32(2), u64(7))).toBe(0);
    const value = new Uint8Array(8);
    expect(map.lookup(u32(2), value)).toBe(0);
    expect(value).toEqual(u64(7));
  });

  it('gives everything back with the map', () => {
    for (const type of ['hash', 'percpu_hash']) {
      const runtime = runtimeWith({ gracePeriods: 'lazy' }, 4);
      const map = runtime.createMap(hash(100, { type: definition(type).type }));
      const value = new Uint8Array(map.userValueSize);
      for (let i = 0; i < 50; i++) expect(map.update(u32(i), value)).toBe(0);
      for (let i = 0; i < 25; i++) expect(map.delete(u32(i))).toBe(0);
      expect(new MemoryReader(runtime).report().bytes).toBeGreaterThan(0);
      map.free();
      expect(new MemoryReader(runtime).report()).toMatchObject({ bytes: 0, pools: [] });
    }
  });

  it('has another pool for per-CPU values, of few items', () => {
    const runtime = runtimeWith({ gracePeriods: 'eager' }, 2);
    runtime.createMap(hash(100, { type: definition('percpu_hash').type }));
    expect(poolOf(runtime, 'percpu')).toMatchObject({ unit: 8, low: 1, high: 3, cached: [1, 1] });
  });
});

describe('grace periods', () => {
  const prefix = (bits: number, address: number) => {
    const key = new Uint8Array(8);
    new DataView(key.buffer).setUint32(0, bits, true);
    new DataView(key.buffer).setUint32(4, address);
    return key;
  };

  it('eager: what a reader may see waits until it is gone', () => {
    const runtime = runtimeWith({ gracePeriods: 'eager' });
    const map = runtime.createMap(definition('lpm_trie', { maxEntries: 10 }));
    map.update(prefix(8, 1 << 24), u64(1));
    const { gracePeriods } = runtime;
    const outer = gracePeriods!.begin();
    reading(runtime, () => map.delete(prefix(8, 1 << 24)));
    expect(poolOf(runtime)).toMatchObject({ live: 0, waitingRcu: 1, held: 1 });
    gracePeriods!.end(outer);
    expect(poolOf(runtime)).toMatchObject({ live: 0, waitingRcu: 0, held: 0 });
  });

  it('a reader that began later does not hold them up, a sleepable one only tasks-trace', () => {
    const runtime = runtimeWith({ gracePeriods: 'eager' });
    const map = runtime.createMap(definition('lpm_trie', { maxEntries: 10 }));
    const remove = () => {
      map.update(prefix(8, 1 << 24), u64(1));
      map.delete(prefix(8, 1 << 24));
    };
    remove();
    const later = runtime.gracePeriods!.begin();
    runtime.gracePeriods!.moment();
    expect(poolOf(runtime).held).toBe(0);
    remove();
    runtime.gracePeriods!.moment();
    expect(poolOf(runtime).held).toBe(1);
    runtime.gracePeriods!.end(later);
    const sleeper = runtime.gracePeriods!.begin(true);
    remove();
    runtime.gracePeriods!.moment();
    expect(poolOf(runtime).held).toBe(0);
    runtime.gracePeriods!.end(sleeper);
  });

  it('lazy: they end by the clock, or when memory runs out', () => {
    const runtime = runtimeWith({ gracePeriods: 'lazy', memory: { limit: 400 } });
    const map = runtime.createMap(definition('lpm_trie', { maxEntries: 10 }));
    const remove = () => {
      map.update(prefix(8, 1 << 24), u64(1));
      return map.delete(prefix(8, 1 << 24));
    };
    reading(runtime, remove);
    expect(poolOf(runtime).waitingRcu).toBe(1);
    runtime.events.advance(LAZY_DELAY - 1);
    expect(poolOf(runtime).waitingRcu).toBe(1);
    runtime.events.advance(LAZY_DELAY);
    expect(poolOf(runtime).waitingRcu).toBe(0);
    const results: number[] = [];
    for (let i = 0; i < 12; i++) {
      reading(runtime, () => void results.push(map.update(prefix(8, 1 << 24), u64(1))));
    }
    expect(results).toContain(ENOMEM);
    expect(results[results.indexOf(ENOMEM) + 1]).toBe(0);
  });

  it('adversarial: the same seed ends the same ones, another one others', () => {
    const trace = (seed: number) => {
      const runtime = runtimeWith({ gracePeriods: { seed } });
      const map = runtime.createMap(definition('lpm_trie', { maxEntries: 10 }));
      return Array.from({ length: 60 }, (_, i) => {
        reading(runtime, () => {
          map.update(prefix(8, i << 24), u64(1));
          map.delete(prefix(8, i << 24));
        });
        return poolOf(runtime).waitingRcu;
      }).join();
    };
    expect(trace(5)).toBe(trace(5));
    expect(new Set([trace(1), trace(2), trace(3), trace(4)]).size).toBeGreaterThan(1);
  });

  it('follow a list of choices', () => {
    const runtime = runtimeWith({ gracePeriods: { choices: [false, false, true] } });
    const map = runtime.createMap(definition('lpm_trie', { maxEntries: 10 }));
    map.update(prefix(8, 1 << 24), u64(1));
    map.delete(prefix(8, 1 << 24));
    const waiting = Array.from({ length: 4 }, () => {
      runtime.gracePeriods!.moment();
      return poolOf(runtime).waitingRcu;
    });
    expect(waiting).toEqual([1, 1, 0, 0]);
    expect(runtime.gracePeriods!.choices.asked).toBe(3);
  });
});

describe('failing allocations', () => {
  it('the one that is named, and no element is lost', () => {
    const runtime = runtimeWith({ memory: { failAt: 3 } });
    const map = runtime.createMap(hash(100));
    const results = [1, 2, 3, 4].map((i) => map.update(u32(i), u64(i)));
    expect(results).toEqual([0, 0, ENOMEM, 0]);
    const [failure] = new MemoryReader(runtime).drain();
    expect(failure).toMatchObject({ kind: 'failure', request: 3, reason: 'injected' });
    expect(failure!.pool).toMatchObject({ name: 'm', failed: 1 });
    const value = new Uint8Array(8);
    expect([1, 2, 3, 4].map((i) => map.lookup(u32(i), value))).toEqual([0, 0, -2, 0]);
  });

  it('an update that finds no memory leaves the old value', () => {
    const runtime = runtimeWith({ memory: { failAt: 2 } });
    const map = runtime.createMap(hash(100));
    expect(map.update(u32(1), u64(1))).toBe(0);
    expect(map.update(u32(1), u64(2))).toBe(ENOMEM);
    const value = new Uint8Array(8);
    expect(map.lookup(u32(1), value)).toBe(0);
    expect(value).toEqual(u64(1));
  });

  it('beyond a limit, for all types that allocate', () => {
    const runtime = runtimeWith({ memory: { limit: 72 * 10 } });
    const map = runtime.createMap(hash(100));
    let kept = 0;
    for (let i = 0; i < 100; i++) if (map.update(u32(i), u64(i)) === 0) kept++;
    expect(kept).toBe(10);
    expect(new MemoryReader(runtime).report()).toMatchObject({ bytes: 720, limit: 720 });
  });

  it('per-CPU values fail without leaving half an element', () => {
    for (let failAt = 1; failAt <= 4; failAt++) {
      const runtime = runtimeWith({ memory: { failAt } }, 2);
      const map = runtime.createMap(hash(10, { type: definition('percpu_hash').type }));
      const results = [0, 1].map((i) => map.update(u32(i), new Uint8Array(16)));
      expect(results.filter((one) => one === ENOMEM)).toHaveLength(1);
      const report = new MemoryReader(runtime).report();
      expect(report.pools.map(({ live }) => live)).toEqual([1, 1]);
    }
  });
});

it('refuses numbers that are none', () => {
  for (const memory of [{ limit: 0 }, { failAt: 1.5 }, { failEvery: -1 }, { limit: 2 ** 33 }]) {
    expect(() => runtimeWith({ memory })).toThrow(/is a whole number from 1/);
  }
});

describe('poison', () => {
  it('is what a freed value is until its memory is used again', () => {
    const runtime = runtimeWith({ memory: { poison: true } });
    const map = runtime.createMap(hash(10));
    map.update(u32(1), u64(1));
    const lookup = runtime.exports['hash_lookup'] as (map: number, key: number) => bigint;
    const key = runtime.allocate(8);
    runtime.u32()[key >>> 2] = 1;
    const at = Number(BigInt.asUintN(32, lookup(map.address, key)));
    map.delete(u32(1));
    expect(runtime.u8().slice(at, at + 8)).toEqual(new Uint8Array(8).fill(0x6b));
  });
});
