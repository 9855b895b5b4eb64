import { xxhash3, xxhash32 } from 'hash-wasm';
import murmurhash from 'murmurhash';
import SipHash from 'siphash';
import { describe, expect, it } from 'vitest';
import { createRuntime, type MapHash, mapHashes } from '../../src/runtime/index.ts';

const LONGEST = 300;
const runtime = createRuntime({ cpus: 1 });
const at = runtime.allocate(4096, 64);

type HashOf = (hash: number, at: number, size: number, low: bigint, high: bigint) => bigint;

/** Ours, of bytes that lie at an odd place. */
function ours(hash: MapHash, bytes: Uint8Array, low = 0n, high = 0n): bigint {
  runtime.u8().set(bytes, at + 1);
  const number = ['jhash', 'xxh32', 'xxh3', 'siphash', 'murmur3'].indexOf(hash);
  const hashOf = runtime.exports['map_hash_of'] as HashOf;
  return BigInt.asUintN(64, hashOf(number, at + 1, bytes.length, low, high));
}

const text = Uint8Array.from({ length: 4000 }, (_, i) => (i * 2654435761) >>> 24);
const lengths = [...Array(LONGEST + 1).keys(), 1023, 1024, 1025, 1087, 1088, 2048, 2049, 3000];
const SEEDS = [0n, 1n, 0x9e3779b97f4a7c15n];
const half = (seed: bigint) => Number(seed & 0xffffffffn);

describe('hashes are what others make of the same bytes', () => {
  it('xxh32', async () => {
    for (const seed of SEEDS) {
      for (const length of lengths) {
        const bytes = text.subarray(0, length);
        const theirs = BigInt(`0x${await xxhash32(bytes, half(seed))}`);
        expect(ours('xxh32', bytes, seed), `${length}`).toBe(theirs);
      }
    }
  });

  it('xxh3', async () => {
    for (const seed of SEEDS) {
      for (const length of lengths) {
        const bytes = text.subarray(0, length);
        const theirs = BigInt(`0x${await xxhash3(bytes, half(seed), half(seed >> 32n))}`);
        expect(ours('xxh3', bytes, seed), `${length}`).toBe(theirs);
      }
    }
  });

  it('murmur3', () => {
    for (const seed of SEEDS) {
      for (const length of lengths) {
        const bytes = text.subarray(0, length);
        const theirs = BigInt(murmurhash.v3(bytes, half(seed)));
        expect(ours('murmur3', bytes, seed), `${length}`).toBe(theirs);
      }
    }
  });

  it('siphash', () => {
    for (const seed of SEEDS) {
      const other = BigInt.asUintN(64, seed * 7n + 3n);
      const key = [half(seed), half(seed >> 32n), half(other), half(other >> 32n)];
      for (const length of lengths) {
        const bytes = text.subarray(0, length);
        const { h, l } = SipHash.hash(key, bytes);
        const theirs = (BigInt(h >>> 0) << 32n) | BigInt(l >>> 0);
        expect(ours('siphash', bytes, seed, other), `${length}`).toBe(theirs);
      }
    }
  });
});

const TYPES = { hash: 1, percpu_hash: 5, lru_hash: 9, lru_percpu_hash: 10 };

describe.each(mapHashes)('maps of keys hashed by %s', (mapHash) => {
  const machine = createRuntime({ cpus: 2, mapHash, seed: 3 });
  it.each(Object.entries(TYPES))('%s keeps, lists and deletes', (_, type) => {
    for (const keySize of [1, 4, 8, 12, 13, 16, 24, 40, 250]) {
      const definition = { name: 'm', type, keySize, valueSize: 8, maxEntries: 512, flags: 0 };
      const map = machine.createMap(definition);
      const keys = Array.from({ length: 200 }, (_, i) => {
        const key = new Uint8Array(keySize).fill(i);
        key[keySize - 1] = i;
        return key;
      });
      const value = new Uint8Array(map.userValueSize);
      for (const [i, key] of keys.entries()) {
        value[0] = i;
        expect(map.update(key, value)).toBe(0);
        if (i % 3 === 0) expect(map.update(key, value)).toBe(0);
      }
      const out = new Uint8Array(map.userValueSize);
      for (const [i, key] of keys.entries()) {
        expect(map.lookup(key, out)).toBe(0);
        expect(out[0]).toBe(i);
      }
      expect(walk(map, keySize)).toBe(200);
      for (const key of keys.slice(0, 150)) expect(map.delete(key)).toBe(0);
      expect(map.lookup(keys[0]!, out)).toBeLessThan(0);
      expect(walk(map, keySize)).toBe(50);
      map.free();
    }
  });
});

it('refuses names of no hash', () => {
  const machine = createRuntime({ cpus: 1, mapHash: 'md5' as MapHash });
  const map = { name: 'm', type: 1, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 };
  expect(() => machine.createMap(map)).toThrow(/'md5'.*EINVAL/);
});

it.each(mapHashes)('hash_of_maps hashed by %s keeps its template', (mapHash) => {
  const machine = createRuntime({ cpus: 1, mapHash });
  const sizes = { keySize: 4, valueSize: 4, flags: 0 };
  const inner = machine.createMap({ name: 'i', type: 1, maxEntries: 8, ...sizes });
  const outer = machine.createMap({ name: 'o', type: 13, maxEntries: 64, ...sizes, inner });
  const [key, out] = [new Uint8Array(4), new Uint8Array(4)];
  for (let i = 0; i < 64; i++) {
    key[3] = i;
    expect(outer.setObject(key, inner.address, inner.id)).toBe(0);
  }
  expect(walk(outer, 4)).toBe(64);
  expect(outer.lookup(key, out)).toBe(0);
  expect(out[0]).toBe(inner.id);
  const wrong = machine.createMap({ name: 'w', type: 1, maxEntries: 8, ...sizes, valueSize: 8 });
  expect(outer.setObject(key, wrong.address, wrong.id)).toBe(-22);
});

function walk(map: ReturnType<typeof runtime.createMap>, keySize: number): number {
  const next = new Uint8Array(keySize);
  let key: Uint8Array | undefined;
  let count = 0;
  while (map.nextKey(key, next) === 0) {
    key = next.slice();
    count++;
  }
  return count;
}
