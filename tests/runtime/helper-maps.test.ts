import { describe, expect, it } from 'vitest';
import { errnoNumber, mapTypeId } from '../../src/abi/index.ts';
import type { RuntimeMap } from '../../src/runtime/index.ts';
import {
  C_REDIRECT_INDEX,
  REDIRECT_MAP,
  REDIRECT_NONE,
  REGION_MAP_HANDLE,
  TAG_BASE,
} from '../../src/runtime/layout.ts';
import { Bench, udpPacket } from './helper-harness.ts';

const errno = (name: string): number => -errnoNumber(name)!;
const handle = (map: RuntimeMap): bigint =>
  (BigInt.asUintN(32, BigInt(TAG_BASE + REGION_MAP_HANDLE)) << 32n) | BigInt(map.address);
const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

function newMap(type: string, keySize: number, valueSize: number, maxEntries = 4) {
  const bench = new Bench('xdp', udpPacket());
  const map = bench.runtime.createMap({
    name: type,
    type: mapTypeId(type)!,
    keySize,
    valueSize,
    maxEntries,
    flags: 0,
  });
  return { bench, map, pointer: handle(map) };
}

describe.each(['array', 'hash', 'lru_hash', 'percpu_array', 'percpu_hash'])(
  'helpers on %s',
  (type) => {
    it('look up, update and delete what bpf(2) sees', () => {
      const { bench, map, pointer } = newMap(type, 4, 8);
      const key = bench.bytes(u32(2));
      const value = bench.bytes([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(bench.call('map_update_elem', pointer, key, value, 9)).toBe(errno('EINVAL'));
      expect(bench.call('map_update_elem', pointer, key, value, 0)).toBe(0);
      expect(bench.call('map_update_elem', pointer, key, value, 1)).toBe(errno('EEXIST'));
      const out = new Uint8Array(8);
      expect(map.lookup(u32(2), out)).toBe(0);
      expect(out).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
      const found = bench.call64('map_lookup_elem', pointer, key);
      expect(found >> 48n).toBe(0xffffn);
      expect(bench.read(Number(found & 0xffffffffn), 8)).toEqual(out);
      const missing = bench.bytes(u32(99));
      expect(bench.call64('map_lookup_elem', pointer, missing)).toBe(0n);
      const deleted = type.endsWith('array') ? errno('EINVAL') : 0;
      expect(bench.call('map_delete_elem', pointer, key)).toBe(deleted);
    });

    it('lack the operations of queues', () => {
      const { bench, pointer } = newMap(type, 4, 8);
      const value = bench.bytes(new Uint8Array(8));
      for (const name of ['map_push_elem', 'map_pop_elem', 'map_peek_elem']) {
        expect(bench.call(name, pointer, value, 0), name).toBe(errno('EOPNOTSUPP'));
      }
    });
  },
);

it('map_lookup_percpu_elem reads the value of one CPU', () => {
  const { bench, pointer } = newMap('percpu_array', 4, 8);
  const key = bench.bytes(u32(1));
  bench.call('map_update_elem', pointer, key, bench.bytes([9, 0, 0, 0, 0, 0, 0, 0]), 0);
  const found = bench.call64('map_lookup_percpu_elem', pointer, key, 0);
  expect(bench.read(Number(found & 0xffffffffn), 1)[0]).toBe(9);
  expect(bench.call64('map_lookup_percpu_elem', pointer, key, 1)).toBe(0n);
});

it.each([
  ['queue', [1, 2, 3]],
  ['stack', [3, 2, 1]],
])('%s helpers give elements back in its order', (type, order) => {
  const { bench, pointer } = newMap(type, 0, 4, 3);
  for (const n of [1, 2, 3]) {
    expect(bench.call('map_push_elem', pointer, bench.bytes(u32(n)), 0)).toBe(0);
  }
  expect(bench.call('map_push_elem', pointer, bench.bytes(u32(4)), 0)).toBe(errno('E2BIG'));
  const out = bench.bytes(u32(0));
  expect(bench.call('map_peek_elem', pointer, out)).toBe(0);
  expect(bench.read(out, 1)[0]).toBe(order[0]);
  const popped = order.map(() => {
    expect(bench.call('map_pop_elem', pointer, out)).toBe(0);
    return bench.read(out, 1)[0];
  });
  expect(popped).toEqual(order);
  expect(bench.call('map_pop_elem', pointer, out)).toBe(errno('ENOENT'));
});

describe('bpf_redirect_map', () => {
  const XDP_ABORTED = 0;
  const XDP_PASS = 2;
  const XDP_REDIRECT = 4;

  it('leaves the entry with the CPU and with the packet', () => {
    const { bench, map, pointer } = newMap('devmap', 4, 4);
    expect(map.update(u32(3), u32(42))).toBe(0);
    expect(bench.call('redirect_map', pointer, 3, XDP_PASS)).toBe(XDP_REDIRECT);
    const words = bench.runtime.u32();
    const context = (bench.ctx + bench.offset('REDIRECT')) / 4;
    expect([words[context], words[context + 1], words[context + 2]]).toEqual([
      REDIRECT_MAP,
      3,
      map.address,
    ]);
    expect(words[(bench.runtime.cpuBlock + C_REDIRECT_INDEX) / 4]).toBe(3);
  });

  it('returns the action in its flags for an empty entry', () => {
    const { bench, pointer } = newMap('devmap', 4, 4);
    expect(bench.call('redirect_map', pointer, 1, XDP_PASS)).toBe(XDP_PASS);
    expect(bench.get('REDIRECT')).toBe(REDIRECT_NONE);
    expect(bench.call('redirect_map', pointer, 1, 1n << 20n)).toBe(XDP_ABORTED);
  });

  it('aborts for maps that lead nowhere', () => {
    const { bench, pointer } = newMap('array', 4, 8);
    expect(bench.call('redirect_map', pointer, 1, XDP_PASS)).toBe(XDP_ABORTED);
  });
});
