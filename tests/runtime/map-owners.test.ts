import { describe, expect, test } from 'vitest';
import type { LivePlace, OwnerKind } from '../../src/abi/index.ts';
import { CELL_GENERATION } from '../../src/abi/live-cell.ts';
import {
  createRuntime,
  OwnerGone,
  type Runtime,
  storageBytes,
  storageOwners,
  storagePlace,
} from '../../src/runtime/index.ts';
import { GLOBALS, G_HEAP_NEXT, G_REGION_NEXT } from '../../src/runtime/layout.ts';
import { definition, u32, u64 } from './map-harness.ts';

const STORAGES: readonly (readonly [string, OwnerKind])[] = [
  ['task_storage', 'task'],
  ['inode_storage', 'inode'],
  ['sk_storage', 'socket'],
  ['cgrp_storage', 'cgroup'],
];

/** The last byte of a value, found as other threads find it. */
const cellByte = (runtime: Runtime, { cell }: LivePlace): number =>
  runtime.u8()[runtime.u32()[cell >>> 2]! + 11]!;

describe.each([false, true])('shared memory: %s', (shared) => {
  test.each(STORAGES)('%s: random owners and maps keep what a model keeps', (type, kind) => {
    const runtime = createRuntime({ cpus: 1, shared });
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    let maps = [0, 1, 2].map(() => runtime.createMap(definition(type, { valueSize: 12 })));
    let owners = Array.from({ length: 20 }, () => runtime.createOwner(kind));
    const model = new Map<string, number>();
    const places = new Map<string, LivePlace>();
    const name = (map: number, owner: number) => `${maps[map]!.id} ${owners[owner]!.number}`;
    for (let step = 0; step < 4000; step++) {
      const [map, owner, value] = [random(3), random(20), random(256)];
      const key = u32(owners[owner]!.number);
      switch (random(8)) {
        case 0:
          expect(maps[map]!.delete(key)).toBe(model.delete(name(map, owner)) ? 0 : -2);
          break;
        case 1:
          if (random(10) > 0) break;
          owners[owner]!.free();
          for (const map of [0, 1, 2]) model.delete(name(map, owner));
          expect(maps[map]!.lookup(key, new Uint8Array(12))).toBe(-9);
          owners = owners.with(owner, runtime.createOwner(kind));
          break;
        case 2:
          if (random(40) > 0) break;
          for (const owner of owners.keys()) model.delete(name(map, owner));
          maps[map]!.free();
          maps = maps.with(map, runtime.createMap(definition(type, { valueSize: 12 })));
          break;
        default:
          expect(maps[map]!.update(key, new Uint8Array(12).fill(value))).toBe(0);
          model.set(name(map, owner), value);
      }
      const asked = random(20);
      const live = storageBytes(runtime, maps[map]!, owners[asked]!);
      const known = model.get(name(map, asked));
      expect(live?.[11]).toBe(known);
      const place = storagePlace(runtime, maps[map]!, owners[asked]!);
      expect(place && cellByte(runtime, place)).toBe(known);
      if (place) places.set(name(map, asked), place);
      if (step % 50 === 0) {
        for (const [key, { cell, generation }] of places) {
          const isSame = runtime.u32()[(cell + CELL_GENERATION) >>> 2] === generation;
          // Values that came back have cells of their own, or the old one's next life.
          if (!model.has(key)) expect(isSame).toBe(false);
          if (!isSame) places.delete(key);
          else expect(cellByte(runtime, places.get(key)!)).toBe(model.get(key));
        }
        const numbers = storageOwners(runtime, maps[map]!).map(({ number }) => number);
        const held = owners.filter((_, i) => model.has(name(map, i)));
        expect(numbers).toEqual(held.map(({ number }) => number).sort((a, b) => a - b));
      }
    }
  });
});

test('owners and their storage give back what they took', () => {
  const runtime = createRuntime({ cpus: 1 });
  const round = (): void => {
    const map = runtime.createMap(definition('task_storage'));
    const owners = Array.from({ length: 200 }, () => runtime.createOwner('task'));
    for (const { number } of owners) map.update(u32(number), u64(1));
    for (const owner of owners.slice(0, 100)) owner.free();
    map.free();
    for (const owner of owners) owner.free();
  };
  const heap = () => [G_HEAP_NEXT, G_REGION_NEXT].map((at) => runtime.u32()[(GLOBALS + at) >> 2]);
  round();
  const before = heap();
  for (let i = 0; i < 5; i++) round();
  expect(heap()).toEqual(before);
});

test('what a dead owner held is gone: views say so, numbers are not used again', () => {
  const runtime = createRuntime({ cpus: 1 });
  const map = runtime.createMap(definition('task_storage'));
  const owner = runtime.createOwner('task');
  expect(storageBytes(runtime, map, owner)).toBeUndefined();
  map.update(u32(owner.number), u64(3));
  expect(storageBytes(runtime, map, owner)).toEqual(u64(3));
  owner.free();
  owner.free();
  expect(owner.alive).toBe(false);
  expect(() => storageBytes(runtime, map, owner)).toThrow(OwnerGone);
  expect(runtime.createOwner('task').number).not.toBe(owner.number);
});

test('an owner is of one kind only', () => {
  const runtime = createRuntime({ cpus: 1 });
  const map = runtime.createMap(definition('sk_storage'));
  expect(map.update(u32(runtime.createOwner('task').number), u64(1))).toBe(-9);
});
