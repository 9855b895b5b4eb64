/**
 * What the kernel's tests of batches and of storage (tools/testing/selftests/bpf/map_tests of 6.12)
 * assert, said again in words of our own; threads are turns taken at random.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';
import { parseObject } from '../../src/object/index.ts';
import type { KernelMap, KernelOwner } from '../../src/kernel/index.ts';
import { randomFrom } from '../runtime/soak.ts';
import { BPF_F_NO_PREALLOC, User, type UserMap } from './user-maps.ts';

const COUNT = 10;
const all = Array.from({ length: COUNT }, (_, i) => i);

/** Keys with their values, in the order of keys. */
const sorted = (pairs: readonly [number, number][]) => pairs.toSorted(([a], [b]) => a - b);

/** Everything, in pieces of `step`; a bucket that does not fit ends it with ENOSPC. */
function inPieces(map: UserMap, command: 'lookup' | 'take', step: number) {
  const position: { at?: Uint8Array } = {};
  const pairs: [number, number][] = [];
  for (;;) {
    const { result, pairs: some } = map.batch(command, { count: step, position });
    pairs.push(...some);
    if (result !== 0) return { result, pairs };
  }
}

describe('array_map_batch_ops', () => {
  it.each(['array', 'percpu_array'])('%s', async (type) => {
    const map = (await User.boot()).create(type, { maxEntries: COUNT });
    expect(map.batch('update', { keys: all, values: all.map((i) => i + 1) })).toMatchObject({
      result: 0,
      count: COUNT,
    });
    const expected = all.map((i) => [i, i + 1]);
    for (let step = 1; step < COUNT; step++) {
      expect(inPieces(map, 'lookup', step)).toEqual({ result: 'ENOENT', pairs: expected });
    }
    for (const command of ['take', 'delete'] as const) {
      expect(map.batch(command, { keys: all }).result).toBe('ENOTSUPP');
    }
  });
});

describe('htab_map_batch_ops', () => {
  const types = ['hash', 'percpu_hash'];
  const fill = (map: UserMap) =>
    expect(map.batch('update', { keys: all, values: all.map((i) => i + 1) }).result).toBe(0);
  const expected = all.map((i): [number, number] => [i, i + 1]);

  it.each(types)('lookup and delete, %s', async (type) => {
    const map = (await User.boot()).create(type, { maxEntries: COUNT });
    expect(map.batch('take', { count: COUNT })).toMatchObject({ result: 'ENOENT', count: 0 });
    fill(map);
    expect(map.batch('take', { count: 0 }).result).toBe(0);
    const whole = map.batch('take', { count: COUNT });
    expect(whole).toMatchObject({ count: COUNT });
    expect(['ENOENT', 0]).toContain(whole.result);
    expect(sorted(whole.pairs)).toEqual(expected);
    expect(map.next(undefined)).toBe('ENOENT');
  });

  it.each(types)('in pieces of every size, %s', async (type) => {
    const map = (await User.boot()).create(type, { maxEntries: COUNT });
    let complete = 0;
    for (let step = 1; step < COUNT; step++) {
      fill(map);
      const { result, pairs } = inPieces(map, 'take', step);
      if (result === 'ENOSPC') continue;
      expect([result, sorted(pairs), map.keys()]).toEqual(['ENOENT', expected, []]);
      complete++;
    }
    expect(complete).toBeGreaterThan(0);
  });

  it.each(types)('delete, %s', async (type) => {
    const map = (await User.boot()).create(type, { maxEntries: COUNT });
    expect(map.batch('delete', { keys: all })).toMatchObject({ result: 'ENOENT', count: 0 });
    expect(map.batch('delete', { keys: [] })).toMatchObject({ result: 0, count: 0 });
    fill(map);
    expect(map.batch('delete', { keys: all })).toMatchObject({ result: 0, count: COUNT });
    expect(map.keys()).toEqual([]);
    fill(map);
    map.delete(3);
    expect(map.batch('delete', { keys: all })).toMatchObject({ result: 'ENOENT', count: 3 });
  });
});

/** Prefixes of an IPv4 address that end in different bytes. */
function prefix(i: number): Uint8Array {
  const key = new Uint8Array(8);
  new DataView(key.buffer).setUint32(0, 32, true);
  key.set([192, 168, 0, i + 1], 4);
  return key;
}

describe('lpm_trie', () => {
  it('lpm_trie_map_batch_ops', async () => {
    const user = await User.boot();
    const options = { keySize: 8, maxEntries: COUNT, flags: BPF_F_NO_PREALLOC };
    const map = user.create('lpm_trie', options);
    const keys = all.map(prefix);
    for (let step = 1; step < COUNT; step++) {
      map.batch('update', { keys, values: all.map((i) => i + 1) });
      const { result, pairs } = inPieces(map, 'lookup', step);
      expect(result).toBe('ENOENT');
      expect(pairs.map(([, value]) => value).toSorted((a, b) => a - b)).toEqual(
        all.map((i) => i + 1),
      );
      expect(map.batch('take', { count: COUNT }).result).toBe('ENOTSUPP');
      expect(map.batch('delete', { keys })).toMatchObject({ result: 0, count: COUNT });
      expect(map.next(undefined)).toBe('ENOENT');
    }
  });

  it('lpm_trie_map_get_next_key: every length of one address, from the longest on', async () => {
    const user = await User.boot();
    const options = { keySize: 8, maxEntries: 33, flags: BPF_F_NO_PREALLOC };
    const map = user.create('lpm_trie', options);
    const keys = Array.from({ length: 33 }, (_, length) => {
      const key = new Uint8Array(8);
      key[0] = length;
      return key;
    });
    for (const key of keys) expect(map.update(key, 1)).toBe(0);
    for (let round = 0; round < 100; round++) expect(map.next(keys[32]!)).toEqual(keys[31]);
    expect(map.keys()).toEqual([...keys.keys()].toReversed());
  });
});

