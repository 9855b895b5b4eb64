import { describe, expect, test } from 'vitest';
import { createRuntime, type RuntimeMap } from '../../src/runtime/index.ts';
import { M_MAX_ENTRIES } from '../../src/runtime/layout.ts';
import {
  ANY,
  E2BIG,
  EBADF,
  EEXIST,
  EINVAL,
  ENODEV,
  ENOENT,
  ENOSPC,
  ENOTSUPP,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  EXIST,
  NOEXIST,
  NO_COMMON_LRU,
  NO_PREALLOC,
  Program,
  createErrno,
  definition,
  keysOf,
  newMap,
  number,
  typeId,
  u32,
  u64,
  valueOf,
} from './map-harness.ts';

const NUMA = 4;
const RDONLY = 8;
const WRONLY = 16;
const RDONLY_PROG = 128;
const WRONLY_PROG = 256;
const MMAPABLE = 1024;
const PRESERVE = 2048;
const INNER = 4096;
const LOCK = 4;

const arrayLike = ['array', 'percpu_array'];
const hashLike = ['hash', 'percpu_hash', 'lru_hash', 'lru_percpu_hash'];
const keyed = [...arrayLike, ...hashLike, 'lpm_trie'];
const objects = ['prog_array', 'perf_event_array', 'array_of_maps', 'xskmap'];

describe('BPF_MAP_CREATE answers as Linux does', () => {
  const rows: [string, object, number][] = [
    ...[...arrayLike, ...objects.filter((type) => type !== 'array_of_maps')].flatMap(
      (type): [string, object, number][] => [
        [type, { maxEntries: 0 }, EINVAL],
        [type, { keySize: 8 }, EINVAL],
        [type, { valueSize: 0 }, EINVAL],
        [type, { flags: NO_PREALLOC }, EINVAL],
        [type, { flags: RDONLY | WRONLY }, EINVAL],
        [type, { extra: 1n }, EINVAL],
      ],
    ),
    ['array', { flags: MMAPABLE | INNER | NUMA }, 0],
    ['array', { flags: PRESERVE }, EINVAL],
    ['array', { flags: RDONLY_PROG | WRONLY_PROG }, EINVAL],
    ['array', { valueSize: 0x80000000 }, E2BIG],
    ['array', { maxEntries: 0xffffffff }, -12],
    ['percpu_array', { flags: NUMA }, EINVAL],
    ['percpu_array', { flags: MMAPABLE }, EINVAL],
    ['percpu_array', { valueSize: 32768 }, 0],
    ['percpu_array', { valueSize: 32769 }, E2BIG],
    ['prog_array', { flags: RDONLY_PROG }, EINVAL],
    ['prog_array', { valueSize: 8 }, EINVAL],
    ['perf_event_array', { flags: PRESERVE }, 0],
    ...hashLike.flatMap((type): [string, object, number][] => [
      [type, { maxEntries: 0 }, EINVAL],
      [type, { keySize: 0 }, EINVAL],
      [type, { valueSize: 0 }, EINVAL],
      [type, { flags: MMAPABLE }, EINVAL],
      [type, { maxEntries: 0x80000001 }, E2BIG],
      [type, { keySize: 4 << 20 }, E2BIG],
    ]),
    ['hash', { flags: NO_PREALLOC }, 0],
    ['hash', { flags: NO_COMMON_LRU }, EINVAL],
    ['hash', { flags: NUMA }, 0],
    ['percpu_hash', { flags: NUMA }, EINVAL],
    ['percpu_hash', { valueSize: 32769 }, E2BIG],
    ['lru_hash', { flags: NO_PREALLOC }, ENOTSUPP],
    ['lru_hash', { flags: NO_COMMON_LRU }, 0],
    ['lru_hash', { flags: NO_COMMON_LRU | NUMA }, EINVAL],
    ['lru_percpu_hash', { flags: NO_PREALLOC }, ENOTSUPP],
    ['lpm_trie', { flags: 0 }, EINVAL],
    ['lpm_trie', { keySize: 4 }, EINVAL],
    ['lpm_trie', { keySize: 260 }, 0],
    ['lpm_trie', { keySize: 261 }, EINVAL],
    ['lpm_trie', { valueSize: 0 }, EINVAL],
    ['lpm_trie', { valueSize: (4 << 20) - 256 - 39 }, EINVAL],
    ['lpm_trie', { maxEntries: 0 }, EINVAL],
    ...['queue', 'stack'].flatMap((type): [string, object, number][] => [
      [type, { keySize: 4 }, EINVAL],
      [type, { maxEntries: 0 }, EINVAL],
      [type, { valueSize: 0 }, EINVAL],
      [type, { flags: NO_PREALLOC }, EINVAL],
      [type, { valueSize: (4 << 20) + 1 }, E2BIG],
      [type, { valueSize: 4, maxEntries: 0x3fffffff }, E2BIG],
    ]),
    ['bloom_filter', { keySize: 4 }, EINVAL],
    ['bloom_filter', { valueSize: 0 }, EINVAL],
    ['bloom_filter', { extra: 15n }, 0],
    ['bloom_filter', { extra: 16n }, EINVAL],
    ['bloom_filter', { valueSize: (4 << 20) + 1 }, E2BIG],
    ['ringbuf', { maxEntries: 0 }, EINVAL],
    ['ringbuf', { maxEntries: 2048 }, EINVAL],
    ['ringbuf', { maxEntries: 12288 }, EINVAL],
    ['ringbuf', { maxEntries: 8192 }, 0],
    ['ringbuf', { keySize: 4 }, EINVAL],
    ['ringbuf', { valueSize: 4 }, EINVAL],
    ['ringbuf', { flags: RDONLY }, EINVAL],
    ['devmap', { valueSize: 4 }, 0],
    ['devmap', { valueSize: 6 }, EINVAL],
    ['devmap', { valueSize: 12 }, EINVAL],
    ['devmap', { flags: RDONLY_PROG }, EINVAL],
    ['devmap_hash', { maxEntries: 0x80000001 }, EINVAL],
    ['cpumap', { maxEntries: 8193 }, E2BIG],
    ['cpumap', { flags: RDONLY }, EINVAL],
    ['array_of_maps', {}, EBADF],
    ['hash_of_maps', {}, EBADF],
    ['hash_of_maps', { valueSize: 8 }, EINVAL],
  ];

  test.each(rows)('%s %o', (type, changes, errno) => {
    expect(createErrno(createRuntime({ cpus: 2 }), definition(type, changes))).toBe(errno);
  });

  test('a type nobody knows', () => {
    const runtime = createRuntime({ cpus: 1 });
    expect(createErrno(runtime, { ...definition('array'), type: 999 })).toBe(EINVAL);
  });

  test('a refused map leaves nothing behind: its header is used again', () => {
    const runtime = createRuntime({ cpus: 1 });
    for (let i = 0; i < 3000; i++) createErrno(runtime, definition('lru_hash', { flags: 1 }));
    expect(createErrno(runtime, definition('array'))).toBe(0);
  });

  test('maps are freed: regions and headers do not run out', () => {
    const runtime = createRuntime({ cpus: 1 });
    for (let i = 0; i < 10_000; i++) runtime.createMap(definition('ringbuf')).free();
    const pages = runtime.memory.buffer.byteLength;
    for (let i = 0; i < 10_000; i++) runtime.createMap(definition('hash')).free();
    expect(runtime.memory.buffer.byteLength).toBe(pages);
  });
});

