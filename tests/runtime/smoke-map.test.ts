import { expect, test } from 'vitest';
import { createRuntime } from '../../src/runtime/index.ts';

test.each([false, true])('array map, shared=%s', (shared) => {
  const runtime = createRuntime({ cpus: 2, shared });
  const map = runtime.createMap({ name: 'm', type: 2, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 });
  const key = new Uint8Array([2, 0, 0, 0]);
  const out = new Uint8Array(8);
  expect(map.update(key, new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]))).toBe(0);
  expect(map.lookup(key, out)).toBe(0);
  expect([...out]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(map.valueBytes(2)[0]).toBe(1);
  const lookup = runtime.exports['array_lookup'] as (map: number, key: number) => bigint;
  const at = runtime.allocate(8);
  runtime.u32()[at >> 2] = 3;
  expect(BigInt.asUintN(64, lookup(map.address, at)).toString(16)).toMatch(/^ffff80/);
});