describe('map_in_map_batch_ops', () => {
  it.each(['array_of_maps', 'hash_of_maps'])('%s', async (type) => {
    const user = await User.boot();
    const inner = all.map(() => user.create('array'));
    const outer = user.create(type, { valueSize: 4, maxEntries: COUNT, inner: inner[0]! });
    const values = inner.map(({ fd }) => fd);
    expect(outer.batch('update', { keys: all, values })).toMatchObject({ result: 0, count: COUNT });
    const ids = all.map((key) => [key, outer.lookup(key)]);
    expect(new Set(ids.map(([, id]) => id)).size).toBe(COUNT);
    const { result, pairs } = inPieces(outer, 'lookup', COUNT);
    expect([result, sorted(pairs)]).toEqual(['ENOENT', ids]);
    if (type === 'array_of_maps') {
      expect(outer.batch('delete', { keys: all }).result).toBe('ENOTSUPP');
      return;
    }
    expect(outer.batch('delete', { keys: all }).result).toBe(0);
    expect(outer.keys()).toEqual([]);
  });
});

describe('map_percpu_stats', () => {
  // Its counts come from bpf_map_sum_elem_count, which is a listed gap; they are of what is there.
  const types = ['hash', 'percpu_hash', 'lru_hash', 'lru_percpu_hash'];
  it.each(types)('%s has as many elements as were put in, and none at the end', async (type) => {
    const user = await User.boot();
    const map = user.create(type, { maxEntries: 4096 });
    const random = randomFrom(7);
    const keys = Array.from({ length: 1500 }, (_, key) => key);
    for (let turn = 0; turn < 3; turn++) {
      for (const key of keys) expect(map.update(key, random(1000))).toBe(0);
    }
    expect(map.keys()).toHaveLength(keys.length);
    for (const key of map.keys()) {
      if (key % 2 === 0) expect(map.delete(key)).toBe(0);
      else expect(typeof map.take(key)).toBe('number');
    }
    expect(map.keys()).toEqual([]);
  });
});

const PROGRAMS = new URL('../fixtures/map-programs/', import.meta.url);
const storageOf = {
  sk_storage: ['objects.bpf.o', 'socket'],
  task_storage: ['owned.bpf.o', 'task'],
} as const;

/** Owners and maps come and go in any order while values are put in. */
async function stress(kind: keyof typeof storageOf, seed: number): Promise<void> {
  const [file, owner] = storageOf[kind];
  const host = await createMachine({ gracePeriods: { seed }, memory: { poison: true } });
  const object = parseObject(readFileSync(new URL(file, PROGRAMS)));
  const loaded = await host.load(object);
  const { spec } = loaded.maps[kind]!.kernelMap;
  const random = randomFrom(seed);
  let maps: { map: KernelMap; held: Map<number, bigint> }[] = [];
  let owners: KernelOwner[] = [];
  for (let i = 0; i < 2000; i++) {
    const draw = random(8);
    if (draw === 0 || owners.length === 0) owners.push(host.kernel.createOwner(owner));
    else if (draw === 1 || maps.length === 0) {
      maps.push({ map: host.kernel.createMap(spec, undefined, object.btf), held: new Map() });
    } else if (draw === 2 && owners.length > 3)
      owners = dropOne(owners, random, (one) => one.free());
    else if (draw === 3 && maps.length > 3) maps = dropOne(maps, random, ({ map }) => map.close());
    else change(maps[random(maps.length)]!, owners[random(owners.length)]!, random);
  }
  for (const one of owners) one.free();
  for (const { map } of maps) map.close();
  loaded[Symbol.dispose]();
  const live = host.memory!.report().pools.filter((pool) => pool.live > 0);
  expect(live).toEqual([]);
}

function dropOne<T>(from: T[], random: (limit: number) => number, end: (one: T) => void): T[] {
  const at = random(from.length);
  end(from[at]!);
  return from.filter((_, i) => i !== at);
}

function change(
  { map, held }: { map: KernelMap; held: Map<number, bigint> },
  { number }: KernelOwner,
  random: (limit: number) => number,
): void {
  const key = new Uint8Array(Uint32Array.of(number).buffer);
  const value = new Uint8Array(8);
  const view = new DataView(value.buffer);
  if (random(3) === 0) {
    expect(map.delete(key)).toBe(held.delete(number) ? 0 : -2);
  } else {
    view.setBigUint64(0, BigInt(random(1 << 30)), true);
    expect(map.update(key, value)).toBe(0);
    held.set(number, view.getBigUint64(0, true));
  }
  value.fill(0);
  expect(map.lookup(key, value)).toBe(held.has(number) ? 0 : -2);
  if (held.has(number)) expect(view.getBigUint64(0, true)).toBe(held.get(number));
}

describe('sk_storage_map and task_storage_map', () => {
  it.each([
    ['sk_storage', 1],
    ['sk_storage', 2],
    ['task_storage', 3],
  ] as const)('%s under stress, seed %i', (kind, seed) => stress(kind, seed));
});
