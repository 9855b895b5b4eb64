import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  E2BIG,
  EEXIST,
  ENOENT,
  ENOSPC,
  EXIST,
  NOEXIST,
  NO_COMMON_LRU,
  NO_PREALLOC,
  ZERO_SEED,
  keysOf,
  newMap,
  number,
  u32,
  valueOf,
} from './map-harness.ts';

/** Bob Jenkins' lookup3 `hashlittle` as Linux's jhash, from its published description. */
function jhash(bytes: Uint8Array, seed: number): number {
  const rot = (x: number, k: number) => (x << k) | (x >>> (32 - k));
  let a = (0xdeadbeef + bytes.length + seed) | 0;
  let b = a;
  let c = a;
  const tail = (at: number) => {
    let word = 0;
    for (let i = 0; i < 4; i++) word |= (bytes[at + i] ?? 0) << (8 * i);
    return word;
  };
  let at = 0;
  for (; bytes.length - at > 12; at += 12) {
    a += tail(at);
    b += tail(at + 4);
    c += tail(at + 8);
    a = (a - c) ^ rot(c, 4);
    c += b;
    b = (b - a) ^ rot(a, 6);
    a += c;
    c = (c - b) ^ rot(b, 8);
    b += a;
    a = (a - c) ^ rot(c, 16);
    c += b;
    b = (b - a) ^ rot(a, 19);
    a += c;
    c = (c - b) ^ rot(b, 4);
    b += a;
    [a, b, c] = [a | 0, b | 0, c | 0];
  }
  if (at === bytes.length) return c >>> 0;
  a = (a + tail(at)) | 0;
  b = (b + tail(at + 4)) | 0;
  c = (c + tail(at + 8)) | 0;
  c = ((c ^ b) - rot(b, 14)) | 0;
  a = ((a ^ c) - rot(c, 11)) | 0;
  b = ((b ^ a) - rot(a, 25)) | 0;
  c = ((c ^ b) - rot(b, 16)) | 0;
  a = ((a ^ c) - rot(c, 4)) | 0;
  b = ((b ^ a) - rot(a, 14)) | 0;
  c = ((c ^ b) - rot(b, 24)) | 0;
  return c >>> 0;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('the model of jhash gives the published values of hashlittle', () => {
  // lookup3.c's driver5: "Four score and seven years ago", seeds 0 and 1; and the empty key.
  const text = new TextEncoder().encode('Four score and seven years ago');
  expect(jhash(text, 0)).toBe(0x17770551);
  expect(jhash(text, 1)).toBe(0xcd628161);
  expect(jhash(new Uint8Array(0), 0)).toBe(0xdeadbeef);
});

/** Linux's table: buckets of keys, the newest first. */
class BucketModel {
  readonly buckets: { key: Uint8Array; value: number }[][];
  readonly #limit: number;
  readonly #moves: boolean;

  /** `moves`: an update of a key that is there puts it first (not in per-CPU maps). */
  constructor(entries: number, moves: boolean) {
    let size = 1;
    while (size < entries) size *= 2;
    this.buckets = Array.from({ length: size }, () => []);
    this.#limit = entries;
    this.#moves = moves;
  }

  get size(): number {
    return this.buckets.reduce((sum, bucket) => sum + bucket.length, 0);
  }

  bucket(key: Uint8Array) {
    return this.buckets[jhash(key, 0) & (this.buckets.length - 1)]!;
  }

  get(key: Uint8Array): number | undefined {
    return this.bucket(key).find((entry) => hex(entry.key) === hex(key))?.value;
  }

  set(key: Uint8Array, value: number, flags: number): number {
    const bucket = this.bucket(key);
    const old = bucket.findIndex((entry) => hex(entry.key) === hex(key));
    if (old >= 0 && flags === NOEXIST) return EEXIST;
    if (old < 0 && flags === EXIST) return ENOENT;
    if (old < 0 && this.size === this.#limit) return E2BIG;
    if (old >= 0 && !this.#moves) {
      bucket[old]!.value = value;
      return 0;
    }
    if (old >= 0) bucket.splice(old, 1);
    bucket.unshift({ key, value });
    return 0;
  }

  delete(key: Uint8Array): number {
    const bucket = this.bucket(key);
    const old = bucket.findIndex((entry) => hex(entry.key) === hex(key));
    if (old < 0) return ENOENT;
    bucket.splice(old, 1);
    return 0;
  }

  keys(): string[] {
    return this.buckets.flat().map((entry) => hex(entry.key));
  }
}

type Step = {
  readonly op: 'set' | 'get' | 'delete' | 'take';
  key: number;
  value: number;
  flags: number;
};

const step = (keys: number): fc.Arbitrary<Step> =>
  fc.record({
    op: fc.constantFrom('set', 'set', 'set', 'get', 'delete', 'take'),
    key: fc.integer({ min: 0, max: keys - 1 }),
    value: fc.nat(0xffff),
    flags: fc.constantFrom(0, 0, 0, NOEXIST, EXIST),
  });

describe.each([
  ['hash', 0, false],
  ['hash', 0, true],
  ['hash', NO_PREALLOC, false],
  ['percpu_hash', 0, false],
])('%s with flags %d (shared: %s) is the model', (type, flags, shared) => {
  test.each([4, 8, 16, 7, 12, 40])('keys of %d bytes: results, contents and order', (size) => {
    const property = fc.property(
      fc.array(step(24), { maxLength: 120 }),
      fc.integer({ min: 1, max: 20 }),
      (steps, maxEntries) => {
        const shape = { keySize: size, maxEntries, flags: flags | ZERO_SEED };
        const { map, program } = newMap(type, shape, { shared });
        const model = new BucketModel(maxEntries, type === 'hash');
        const bytes = (n: number) => new Uint8Array(size).fill(n).fill(n * 7, size >> 1);
        for (const { op, key, value, flags: mode } of steps) {
          const k = bytes(key);
          if (op === 'set') {
            const wanted = model.set(k, value, mode);
            const full = new Uint8Array(map.userValueSize);
            full.set(u32(value));
            const got =
              value & 1 ? map.update(k, full, mode) : program.update(k, full.slice(0, 8), mode);
            expect(got).toBe(wanted);
          } else if (op === 'get') {
            const value = valueOf(map, k);
            expect(typeof value === 'number' ? value : number(value)).toBe(model.get(k) ?? ENOENT);
            expect(program.lookup(k) !== 0n).toBe(model.get(k) !== undefined);
          } else if (op === 'delete') {
            expect(program.delete(k)).toBe(model.delete(k));
          } else {
            const out = new Uint8Array(map.userValueSize);
            const wanted = model.get(k);
            expect(map.lookupAndDelete(k, out)).toBe(model.delete(k));
            if (wanted !== undefined) expect(number(out)).toBe(wanted);
          }
        }
        expect(keysOf(map).map(hex)).toEqual(model.keys());
      },
    );
    fc.assert(property, { numRuns: 40 });
  });
});

test('a seeded hash map has another order than one with a zero seed', () => {
  const orders = [0, ZERO_SEED].map((flags) => {
    const { map } = newMap('hash', { maxEntries: 64, flags });
    for (let i = 0; i < 64; i++) map.update(u32(i), new Uint8Array(8));
    return keysOf(map).map(number);
  });
  expect(orders[0]).not.toEqual(orders[1]);
  expect(orders[0]!.toSorted((a, b) => a - b)).toEqual(orders[1]!.toSorted((a, b) => a - b));
});

/**
 * Linux's LRU for one CPU, over arrays (index 0 = front): free, pending (this CPU's), inactive and
 * active lists, reference bits, and the place where rotation of the inactive list goes on.
 */
class LruModel {
  readonly limit: number;
  readonly local: boolean;
  free: number;
  localFree = 0;
  pending: string[] = [];
  inactive: string[] = [];
  active: string[] = [];
  referenced = new Set<string>();
  values = new Map<string, number>();
  /** Element rotation starts from; undefined = the list's head. */
  hand: string | undefined;

  constructor(limit: number, local: boolean) {
    this.limit = limit;
    this.free = limit;
    this.local = local;
  }

  get scans(): number {
    return this.local ? 128 : 4;
  }

  get target(): number {
    return Math.min(128, Math.max(1, Math.floor(this.limit / 2)));
  }

  #leave(list: string[], key: string): void {
    const at = list.indexOf(key);
    if (list === this.inactive && this.hand === key)
      this.hand = at === 0 ? undefined : list[at - 1];
    list.splice(at, 1);
  }

  #move(from: string[], key: string, to: string[]): void {
    this.referenced.delete(key);
    this.#leave(from, key);
    to.unshift(key);
  }

  rotate(): void {
    if (this.inactive.length < this.active.length) {
      for (const key of this.active.toReversed().slice(0, this.scans)) {
        this.#move(this.active, key, this.referenced.has(key) ? this.active : this.inactive);
      }
    }
    if (this.inactive.length === 0) return;
    const ring = [undefined, ...this.inactive];
    const start = ring.indexOf(this.hand);
    // Going back from the hand, once around, the list's head left out.
    const order: (string | undefined)[] = [];
    for (let i = 0; i < ring.length; i++) order.push(ring[(start - i + ring.length) % ring.length]);
    const visit = order.filter((key) => key !== undefined).slice(0, this.scans);
    let next: string | undefined;
    for (const key of visit) {
      const at = this.inactive.indexOf(key);
      next = at === 0 ? undefined : this.inactive[at - 1];
      if (this.referenced.has(key)) this.#move(this.inactive, key, this.active);
    }
    this.hand = next;
  }

  /** Evicts up to `wanted` elements; returns how many nodes that freed. */
  shrink(wanted: number): number {
    let freed = 0;
    for (const key of this.inactive.toReversed().slice(0, this.scans)) {
      if (this.referenced.has(key)) {
        this.#move(this.inactive, key, this.active);
      } else {
        this.#leave(this.inactive, key);
        this.values.delete(key);
        if (++freed === wanted) break;
      }
    }
    if (freed > 0) return freed;
    const list = this.inactive.length > 0 ? this.inactive : this.active;
    const victim = list.at(-1);
    if (victim === undefined) return 0;
    this.#leave(list, victim);
    this.values.delete(victim);
    return 1;
  }

  /** Room for one more element, not yet named. */
  take(): boolean {
    if (!this.local) {
      this.rotate();
      if (this.free === 0) this.free += this.shrink(4);
      if (this.free === 0) return false;
      this.free--;
      return true;
    }
    if (this.localFree === 0) this.#refill();
    if (this.localFree > 0) {
      this.localFree--;
      return true;
    }
    const oldest = this.pending.findLast((key) => !this.referenced.has(key)) ?? this.pending.at(-1);
    if (oldest === undefined) return false;
    this.pending.splice(this.pending.indexOf(oldest), 1);
    this.values.delete(oldest);
    return true;
  }

  #refill(): void {
    for (const key of this.pending.toReversed()) {
      (this.referenced.has(key) ? this.active : this.inactive).unshift(key);
      this.referenced.delete(key);
    }
    this.pending = [];
    this.rotate();
    const got = Math.min(this.target, this.free);
    this.free -= got;
    this.localFree += got;
    if (got < this.target) this.localFree += this.shrink(this.target - got);
  }

  set(key: string, value: number): void {
    if (!this.take()) throw new Error('no room');
    const fresh = this.local ? this.pending : this.inactive;
    const old = this.values.has(key);
    // The new node stands before everything; the old one goes to the free nodes.
    const handOnFirst = old && this.hand === key && fresh[0] === key;
    if (old) this.#drop(key);
    fresh.unshift(key);
    // The new node was there before the old one left, and so is what comes before it.
    if (handOnFirst) this.hand = key;
    this.referenced.delete(key);
    if (old) this.referenced.add(key);
    this.values.set(key, value);
  }

  #drop(key: string): void {
    this.values.delete(key);
    this.referenced.delete(key);
    if (this.pending.includes(key)) {
      this.#leave(this.pending, key);
      this.localFree++;
    } else {
      this.#leave(this.inactive.includes(key) ? this.inactive : this.active, key);
      this.free++;
    }
  }

  delete(key: string): void {
    if (this.values.has(key)) this.#drop(key);
  }

  get(key: string): number | undefined {
    if (this.values.has(key)) this.referenced.add(key);
    return this.values.get(key);
  }
}

