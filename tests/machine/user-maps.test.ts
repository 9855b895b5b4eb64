/**
 * What the kernel's own test of maps (tools/testing/selftests/bpf/test_maps.c of 6.12) asserts, said
 * again in words of our own: each of its functions is a row of COVERED, or of LEFT_OUT with a reason.
 */
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';
import type { Machine } from '../../src/machine/index.ts';
import { randomFrom } from '../runtime/soak.ts';
import {
  ANY,
  BPF_F_NO_PREALLOC,
  BPF_F_RDONLY,
  BPF_F_WRONLY,
  BPF_F_ZERO_SEED,
  bytesOf,
  EXIST,
  NOEXIST,
  User,
  type UserMap,
} from './user-maps.ts';

/** All bits: what -1 is as flags. */
const EVERY_FLAG = 2n ** 64n - 1n;
/** test_maps runs everything with preallocated elements, then without. */
const FLAVOURS = [0, BPF_F_NO_PREALLOC];
const NONE = new Uint8Array(0);

const LEFT_OUT: Readonly<Record<string, string>> = {
  test_sockmap: 'its programs hang on sockmaps (sk_skb, sk_msg), which have no hook here',
};

/** A map of two that is full: what every keyed table answers. */
function tableOfTwo(map: UserMap, first: number): void {
  expect(map.update(1, first, ANY)).toBe(0);
  expect(map.update(1, 0, NOEXIST)).toBe('EEXIST');
  expect(map.update(1, 0, EVERY_FLAG)).toBe('EINVAL');
  expect(map.lookup(1)).toBe(first);
  expect(map.update(2, first, ANY)).toBe(0);
  expect(map.take(2)).toBe(first);
  expect(map.lookup(2)).toBe('ENOENT');
  expect(map.take(2)).toBe('ENOENT');
  expect(map.update(2, first, EXIST)).toBe('ENOENT');
  expect(map.update(2, first, NOEXIST)).toBe(0);
  expect(map.update(0, first, NOEXIST)).toBe('E2BIG');
  expect(map.update(1, first, EXIST)).toBe(0);
  expect(map.update(2, first, ANY)).toBe(0);
  expect(map.update(3, first, NOEXIST)).toBe('E2BIG');
  expect(map.delete(0)).toBe('ENOENT');
  expect(map.keys().toSorted()).toEqual([1, 2]);
  expect(map.next(0)).toEqual(map.next(undefined));
  expect([map.delete(1), map.delete(2), map.delete(2)]).toEqual([0, 0, 'ENOENT']);
  expect([map.next(undefined), map.next(0)]).toEqual(['ENOENT', 'ENOENT']);
}

/** Slots that are always there, four-byte keys. */
function slots(map: UserMap): void {
  expect(map.update(1, 1234)).toBe(0);
  expect(map.update(1, 1234, NOEXIST)).toBe('EEXIST');
  expect(map.lookup(1)).toBe(1234);
  expect(map.lookup(0)).toBe(0);
  expect(map.update(2, 1234, EXIST)).toBe('E2BIG');
  expect(map.lookup(2)).toBe('ENOENT');
  expect(map.keys()).toEqual([0, 1]);
  expect(map.next(0xffffffff)).toEqual(bytesOf(0, 4));
  expect(map.delete(1)).toBe('EINVAL');
}

/** Queues and stacks of 32: `order` is that in which items leave. */
function ends(user: User, type: string, order: (items: number[]) => number[]): void {
  const bad = user.tryCreate(type, { keySize: 4, valueSize: 4, maxEntries: 32 });
  expect(bad).toBe(-22);
  const noPrealloc = { keySize: 0, valueSize: 4, maxEntries: 32, flags: BPF_F_NO_PREALLOC };
  expect(user.tryCreate(type, noPrealloc)).toBe(-22);
  const map = user.create(type, { keySize: 0, valueSize: 4, maxEntries: 32 });
  const items = Array.from({ length: 33 }, (_, i) => (i * 2654435761) >>> 0);
  for (const item of items.slice(0, 32)) expect(map.update(NONE, item)).toBe(0);
  expect(map.update(NONE, items[32]!)).toBe('E2BIG');
  const first = type === 'queue' ? items[0]! : items[31]!;
  expect(map.lookup(NONE)).toBe(first);
  expect(map.update(NONE, items[32]!, EXIST)).toBe(0);
  const held = type === 'queue' ? items.slice(1) : [...items.slice(1, 32), items[32]!];
  expect(held.map(() => map.take(NONE))).toEqual(order(held));
  expect([map.take(NONE), map.lookup(NONE)]).toEqual(['ENOENT', 'ENOENT']);
  expect([map.delete(NONE), map.next(undefined)]).toEqual(['EINVAL', 'EINVAL']);
}