const key = (type: string, n: number): Uint8Array =>
  type === 'lpm_trie' ? Uint8Array.of(32, 0, 0, 0, 10, 0, 0, n) : u32(n);

describe.each([false, true])('shared memory: %s', (shared) => {
  describe.each(keyed)('%s', (type) => {
    const fresh = (changes = {}) => newMap(type, changes, { cpus: 2, shared });
    const full = (map: RuntimeMap, n: number) => {
      const value = new Uint8Array(map.userValueSize);
      for (let at = 0; at < value.length; at += 8) value.set(u64(n + at), at);
      return value;
    };

    test('bpf(2) reads what it wrote', () => {
      const { map } = fresh();
      expect(map.update(key(type, 1), full(map, 7))).toBe(0);
      expect(map.update(key(type, 1), full(map, 9), EXIST)).toBe(0);
      expect(valueOf(map, key(type, 1))).toEqual(full(map, 9));
    });

    test('a program and bpf(2) see the same value', () => {
      const { map, program } = fresh();
      expect(program.update(key(type, 2), u64(5))).toBe(0);
      expect(number(valueOf(map, key(type, 2)) as Uint8Array)).toBe(5);
      const pointer = program.lookup(key(type, 2));
      program.runtime.u8()[Number(pointer & 0xffffffffn)] = 6;
      expect(number(valueOf(map, key(type, 2)) as Uint8Array)).toBe(6);
    });

    test('unknown update flags are EINVAL on both sides', () => {
      const { map, program } = fresh();
      for (const flags of [3, 8, 1 << 16]) {
        expect(map.update(key(type, 1), full(map, 1), flags)).toBe(EINVAL);
        expect(program.update(key(type, 1), u64(1), flags)).toBe(EINVAL);
      }
      expect(map.update(key(type, 1), full(map, 1), 2 ** 33)).toBe(EINVAL);
    });

    test('BPF_F_LOCK without a spin lock in the value is EINVAL', () => {
      const { map } = fresh();
      expect(map.update(key(type, 1), full(map, 1), LOCK)).toBe(EINVAL);
    });

    test('a read-only or frozen map cannot be written by bpf(2), only by programs', () => {
      const flags = definition(type).flags;
      const readOnly = fresh({ flags: flags | RDONLY });
      expect(readOnly.map.update(key(type, 1), full(readOnly.map, 1))).toBe(EPERM);
      expect(readOnly.program.update(key(type, 1), u64(1))).toBe(0);
      const frozen = fresh();
      expect(frozen.map.freeze()).toBe(0);
      expect(frozen.map.freeze()).toBe(EPERM);
      expect(frozen.map.update(key(type, 1), full(frozen.map, 1))).toBe(EPERM);
      const writeOnly = fresh({ flags: flags | WRONLY });
      expect(valueOf(writeOnly.map, key(type, 1))).toBe(EPERM);
      expect(writeOnly.map.nextKey(undefined, new Uint8Array(8))).toBe(EPERM);
    });
  });

  describe.each(arrayLike)('%s', (type) => {
    const fresh = () => newMap(type, {}, { cpus: 2, shared });

    test('index bounds', () => {
      const { map, program } = fresh();
      const value = new Uint8Array(map.userValueSize);
      expect(valueOf(map, u32(4))).toBe(ENOENT);
      expect(program.lookup(u32(4))).toBe(0n);
      expect(map.update(u32(4), value)).toBe(E2BIG);
      expect(program.update(u32(4), u64(1))).toBe(E2BIG);
      expect(program.lookup(u32(0xffffffff))).toBe(0n);
    });

    test('elements always exist: NOEXIST is EEXIST, nothing can be deleted', () => {
      const { map, program } = fresh();
      expect(map.update(u32(0), new Uint8Array(map.userValueSize), NOEXIST)).toBe(EEXIST);
      expect(program.update(u32(0), u64(1), NOEXIST)).toBe(EEXIST);
      expect(map.delete(u32(0))).toBe(EINVAL);
      expect(program.delete(u32(0))).toBe(EINVAL);
      expect(map.lookupAndDelete(u32(0), new Uint8Array(map.userValueSize))).toBe(ENOTSUPP);
    });

    test('keys come in order and start over after an unknown one', () => {
      const { map } = fresh();
      expect(keysOf(map).map(number)).toEqual([0, 1, 2, 3]);
      const next = new Uint8Array(4);
      expect(map.nextKey(u32(77), next)).toBe(0);
      expect(number(next)).toBe(0);
      expect(map.nextKey(u32(3), next)).toBe(ENOENT);
    });
  });

  describe.each(hashLike)('%s', (type) => {
    const fresh = (changes = {}) => newMap(type, changes, { cpus: 2, shared });
    const zero = (map: RuntimeMap) => new Uint8Array(map.userValueSize);

    test('missing keys', () => {
      const { map, program } = fresh();
      expect(valueOf(map, u32(1))).toBe(ENOENT);
      expect(program.lookup(u32(1))).toBe(0n);
      expect(map.delete(u32(1))).toBe(ENOENT);
      expect(program.delete(u32(1))).toBe(ENOENT);
      expect(map.lookupAndDelete(u32(1), zero(map))).toBe(ENOENT);
      expect(map.update(u32(1), zero(map), EXIST)).toBe(ENOENT);
      expect(program.update(u32(1), u64(0), EXIST)).toBe(ENOENT);
      expect(keysOf(map)).toEqual([]);
    });

    test('NOEXIST refuses a key that is there', () => {
      const { map, program } = fresh();
      expect(map.update(u32(1), zero(map), NOEXIST)).toBe(0);
      expect(map.update(u32(1), zero(map), NOEXIST)).toBe(EEXIST);
      expect(program.update(u32(1), u64(1), NOEXIST)).toBe(EEXIST);
    });

    test('lookup_and_delete takes it out', () => {
      const { map } = fresh();
      const out = zero(map);
      expect(map.update(u32(1), zero(map).fill(3))).toBe(0);
      expect(map.lookupAndDelete(u32(1), out)).toBe(0);
      expect(out).toEqual(zero(map).fill(3));
      expect(valueOf(map, u32(1))).toBe(ENOENT);
    });

    test.each([1, 2, 3, 4, 5, 8, 12, 16, 17, 24, 40, 64])('keys of %d bytes', (size) => {
      const { map } = fresh({ keySize: size, maxEntries: 100 });
      const keys = Array.from({ length: 60 }, (_, i) => new Uint8Array(size).fill(i));
      for (const k of keys) expect(map.update(k, zero(map).fill(k[0]!))).toBe(0);
      for (const k of keys) expect(valueOf(map, k)).toEqual(zero(map).fill(k[0]!));
      for (const k of keys.slice(0, 30)) expect(map.delete(k)).toBe(0);
      expect(keysOf(map).length).toBe(30);
    });
  });

  test.each(['hash', 'percpu_hash'])('%s: a full map is E2BIG, updates still work', (type) => {
    for (const flags of [0, NO_PREALLOC]) {
      const { map, program } = newMap(type, { flags }, { shared });
      for (let i = 0; i < 4; i++) expect(program.update(u32(i), u64(i))).toBe(0);
      expect(program.update(u32(9), u64(9))).toBe(E2BIG);
      expect(program.update(u32(1), u64(9))).toBe(0);
      expect(map.delete(u32(0))).toBe(0);
      expect(program.update(u32(9), u64(9))).toBe(0);
    }
  });

  test('hash: an update gives the element a new place; the old pointer keeps the old value', () => {
    const { program } = newMap('hash', {}, { shared });
    program.update(u32(1), u64(1));
    const before = program.lookup(u32(1));
    program.update(u32(1), u64(2));
    expect(program.lookup(u32(1))).not.toBe(before);
    expect(program.at(before, 8)).toEqual(u64(1));
    expect(program.read(u32(1))).toEqual(u64(2));
  });

  test('lru maps with lists per CPU round max_entries up to the number of CPUs', () => {
    const { runtime, map } = newMap(
      'lru_hash',
      { flags: NO_COMMON_LRU, maxEntries: 4 },
      { cpus: 3 },
    );
    expect(runtime.u32()[(map.address + M_MAX_ENTRIES) / 4]).toBe(6);
  });

  describe.each(['percpu_array', 'percpu_hash', 'lru_percpu_hash'])('%s', (type) => {
    test('every CPU has its own value; bpf(2) moves all, each rounded up to 8 bytes', () => {
      const runtime = createRuntime({ cpus: 3, shared });
      const map = runtime.createMap(definition(type, { valueSize: 5 }));
      const other = createRuntime({ cpus: 3, shared, join: { memory: runtime.memory, cpu: 2 } });
      const here = new Program(runtime, map);
      const there = new Program(other, other.mapAt(map.address)!);
      expect(map.userValueSize).toBe(24);
      expect(here.update(u32(1), Uint8Array.of(1, 1, 1, 1, 1))).toBe(0);
      expect(there.update(u32(1), Uint8Array.of(3, 3, 3, 3, 3))).toBe(0);
      const pad = [0, 0, 0];
      const all = Uint8Array.of(
        1,
        1,
        1,
        1,
        1,
        ...pad,
        0,
        0,
        0,
        0,
        0,
        ...pad,
        3,
        3,
        3,
        3,
        3,
        ...pad,
      );
      expect(valueOf(map, u32(1))).toEqual(all);
      expect(there.read(u32(1))).toEqual(Uint8Array.of(3, 3, 3, 3, 3));
      expect(map.update(u32(1), new Uint8Array(24).fill(9))).toBe(0);
      expect(here.read(u32(1))).toEqual(new Uint8Array(5).fill(9));
      const pointer = BigInt.asUintN(
        64,
        here.call('lookup_percpu', here.putKey(u32(1)), 2) as bigint,
      );
      expect(pointer).toBe(there.lookup(u32(1)));
      expect(here.call('lookup_percpu', here.putKey(u32(1)), 3)).toBe(0n);
    });
  });

  test.each(['percpu_hash', 'lru_percpu_hash'])(
    '%s: a new element is zero on other CPUs',
    (type) => {
      const { map, program } = newMap(type, {}, { cpus: 2, shared });
      map.update(u32(1), new Uint8Array(16).fill(0xff));
      map.delete(u32(1));
      program.update(u32(1), u64(5));
      expect(valueOf(map, u32(1))).toEqual(Uint8Array.of(...u64(5), ...u64(0)));
    },
  );

  describe('lpm_trie', () => {
    const prefix = (length: number, ...address: number[]) =>
      Uint8Array.of(length, 0, 0, 0, ...address);
    const route = (map: RuntimeMap, ...address: number[]) => {
      const value = valueOf(map, prefix(address.length * 8, ...address));
      return typeof value === 'number' ? value : number(value);
    };

    test('the longest prefix wins, deleting it brings back the shorter one', () => {
      const { map } = newMap('lpm_trie', { maxEntries: 10 }, { shared });
      expect(map.update(prefix(0, 0, 0, 0, 0), u64(1))).toBe(0);
      expect(map.update(prefix(8, 10, 0, 0, 0), u64(2))).toBe(0);
      expect(map.update(prefix(24, 10, 1, 2, 0), u64(3))).toBe(0);
      expect(map.update(prefix(32, 10, 1, 2, 3), u64(4))).toBe(0);
      expect([route(map, 10, 1, 2, 3), route(map, 10, 1, 2, 4), route(map, 10, 9, 9, 9)]).toEqual([
        4, 3, 2,
      ]);
      expect(route(map, 11, 0, 0, 1)).toBe(1);
      expect(map.delete(prefix(24, 10, 1, 2, 0))).toBe(0);
      expect(route(map, 10, 1, 2, 4)).toBe(2);
      expect(map.delete(prefix(24, 10, 1, 2, 0))).toBe(ENOENT);
    });

    test('errnos', () => {
      const { map, program } = newMap('lpm_trie', { maxEntries: 2 }, { shared });
      expect(map.update(prefix(33, 1, 2, 3, 4), u64(1))).toBe(EINVAL);
      expect(map.delete(prefix(33, 1, 2, 3, 4))).toBe(EINVAL);
      expect(route(map, 1, 2, 3, 4)).toBe(ENOENT);
      expect(map.update(prefix(8, 1, 0, 0, 0), u64(1), EXIST)).toBe(ENOENT);
      expect(map.update(prefix(8, 1, 0, 0, 0), u64(1), NOEXIST)).toBe(0);
      expect(program.update(prefix(8, 1, 0, 0, 0), u64(1), NOEXIST)).toBe(EEXIST);
      expect(map.update(prefix(8, 2, 0, 0, 0), u64(2))).toBe(0);
      expect(map.update(prefix(8, 3, 0, 0, 0), u64(3))).toBe(ENOSPC);
      expect(map.update(prefix(8, 2, 0, 0, 0), u64(4), EXIST)).toBe(0);
      expect(map.lookupAndDelete(prefix(8, 2, 0, 0, 0), new Uint8Array(8))).toBe(ENOTSUPP);
    });

    test('keys come in postorder, the more specific before the less specific', () => {
      const { map } = newMap('lpm_trie', { maxEntries: 10 }, { shared });
      const routes = [
        prefix(16, 192, 168, 0, 0),
        prefix(24, 192, 168, 0, 0),
        prefix(24, 192, 168, 128, 0),
        prefix(24, 192, 168, 1, 0),
      ];
      for (const each of routes) map.update(each, u64(1));
      expect(keysOf(map)).toEqual([routes[1], routes[3], routes[2], routes[0]]);
    });
  });

  describe('queue and stack', () => {
    test.each([
      ['queue', [1, 2, 3, 4]],
      ['stack', [4, 3, 2, 1]],
    ])('%s order', (type, order) => {
      const { map, program } = newMap(type, { valueSize: 4 }, { shared });
      for (const n of [1, 2, 3, 4]) expect(program.push(u32(n))).toBe(0);
      expect(program.push(u32(5))).toBe(E2BIG);
      expect(program.take('peek')).toEqual(u32(order[0]!));
      expect(order.map(() => number(program.take('pop') as Uint8Array))).toEqual(order);
      expect(program.take('pop')).toBe(ENOENT);
      expect(map.update(new Uint8Array(0), u32(8))).toBe(0);
      expect(valueOf(map, new Uint8Array(0))).toEqual(u32(8));
      const out = new Uint8Array(4);
      expect(map.lookupAndDelete(new Uint8Array(0), out)).toBe(0);
      expect(number(out)).toBe(8);
      expect(map.lookupAndDelete(new Uint8Array(0), out)).toBe(ENOENT);
    });

    test.each(['queue', 'stack'])(
      '%s: an empty one zeroes the value, EXIST drops the oldest',
      (type) => {
        const { map, program } = newMap(type, { valueSize: 4, maxEntries: 2 }, { shared });
        const at = program.putValue(u32(0xffffffff));
        expect(Number(program.call('pop', at))).toBe(ENOENT);
        expect(program.runtime.u32()[at / 4]).toBe(0);
        for (const n of [1, 2, 3]) expect(program.push(u32(n), EXIST)).toBe(0);
        const left = [program.take('pop'), program.take('pop')].map((v) => number(v as Uint8Array));
        expect(left.toSorted()).toEqual([2, 3]);
        expect(program.push(u32(1), NOEXIST)).toBe(EINVAL);
        expect(program.push(u32(1), 4)).toBe(EINVAL);
        expect(map.delete(new Uint8Array(0))).toBe(EINVAL);
        expect(map.nextKey(undefined, new Uint8Array(0))).toBe(EINVAL);
      },
    );
  });

  test('bloom_filter: what was pushed is always found', () => {
    const { map, program } = newMap('bloom_filter', { valueSize: 4, maxEntries: 100 }, { shared });
    const none = new Uint8Array(0);
    for (let i = 0; i < 100; i++) expect(program.push(u32(i))).toBe(0);
    for (let i = 0; i < 100; i++) expect(map.lookup(none, u32(i))).toBe(0);
    let wrong = 0;
    for (let i = 1000; i < 2000; i++) if (map.lookup(none, u32(i)) === 0) wrong++;
    expect(wrong).toBeLessThan(150);
    expect(program.push(u32(1), 1)).toBe(EINVAL);
    expect(map.update(none, u32(1), 2)).toBe(EINVAL);
    expect(map.delete(none)).toBe(EOPNOTSUPP);
    expect(map.nextKey(undefined, none)).toBe(EOPNOTSUPP);
    expect(map.lookupAndDelete(none, u32(1))).toBe(ENOTSUPP);
  });

  describe('maps of maps', () => {
    const setup = (type: string, inner: object = {}, innerType = 'array') => {
      const runtime = createRuntime({ cpus: 1, shared });
      const template = runtime.createMap(definition(innerType, inner));
      const map = runtime.createMap(definition(type, { inner: template }));
      return { runtime, template, map, program: new Program(runtime, map) };
    };

    test.each(['array_of_maps', 'hash_of_maps'])('%s hands out inner maps', (type) => {
      const { runtime, template, map, program } = setup(type);
      const inner = runtime.createMap(definition('array'));
      template.free();
      expect(program.lookup(u32(1))).toBe(0n);
      expect(map.update(u32(1), u32(inner.address))).toBe(0);
      expect(Number(program.lookup(u32(1)) & 0xffffffffn)).toBe(inner.address);
      expect(valueOf(map, u32(1))).toEqual(u32(inner.id));
      expect(map.setObject(u32(2), 12345, 1)).toBe(EBADF);
      expect(map.delete(u32(1))).toBe(0);
      expect(map.delete(u32(1))).toBe(ENOENT);
      expect(valueOf(map, u32(1))).toBe(ENOENT);
    });

    test.each(['array_of_maps', 'hash_of_maps'])('%s takes only maps like the template', (type) => {
      const { runtime, map } = setup(type);
      const put = (innerType: string, changes: object = {}) =>
        map.update(u32(0), u32(runtime.createMap(definition(innerType, changes)).address));
      expect(put('array', { valueSize: 16 })).toBe(EINVAL);
      expect(put('array', { maxEntries: 5 })).toBe(EINVAL);
      expect(put('array', { flags: INNER })).toBe(EINVAL);
      expect(put('hash')).toBe(EINVAL);
      expect(put('array')).toBe(0);
    });

    test('max_entries may differ with BPF_F_INNER_MAP and for hashes', () => {
      const loose = setup('array_of_maps', { flags: INNER });
      const bigger = loose.runtime.createMap(definition('array', { flags: INNER, maxEntries: 9 }));
      expect(loose.map.update(u32(0), u32(bigger.address))).toBe(0);
      const hashes = setup('hash_of_maps', {}, 'hash');
      const other = hashes.runtime.createMap(definition('hash', { maxEntries: 9 }));
      expect(hashes.map.update(u32(0), u32(other.address))).toBe(0);
    });

    test('one level only, and not every type', () => {
      const { runtime, map } = setup('array_of_maps');
      expect(createErrno(runtime, definition('hash_of_maps', { inner: map }))).toBe(EINVAL);
      const programs = runtime.createMap(definition('prog_array'));
      expect(createErrno(runtime, definition('array_of_maps', { inner: programs }))).toBe(ENOTSUPP);
    });

    test('errnos of the outer maps', () => {
      const { runtime, template, map } = setup('array_of_maps');
      expect(map.update(u32(9), u32(template.address))).toBe(E2BIG);
      expect(map.update(u32(0), u32(template.address), NOEXIST)).toBe(EINVAL);
      expect(map.delete(u32(9))).toBe(E2BIG);
      const hash = runtime.createMap(definition('hash_of_maps', { inner: template }));
      expect(hash.update(u32(9), u32(template.address), NOEXIST)).toBe(0);
      expect(hash.update(u32(9), u32(template.address), NOEXIST)).toBe(EEXIST);
    });
  });

  test.each(['prog_array', 'perf_event_array'])('%s', (type) => {
    const { map } = newMap(type, {}, { shared });
    expect(map.setObject(u32(1), 77, 5)).toBe(0);
    expect(valueOf(map, u32(1))).toEqual(type === 'prog_array' ? u32(5) : ENOTSUPP);
    expect(map.setObject(u32(4), 77, 5)).toBe(E2BIG);
    expect(map.setObject(u32(1), 77, 5, EXIST)).toBe(EINVAL);
    expect(map.delete(u32(1))).toBe(0);
    expect(map.delete(u32(1))).toBe(ENOENT);
    expect(map.delete(u32(4))).toBe(E2BIG);
    expect(keysOf(map).length).toBe(4);
    if (type === 'prog_array') expect(valueOf(map, u32(1))).toBe(ENOENT);
  });

  test('xskmap', () => {
    const { map, program } = newMap('xskmap', {}, { shared });
    expect(map.setObject(u32(1), 7, 7, EXIST)).toBe(ENOENT);
    expect(map.setObject(u32(1), 7, 7, NOEXIST)).toBe(0);
    expect(map.setObject(u32(1), 8, 8, NOEXIST)).toBe(EEXIST);
    expect(map.setObject(u32(4), 8, 8)).toBe(E2BIG);
    expect(map.setObject(u32(1), 8, 8, 3)).toBe(EINVAL);
    expect(valueOf(map, u32(1))).toBe(EOPNOTSUPP);
    expect(program.lookup(u32(1))).not.toBe(0n);
    expect(program.lookup(u32(2))).toBe(0n);
    expect(map.delete(u32(1))).toBe(0);
    expect(map.delete(u32(4))).toBe(EINVAL);
  });

  describe('redirect maps', () => {
    const REDIRECT = 4n;
    const device = (ifindex: number, fd = 0) => Uint8Array.of(...u32(ifindex), ...u32(fd));

    test('devmap', () => {
      const { map, program } = newMap('devmap', {}, { shared });
      expect(map.update(u32(1), device(3))).toBe(0);
      expect(map.update(u32(1), device(0, 9))).toBe(EINVAL);
      expect(map.update(u32(1), device(3), NOEXIST)).toBe(EEXIST);
      expect(map.update(u32(4), device(3))).toBe(E2BIG);
      expect(map.update(u32(1), device(3), 3)).toBe(EINVAL);
      expect(valueOf(map, u32(1))).toEqual(device(3));
      expect(program.read(u32(1))).toEqual(device(3));
      expect(valueOf(map, u32(0))).toBe(ENOENT);
      expect(program.call('redirect', 1n, 0n)).toBe(REDIRECT);
      expect(program.call('redirect', 0n, 2n)).toBe(2n);
      expect(program.call('redirect', 0n, 4n)).toBe(0n);
      expect(program.call('redirect', 0n, 8n)).toBe(REDIRECT);
      expect(map.update(u32(1), device(0))).toBe(0);
      expect(valueOf(map, u32(1))).toBe(ENOENT);
      expect(map.delete(u32(0))).toBe(0);
      expect(map.delete(u32(4))).toBe(EINVAL);
    });

    test('devmap_hash', () => {
      const { map, program } = newMap('devmap_hash', {}, { shared });
      expect(map.update(u32(100), device(0))).toBe(EINVAL);
      expect(map.update(u32(100), device(3), EXIST)).toBe(0);
      expect(map.update(u32(100), device(4), NOEXIST)).toBe(EEXIST);
      expect(map.update(u32(100), device(5))).toBe(0);
      for (const k of [7, 5, 6]) expect(map.update(u32(k), device(k))).toBe(0);
      expect(map.update(u32(8), device(8))).toBe(E2BIG);
      // Buckets are the low bits: 100 & 3 = 0, then 5, 6, 7.
      expect(keysOf(map).map(number)).toEqual([100, 5, 6, 7]);
      expect(program.call('redirect', 100n, 1n)).toBe(REDIRECT);
      expect(program.call('redirect', 101n, 1n)).toBe(1n);
      expect(map.delete(u32(100))).toBe(0);
      expect(map.delete(u32(100))).toBe(ENOENT);
    });

    test('cpumap', () => {
      const { map, program } = newMap('cpumap', {}, { cpus: 2, shared });
      expect(map.update(u32(1), device(192))).toBe(0);
      expect(map.update(u32(2), device(192))).toBe(ENODEV);
      expect(map.update(u32(4), device(192))).toBe(E2BIG);
      expect(map.update(u32(1), device(16385))).toBe(EOVERFLOW);
      expect(map.update(u32(1), device(192), NOEXIST)).toBe(EEXIST);
      expect(valueOf(map, u32(1))).toEqual(device(192));
      expect(program.call('redirect', 1n, 0n)).toBe(REDIRECT);
      expect(program.call('redirect', 0n, 2n)).toBe(2n);
      expect(program.call('redirect', 1n, 8n)).toBe(0n);
      expect(map.update(u32(1), device(0))).toBe(0);
      expect(valueOf(map, u32(1))).toBe(ENOENT);
      expect(map.delete(u32(4))).toBe(EINVAL);
    });
  });
});