describe.each([
  ['common list', 0],
  ['list per CPU', NO_COMMON_LRU],
])('lru_hash, %s: evicts what the model evicts', (_, flags) => {
  test.each([1, 2, 5, 16, 300])('%d entries', (maxEntries) => {
    const keys = Math.ceil(maxEntries * 1.7) + 2;
    const property = fc.property(
      fc.array(step(keys), { minLength: maxEntries, maxLength: maxEntries * 6 + 40 }),
      (steps) => {
        const { map, program } = newMap('lru_hash', { maxEntries, flags });
        const model = new LruModel(maxEntries, flags === 0);
        for (const { op, key, value } of steps) {
          if (op === 'set' || op === 'take') {
            expect(program.update(u32(key), Uint8Array.of(...u32(value), 0, 0, 0, 0))).toBe(0);
            model.set(String(key), value);
          } else if (op === 'get') {
            const got = program.read(u32(key));
            expect(got && number(got)).toBe(model.get(String(key)));
          } else {
            program.delete(u32(key));
            model.delete(String(key));
          }
        }
        const left = keysOf(map).map((k) => String(number(k)));
        expect(left.toSorted()).toEqual([...model.values.keys()].toSorted());
        for (const k of left) {
          expect(number(valueOf(map, u32(Number(k))) as Uint8Array)).toBe(model.values.get(k));
        }
      },
    );
    fc.assert(property, { numRuns: maxEntries > 100 ? 15 : 60 });
  });
});

