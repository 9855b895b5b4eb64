import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Backend, maglevTable } from '../../src/tools/maglev/index.ts';

const named = (count: number): Backend[] =>
  Array.from({ length: count }, (_, i) => ({ name: `10.0.0.${i + 1}` }));

function shares(table: Int32Array, count: number): number[] {
  const found = Array.from({ length: count }, () => 0);
  for (const one of table) found[one]!++;
  return found;
}

describe('a Maglev table', () => {
  it('gives every backend its share, one place more or less', () => {
    for (const [count, size] of [
      [1, 2],
      [3, 251],
      [10, 16_381],
      [100, 16_381],
    ] as const) {
      const found = shares(maglevTable(named(count), size), count);
      expect(Math.max(...found) - Math.min(...found)).toBeLessThanOrEqual(1);
    }
  });

  it('follows weights', () => {
    const backends = [{ name: 'a', weight: 1 }, { name: 'b', weight: 3 }, { name: 'c' }];
    const [a, b, c] = shares(maglevTable(backends, 16_381), 3);
    expect(b! / 16_381).toBeCloseTo(0.6, 2);
    expect(Math.abs(a! - c!)).toBeLessThanOrEqual(1);
  });

  it.each([4, 10, 50])('moves few places of the others when one of %i goes', (count) => {
    const backends = named(count);
    const size = 16_381;
    const before = maglevTable(backends, size);
    for (const gone of [0, count >> 1, count - 1]) {
      const after = maglevTable(
        backends.filter((_, i) => i !== gone),
        size,
      );
      let own = 0;
      let others = 0;
      before.forEach((backend, place) => {
        const now = after[place]! >= gone ? after[place]! + 1 : after[place]!;
        if (backend === gone) own++;
        else if (backend !== now) others++;
      });
      expect(own / size).toBeCloseTo(1 / count, 3);
      // Measured: 0.1 to 1 % of the places.
      expect(others / size).toBeLessThan(0.015);
    }
  });

  it('is full, whoever is in it and in whatever numbers', () => {
    const backends = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(backends, fc.constantFrom(23, 101, 251), (names, size) => {
        const table = maglevTable(
          names.map((name) => ({ name })),
          size,
        );
        expect(table.every((one) => one >= 0 && one < names.length)).toBe(true);
      }),
    );
  });

  it('refuses what it cannot make', () => {
    expect([...maglevTable([], 3)]).toEqual([-1, -1, -1]);
    expect(() => maglevTable(named(2), 100)).toThrow(/prime/);
    expect(() => maglevTable(named(5), 3)).toThrow(/3 places/);
    expect(() => maglevTable([{ name: 'a' }, { name: 'a' }], 7)).toThrow(/same name/);
    expect(() => maglevTable([{ name: 'a', weight: 0 }], 7)).toThrow(/weight/);
  });
});