test('a value with a spin lock: copies leave the lock alone, reads show it as zero', () => {
  for (const type of ['array', 'hash']) {
    const { map, program } = newMap(type, { valueSize: 12, spinLock: 4 });
    map.update(u32(1), new Uint8Array(12).fill(1), ANY);
    const at = Number(program.lookup(u32(1)) & 0xffffffffn);
    program.runtime.u8().set(u32(0), at + 4);
    expect(map.update(u32(1), new Uint8Array(12).fill(2), LOCK)).toBe(0);
    expect(program.read(u32(1))).toEqual(Uint8Array.of(2, 2, 2, 2, 0, 0, 0, 0, 2, 2, 2, 2));
    expect(Number(program.lookup(u32(1)) & 0xffffffffn)).toBe(at);
  }
});

test('a map of another instance is found by its address', () => {
  const runtime = createRuntime({ cpus: 2, shared: true });
  const map = runtime.createMap(definition('hash', { valueSize: 24 }));
  const other = createRuntime({ cpus: 2, join: { memory: runtime.memory, cpu: 1 } });
  const same = other.mapAt(map.address)!;
  expect(same.definition).toMatchObject({ type: typeId('hash'), keySize: 4, valueSize: 24 });
  expect(other.mapAt(map.address)).toBe(same);
  map.free();
  expect(other.mapAt(map.address)).toBeUndefined();
});