test('lru_hash: what programs look at stays, bpf(2) reads do not count', () => {
  const { map, program } = newMap('lru_hash', { maxEntries: 8 });
  for (let i = 0; i < 8; i++) program.update(u32(i), new Uint8Array(8));
  for (let round = 0; round < 40; round++) {
    expect(program.lookup(u32(0))).not.toBe(0n);
    valueOf(map, u32(1));
    program.update(u32(100 + round), new Uint8Array(8));
  }
  expect(program.lookup(u32(0))).not.toBe(0n);
  expect(program.lookup(u32(1))).toBe(0n);
});

describe('lpm_trie is a list of prefixes searched from the longest', () => {
  test.each([1, 3, 4, 6, 8, 9, 16, 20])('addresses of %d bytes', (size) => {
    const bits = size * 8;
    const address = fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => {
      // Few different bits, so that prefixes meet.
      return bytes.map((byte, i) => (i === 0 || i === size - 1 ? byte & 0xc3 : byte & 0x80));
    });
    const entry = fc.record({
      op: fc.constantFrom('set', 'set', 'set', 'delete', 'get', 'get'),
      length: fc.integer({ min: 0, max: bits }),
      address,
      flags: fc.constantFrom(0, 0, NOEXIST, EXIST),
    });
    const masked = (length: number, bytes: Uint8Array) =>
      Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0'))
        .join('')
        .slice(0, length);
    const property = fc.property(fc.array(entry, { maxLength: 120 }), (steps) => {
      const shape = { keySize: 4 + size, maxEntries: 20 };
      const { map, program } = newMap('lpm_trie', shape);
      const model = new Map<string, number>();
      steps.forEach(({ op, length, address: bytes, flags }, i) => {
        const key = Uint8Array.of(...u32(length), ...bytes);
        const prefix = masked(length, bytes);
        if (op === 'set') {
          let wanted = 0;
          if (flags === NOEXIST && model.has(prefix)) wanted = EEXIST;
          else if (flags === EXIST && !model.has(prefix)) wanted = ENOENT;
          else if (!model.has(prefix) && model.size === 20) wanted = ENOSPC;
          else model.set(prefix, i);
          expect(program.update(key, Uint8Array.of(...u32(i), 0, 0, 0, 0), flags)).toBe(wanted);
        } else if (op === 'delete') {
          expect(map.delete(key)).toBe(model.delete(prefix) ? 0 : ENOENT);
        } else {
          let found: number | undefined;
          for (let n = length; n >= 0 && found === undefined; n--)
            found = model.get(prefix.slice(0, n));
          const value = program.read(key);
          expect(value && number(value)).toBe(found);
        }
      });
      const keys = keysOf(map).map((key) => masked(number(key), key.slice(4)));
      expect(keys.toSorted()).toEqual([...model.keys()].toSorted());
      // Postorder: nothing comes after a prefix of itself.
      keys.forEach((key, i) => {
        for (const later of keys.slice(i + 1))
          expect(later.startsWith(key) && later !== key).toBe(false);
      });
    });
    fc.assert(property, { numRuns: 40 });
  });
});

