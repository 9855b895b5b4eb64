import { describe, expect, test } from 'vitest';
import { createErrno, definition, newMap } from './map-harness.ts';
import { createRuntime } from '../../src/runtime/index.ts';
import { M_VALUES, M_VALUE_TAG, REGION_MAP_HANDLE, TAG_BASE } from '../../src/runtime/layout.ts';

type Body = (...args: bigint[]) => bigint;

const PAGE = 4096;

/** An arena of 4 pages and the kernel's functions on it; pages are counted from its start. */
function arena() {
  const { runtime, map } = newMap('arena', { maxEntries: 4 });
  const word = (at: number) => runtime.u32()[(map.address + at) >> 2]!;
  const handle = (BigInt((TAG_BASE + REGION_MAP_HANDLE) >>> 0) << 32n) | BigInt(map.address);
  const start = (BigInt(word(M_VALUE_TAG)) << 32n) | BigInt(word(M_VALUES));
  const { bpf_arena_alloc_pages: alloc, bpf_arena_free_pages: free } =
    runtime.exports as unknown as Record<string, Body>;
  return {
    map,
    count: () =>
      (runtime.exports['arena_page_count'] as unknown as (map: number) => number)(map.address),
    /** Page number, or undefined. */
    alloc(pages: number, at?: number, node = -1n, flags = 0n): number | undefined {
      const address = at === undefined ? 0n : start + BigInt(at);
      const found = BigInt.asUintN(64, alloc!(handle, address, BigInt(pages), node, flags));
      return found === 0n ? undefined : Number(found - start) / PAGE;
    },
    free: (page: number, pages: number) =>
      void free!(handle, start + BigInt(page * PAGE), BigInt(pages)),
  };
}

describe('pages of an arena', () => {
  test('the first free ones that fit', () => {
    const pages = arena();
    expect([pages.alloc(1), pages.alloc(2), pages.alloc(1), pages.alloc(1)]).toEqual([
      0,
      1,
      3,
      undefined,
    ]);
    pages.free(1, 1);
    expect([pages.alloc(2), pages.alloc(1)]).toEqual([undefined, 1]);
    expect(pages.count()).toBe(4);
  });

  test('at an address: whole pages, free ones, inside', () => {
    const pages = arena();
    expect(pages.alloc(1, 2 * PAGE)).toBe(2);
    expect(pages.alloc(2, PAGE)).toBeUndefined();
    expect(pages.alloc(1, PAGE + 8)).toBeUndefined();
    expect(pages.alloc(2, 3 * PAGE)).toBeUndefined();
    expect(pages.alloc(1, 4 * PAGE)).toBeUndefined();
    expect(pages.alloc(1, 3 * PAGE)).toBe(3);
  });

  test('none for no pages, too many, unknown flags or nodes', () => {
    const pages = arena();
    expect(pages.alloc(0)).toBeUndefined();
    expect(pages.alloc(5)).toBeUndefined();
    expect(pages.alloc(1, undefined, 1n)).toBeUndefined();
    expect(pages.alloc(1, undefined, 0n, 1n)).toBeUndefined();
    expect(pages.alloc(1, undefined, 0n)).toBe(0);
  });

  test('are zero when they come again, and freeing more than there is frees what there is', () => {
    const pages = arena();
    pages.alloc(4);
    using view = pages.map.mmap();
    view.bytes().fill(9);
    pages.free(2, 100);
    expect(pages.count()).toBe(2);
    expect(view.bytes()[2 * PAGE]).toBe(0);
    expect(view.bytes()[2 * PAGE - 1]).toBe(9);
    expect(pages.alloc(2)).toBe(2);
  });
});

test('an arena must not cross 4 GiB, nor be bigger', () => {
  const runtime = createRuntime({ cpus: 1 });
  const errno = (changes: object) => createErrno(runtime, definition('arena', changes));
  expect(errno({ extra: 0xfffff000n, maxEntries: 1 })).toBe(0);
  expect(errno({ extra: 0xfffff000n, maxEntries: 2 })).toBe(-34);
  expect(errno({ extra: 0x1000_0000_0000n })).toBe(0);
  expect(errno({ maxEntries: (1 << 20) + 1 })).toBe(-7);
});