/** Children that take turns at random: the order of updates is any, their number is not. */
function interleaved(seed: number, children: readonly (readonly (() => void)[])[]): void {
  const random = randomFrom(seed);
  const left = children.map((steps) => [...steps]).filter(({ length }) => length > 0);
  while (left.length > 0) {
    const at = random(left.length);
    left[at]!.shift()!();
    if (left[at]!.length === 0) left.splice(at, 1);
  }
}

const COVERED: Readonly<Record<string, (flags: number) => Promise<void>>> = {
  async test_hashmap(flags) {
    const user = await User.boot();
    tableOfTwo(user.create('hash', { keySize: 8, flags }), 1234);
  },
  async test_hashmap_percpu(flags) {
    const user = await User.boot();
    const map = user.create('percpu_hash', { keySize: 8, flags });
    tableOfTwo(map, 100);
    map.update(1, 100);
    expect(map.bytes(1)).toEqual(map.value(100));
  },
  async test_hashmap_sizes(flags) {
    const user = await User.boot();
    for (let keySize = 1; keySize <= 512; keySize <<= 1) {
      for (let valueSize = 1; valueSize <= 1 << 18; valueSize <<= 3) {
        const map = user.tryCreate('hash', { keySize, valueSize, flags });
        expect(typeof map, `key ${keySize}, value ${valueSize}`).toBe('object');
        (map as UserMap).close();
      }
    }
  },
  async test_hashmap_walk(flags) {
    const user = await User.boot();
    const count = 10_000;
    const map = user.create('hash', { keySize: 8, valueSize: 24, maxEntries: count, flags });
    for (let key = 0; key < count; key++) map.update(key, key, NOEXIST);
    expect(map.keys()).toHaveLength(count);
    let [key, walked] = [map.next(undefined), 0];
    while (key instanceof Uint8Array) {
      const next = map.next(key);
      expect(map.update(key, (map.lookup(key) as number) + 1, EXIST)).toBe(0);
      walked++;
      key = next;
    }
    expect(walked).toBe(count);
    const keys = map.keys();
    expect(keys).toHaveLength(count);
    for (const one of keys) expect(map.lookup(one)).toBe(one + 1);
  },
  async test_hashmap_zero_seed(flags) {
    const user = await User.boot();
    const fresh = (): UserMap => {
      const map = user.create('hash', {
        keySize: 8,
        valueSize: 24,
        maxEntries: 1000,
        flags: flags | BPF_F_ZERO_SEED,
      });
      for (let key = 0; key < 1000; key++) map.update(key, key, NOEXIST);
      return map;
    };
    expect(fresh().keys()).toEqual(fresh().keys());
  },
  async test_arraymap() {
    slots((await User.boot()).create('array'));
  },
  async test_arraymap_percpu() {
    const map = (await User.boot()).create('percpu_array');
    slots(map);
    expect(map.bytes(1)).toEqual(map.value(1234));
  },
  async test_arraymap_percpu_many_keys() {
    const map = (await User.boot()).create('percpu_array', { maxEntries: 20_000 });
    for (let key = 0; key < 20_000; key++) map.update(key, 10);
    for (let key = 0; key < 20_000; key++) expect(map.lookup(key)).toBe(10);
    expect(map.bytes(19_999)).toEqual(map.value(10));
  },
  async test_devmap() {
    (await User.boot()).create('devmap', { valueSize: 4 }).close();
  },
  async test_devmap_hash() {
    (await User.boot()).create('devmap_hash', { valueSize: 4 }).close();
  },
  async test_queuemap() {
    ends(await User.boot(), 'queue', (items) => items);
  },
  async test_stackmap() {
    ends(await User.boot(), 'stack', (items) => items.toReversed());
  },
  async test_map_in_map() {
    const user = await User.boot();
    const inner = user.create('hash', { valueSize: 4 });
    const outers = ['array_of_maps', 'hash_of_maps'].map((type) =>
      user.create(type, { valueSize: 4, inner }),
    );
    const ids = outers.map((outer) => {
      expect(outer.update(0, inner.fd)).toBe(0);
      return outer.lookup(0);
    });
    inner.close();
    // The outer ones hold it still, and give its id, not a descriptor.
    expect(outers.map((outer) => outer.lookup(0))).toEqual(ids);
    expect(ids[0]).toBe(ids[1]);
    const fd = user.bpf.mapGetFdById({ mapId: ids[0] as number });
    expect(fd).toBeGreaterThan(0);
    user.process.close(fd);
    for (const outer of outers) expect(outer.delete(0)).toBe(0);
    for (const outer of outers) expect(outer.lookup(0)).toBe('ENOENT');
    // Descriptor 0 is open, and no map.
    expect(user.tryCreate('hash_of_maps', { valueSize: 4 })).toBe(-22);
    expect(user.tryCreate('array_of_maps', { valueSize: 8, inner: outers[0]! })).toBe(-22);
    for (const outer of outers) outer.close();
    expect(user.bpf.mapGetFdById({ mapId: ids[0] as number })).toBe(-2);
  },
  async test_map_large(flags) {
    const user = await User.boot();
    const count = 1024;
    const map = user.create('hash', { keySize: 4112, valueSize: 4, maxEntries: count, flags });
    const key = (mark: number, c: number): Uint8Array => {
      const bytes = new Uint8Array(4112);
      new DataView(bytes.buffer).setInt32(0, mark, true);
      new DataView(bytes.buffer).setInt32(4104, c, true);
      return bytes;
    };
    for (let i = 0; i < count; i++) expect(map.update(key(0, i), i, NOEXIST)).toBe(0);
    expect(map.update(key(0, -1), 0, NOEXIST)).toBe('E2BIG');
    expect(map.keys()).toHaveLength(count);
    expect([map.lookup(key(0, 0)), map.lookup(key(1, 0))]).toEqual([0, 'ENOENT']);
  },
  async test_map_stress(flags) {
    const user = await User.boot();
    const rounds = (work: () => void) => Array.from({ length: 20 }, () => work);
    const children = [
      rounds(() => slots(user.create('array'))),
      rounds(() => tableOfTwo(user.create('hash', { keySize: 8, flags }), 7)),
      rounds(() => tableOfTwo(user.create('percpu_hash', { keySize: 8, flags }), 7)),
      rounds(() => slots(user.create('percpu_array'))),
    ];
    interleaved(1, children);
  },
  async test_map_parallel(flags) {
    const user = await User.boot();
    const [count, tasks] = [2048, 64];
    const map = user.create('hash', { valueSize: 4, maxEntries: count, flags });
    const own = (task: number) => Array.from({ length: count / tasks }, (_, i) => task + i * tasks);
    const all = Array.from({ length: tasks }, (_, task) => task);
    for (const seed of [1, 2]) {
      interleaved(
        seed,
        all.map((task) =>
          own(task).flatMap((key) => [
            () => expect(map.update(key, key, NOEXIST)).toBe(0),
            () => expect(map.update(key, key, EXIST)).toBe(0),
          ]),
        ),
      );
      expect(map.update(0, 0, NOEXIST)).toBe('EEXIST');
      expect(map.keys()).toHaveLength(count);
      for (let key = 0; key < count; key++) expect(map.lookup(key)).toBe(key);
      interleaved(
        seed,
        all.map((task) => own(task).map((key) => () => expect(map.delete(key)).toBe(0))),
      );
      expect([map.next(undefined), map.next(-1)]).toEqual(['ENOENT', 'ENOENT']);
    }
  },
  async test_map_rdonly(flags) {
    const user = await User.boot();
    const map = user.create('hash', { flags: flags | BPF_F_RDONLY });
    expect([map.update(1, 1234), map.update(1, 1234, NOEXIST)]).toEqual(['EPERM', 'EPERM']);
    expect([map.lookup(1), map.next(undefined)]).toEqual(['ENOENT', 'ENOENT']);
  },
  async test_map_wronly(flags) {
    const user = await User.boot();
    const map = user.create('hash', { flags: flags | BPF_F_WRONLY });
    expect(map.update(1, 1234)).toBe(0);
    expect([map.lookup(1), map.next(undefined)]).toEqual(['EPERM', 'EPERM']);
    for (const type of ['stack', 'queue']) {
      const held = user.create(type, { keySize: 0, valueSize: 4, flags: BPF_F_WRONLY });
      expect([held.update(NONE, 1234), held.lookup(NONE), held.take(NONE)]).toEqual([
        0,
        'EPERM',
        'EPERM',
      ]);
    }
  },
  async test_reuseport_array() {
    const host = await createMachine();
    const user = new User(host.kernel as unknown as Machine);
    const map = user.create('reuseport_sockarray', { maxEntries: 4 });
    expect([map.delete(4), map.update(4, 0), map.lookup(4)]).toEqual(['E2BIG', 'E2BIG', 'ENOENT']);
    expect([map.lookup(3), map.delete(3)]).toEqual(['ENOENT', 'ENOENT']);
    for (const type of ['tcp', 'udp'] as const) {
      const sockets = [1, 2].map(() => {
        const options = { type, address: '0.0.0.0', port: 4242, reusePort: true };
        const socket = host.namespaces['']!.socket(options);
        return type === 'tcp' ? socket.listen() : socket;
      });
      const [first, second] = sockets.map(({ owner }) =>
        user.process.open({
          kind: 'owner',
          object: owner as never,
          read: true,
          write: true,
          release() {},
        }),
      ) as [number, number];
      expect(map.update(3, first, EXIST)).toBe('ENOENT');
      expect(map.update(3, first, NOEXIST)).toBe(0);
      expect(map.update(3, second, EXIST)).toBe(0);
      expect(map.update(3, first, NOEXIST)).toBe('EEXIST');
      expect(map.update(3, first, ANY)).toBe(0);
      expect([map.update(3, first, ANY), map.update(0, first, ANY)]).toEqual(['EBUSY', 'EBUSY']);
      expect([map.delete(3), map.update(3, first, NOEXIST)]).toEqual([0, 0]);
      expect(map.lookup(3)).toBe(sockets[0]!.cookie);
      for (const socket of sockets) socket.close();
      expect(map.lookup(3)).toBe('ENOENT');
    }
    const narrow = user.create('reuseport_sockarray', { valueSize: 4, maxEntries: 4 });
    const socket = host.namespaces['']!.socket({
      type: 'udp',
      address: '0.0.0.0',
      port: 4243,
      reusePort: true,
    });
    const fd = user.process.open({
      kind: 'owner',
      object: socket.owner as never,
      read: true,
      write: true,
      release() {},
    });
    expect([narrow.update(3, fd, NOEXIST), narrow.lookup(3)]).toEqual([0, 'ENOSPC']);
  },
};

/** Functions of test_maps.c that are steps of others. */
const STEPS = ['test_update_delete', 'test_map_wronly_hash', 'test_map_wronly_stack_or_queue'];

describe('what test_maps.c of Linux 6.12 asserts', () => {
  it('is said again, function by function, or left out for a reason', () => {
    const names = [...Object.keys(COVERED), ...Object.keys(LEFT_OUT), ...STEPS];
    expect(new Set(names).size).toBe(23);
  });

  it('differs in one thing: a map of maps keeps the map it was made by, Linux a copy of its sizes', async () => {
    const user = await User.boot();
    const inner = user.create('array');
    const outer = user.create('array_of_maps', { valueSize: 4, inner });
    outer.update(0, inner.fd);
    const mapId = outer.lookup(0) as number;
    inner.close();
    outer.delete(0);
    expect(user.bpf.mapGetFdById({ mapId }), 'no longer different').not.toBe(-2);
  });

  describe.each(FLAVOURS)('with flags %i', (flags) => {
    // Only hash tables take the flag.
    const hashes = /hashmap|_large|stress|parallel|onl/;
    const names = Object.keys(COVERED).filter((name) => flags === 0 || hashes.test(name));
    it.each(names)('%s', (name) => COVERED[name]!(flags));
  });
});