describe('joining a machine', () => {
  test('the number of CPUs is the machine’s, whatever is asked', () => {
    const runtime = createRuntime({ cpus: 4 });
    const other = createRuntime({ cpus: 1, join: { memory: runtime.memory, cpu: 3 } });
    expect(other.options.cpus).toBe(4);
    expect(other.cpuBlock - runtime.cpuBlock).toBe(3 * 0x10000);
  });

  test('a CPU that is not there is EINVAL', () => {
    const runtime = createRuntime({ cpus: 2 });
    const join = { memory: runtime.memory, cpu: 2 };
    expect(() => createRuntime({ cpus: 2, join })).toThrow(/EINVAL/);
    expect(() => createRuntime({ cpus: 0 })).toThrow(/EINVAL/);
    expect(() => createRuntime({ cpus: 65 })).toThrow(/EINVAL/);
  });
});

test('memory grows when maps need it, and views are fetched anew', () => {
  const runtime = createRuntime({ cpus: 1 });
  const before = runtime.u8().length;
  const map = runtime.createMap(definition('array', { valueSize: 1 << 20, maxEntries: 8 }));
  expect(runtime.u8().length).toBeGreaterThan(before);
  map.valueBytes(7).fill(7);
  const value = valueOf(map, u32(7)) as Uint8Array;
  expect(value.length).toBe(1 << 20);
  expect(value.every((byte) => byte === 7)).toBe(true);
  expect(runtime.u32().buffer).toBe(runtime.memory.buffer);
});

test('BPF_F_LOCK on a lookup needs a lock in the value', () => {
  const plain = newMap('array');
  expect(plain.map.lookup(u32(0), new Uint8Array(8), LOCK)).toBe(EINVAL);
  const locked = newMap('array', { spinLock: 0 });
  expect(locked.map.lookup(u32(0), new Uint8Array(8), LOCK)).toBe(0);
  expect(locked.map.lookup(u32(0), new Uint8Array(8), 1)).toBe(EINVAL);
});
