import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { extensionMapTypes, isExtensionMap } from '../../src/abi/extensions.ts';
import { enums, mapTypes } from '../../src/abi/index.ts';
import { createRuntime } from '../../src/runtime/index.ts';
import * as layout from '../../src/runtime/layout.ts';
import { definition } from './map-harness.ts';

const files = (folder: string) =>
  readdirSync(new URL(`../../src/${folder}`, import.meta.url))
    .filter((name) => name.endsWith('.ts') && !/^(_|index)/.test(name))
    .map((name) => name.slice(0, -3))
    .toSorted();

test('the index of facts is the list of files (npm run build:wasm writes it)', () => {
  expect(mapTypes.map((type) => type.name).toSorted()).toEqual(files('abi/maps'));
});

test('every implementation has facts, and every fact its implementation', () => {
  const runtimes = new Set(mapTypes.map(({ runtime }) => runtime!));
  expect(files('runtime/maps')).toEqual([...runtimes].toSorted());
});

/** Header offsets of the operations: OP_LOOKUP → 'lookup'. */
const operations = Object.entries(layout)
  .filter(([name]) => name.startsWith('OP_'))
  .map(([name, offset]) => [name.slice(3).toLowerCase(), offset as number] as const);

describe.each(mapTypes.map((type) => [type.name, type] as const))('%s', (name, type) => {
  test('has the kernel’s number', () => {
    const enumerator = `BPF_MAP_TYPE_${name.toUpperCase()}`;
    const numbers = isExtensionMap(type.id) ? extensionMapTypes : enums.bpf_map_type;
    expect(type.id).toBe((numbers as Record<string, number>)[enumerator]);
  });

  test('its header names its own functions, at their places in the table', () => {
    const runtime = createRuntime({ cpus: 1 });
    const inner = runtime.createMap(definition('array'));
    const template = type.valueIs === 'map' ? { inner } : {};
    const map = runtime.createMap(definition(name, template));
    const named = operations.filter(([operation, offset]) => {
      const slot = runtime.u32()[(map.address + layout.M_OPS + offset) >> 2]!;
      if (slot !== 0) {
        expect(runtime.table.get(slot)).toBe(runtime.exports[`${map.prefix}_${operation}`]);
      }
      return slot !== 0;
    });
    const present = operations.filter(
      ([operation]) => `${map.prefix}_${operation}` in runtime.exports,
    );
    expect(named).toEqual(present);
    for (const needed of ['free', 'next_key', 'sys_lookup', 'sys_update', 'sys_delete']) {
      expect(named.map(([operation]) => operation)).toContain(needed);
    }
  });

  test('freeing gives everything back', () => {
    const runtime = createRuntime({ cpus: 2 });
    const inner = runtime.createMap(definition('array'));
    const wanted = definition(name, type.valueIs === 'map' ? { inner } : {});
    runtime.createMap(wanted).free();
    const heap = () => [
      runtime.u32()[(layout.GLOBALS + layout.G_HEAP_NEXT) >> 2],
      runtime.u32()[(layout.GLOBALS + layout.G_REGION_NEXT) >> 2],
    ];
    const before = heap();
    for (let i = 0; i < 50; i++) runtime.createMap(wanted).free();
    expect(heap()).toEqual(before);
  });
});