describe.each(['queue', 'stack'])('%s', (type) => {
  test.each([false, true])('is an array (shared: %s)', (shared) => {
    const operation = fc.record({
      op: fc.constantFrom('push', 'push', 'force', 'pop', 'peek'),
      value: fc.nat(0xffffffff),
    });
    const property = fc.property(
      fc.array(operation, { maxLength: 80 }),
      fc.integer({ min: 1, max: 6 }),
      (steps, maxEntries) => {
        const { program } = newMap(type, { valueSize: 4, maxEntries }, { shared });
        const model: number[] = [];
        for (const { op, value } of steps) {
          if (op === 'push' || op === 'force') {
            const full = model.length === maxEntries;
            if (full && op === 'force') model.shift();
            if (!full || op === 'force') model.push(value);
            expect(program.push(u32(value), op === 'force' ? EXIST : 0)).toBe(
              full && op === 'push' ? E2BIG : 0,
            );
          } else {
            const wanted = type === 'queue' ? model[0] : model.at(-1);
            if (op === 'pop') model.splice(type === 'queue' ? 0 : -1, 1);
            expect(program.take(op)).toEqual(wanted === undefined ? ENOENT : u32(wanted));
          }
        }
      },
    );
    fc.assert(property, { numRuns: 80 });
  });
});
