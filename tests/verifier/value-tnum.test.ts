/** Tracked numbers: every pair of a small width against every pair of concrete values. */
import { describe, expect, test } from 'vitest';
import { MASK, REG_WORDS, VALUE } from '../../src/verifier/state/layout.ts';
import {
  tnumAdd,
  tnumAnd,
  tnumArshift,
  tnumArshift32,
  tnumCast,
  tnumIn,
  tnumLshift,
  tnumMul,
  tnumOr,
  tnumOverlap,
  tnumRange,
  tnumRshift,
  tnumSet,
  tnumSub,
  tnumXor,
} from '../../src/verifier/value/tnum.ts';
import { U64, get64 } from './values.ts';

const WIDTH = 6;

interface Tnum {
  readonly w: Int32Array;
  readonly value: number;
  readonly mask: number;
  /** All numbers it stands for. */
  readonly members: readonly number[];
}

/** All tracked numbers of `width` bits. */
function allTnums(width: number): Tnum[] {
  const found: Tnum[] = [];
  for (let mask = 0; mask < 1 << width; mask++) {
    for (let value = 0; value < 1 << width; value++) {
      if ((value & mask) !== 0) continue;
      const w = new Int32Array(REG_WORDS);
      tnumSet(w, 0, value, 0, mask, 0);
      const members: number[] = [];
      for (let bits = mask; ; bits = (bits - 1) & mask) {
        members.push(value | bits);
        if (bits === 0) break;
      }
      found.push({ w, value, mask, members });
    }
  }
  return found;
}

const tnums = allTnums(WIDTH);
const result = new Int32Array(REG_WORDS);

/** True if `w` allows the (small, perhaps negative) number. */
function allows(w: Int32Array, number: number): boolean {
  const high = number < 0 ? -1 : 0;
  return (number & ~w[MASK]!) === w[VALUE] && (high & ~w[MASK + 1]!) === w[VALUE + 1];
}

type Binary = (
  w: Int32Array,
  d: number,
  aw: Int32Array,
  a: number,
  bw: Int32Array,
  b: number,
) => void;

const OPERATIONS: readonly (readonly [string, Binary, (a: number, b: number) => number])[] = [
  ['add', tnumAdd, (a, b) => a + b],
  ['sub', tnumSub, (a, b) => a - b],
  ['mul', tnumMul, (a, b) => a * b],
  ['and', tnumAnd, (a, b) => a & b],
  ['or', tnumOr, (a, b) => a | b],
  ['xor', tnumXor, (a, b) => a ^ b],
];

describe(`all pairs of ${tnums.length} tracked numbers of ${WIDTH} bits`, () => {
  test.each(OPERATIONS)('%s allows every concrete result', (_, operation, concrete) => {
    let checks = 0;
    for (const a of tnums) {
      for (const b of tnums) {
        operation(result, 0, a.w, 0, b.w, 0);
        if ((result[VALUE]! & result[MASK]!) !== 0) throw new Error('a bit known and unknown');
        for (const x of a.members) {
          for (const y of b.members) {
            checks++;
            if (allows(result, concrete(x, y))) continue;
            throw new Error(`${x} and ${y} of ${a.value}/${a.mask} and ${b.value}/${b.mask}`);
          }
        }
      }
    }
    // Each bit of a pair: 4 choices of members for each of the (1 + 1 + 2) squared.
    expect(checks).toBe(16 ** WIDTH);
  });

  test('bitwise results are as tight as can be', () => {
    for (const a of tnums) {
      for (const b of tnums) {
        for (const [name, operation, concrete] of OPERATIONS.slice(3)) {
          operation(result, 0, a.w, 0, b.w, 0);
          const first = concrete(a.value, b.value);
          let differs = 0;
          for (const x of a.members) for (const y of b.members) differs |= first ^ concrete(x, y);
          if (differs !== result[MASK]) throw new Error(`${name} of ${a.value} and ${b.value}`);
        }
      }
    }
    expect(result[MASK + 1]).toBe(0);
  });

  test('inclusion and overlap are those of sets', () => {
    for (const a of tnums) {
      const inA = new Set(a.members);
      for (const b of tnums) {
        const common = b.members.filter((y) => inA.has(y));
        const included = common.length === b.members.length;
        if (tnumIn(a.w, 0, b.w, 0) !== included) throw new Error(`${a.value} ${b.value}`);
        if (tnumOverlap(a.w, 0, b.w, 0) !== common.length > 0) throw new Error(`${a.value}`);
      }
    }
    expect(tnumIn(tnums[0]!.w, 0, tnums[0]!.w, 0)).toBe(true);
  });
});

describe('one tracked number', () => {
  /** The same moved up to bit `at`, so that it lies across words or at the top. */
  const moved = (tnum: Tnum, at: bigint): Int32Array => {
    const w = new Int32Array(REG_WORDS);
    const value = BigInt.asUintN(64, BigInt(tnum.value) << at);
    const mask = BigInt.asUintN(64, BigInt(tnum.mask) << at);
    const word = (bits: bigint) => Number(BigInt.asIntN(32, bits));
    tnumSet(w, 0, word(value), word(value >> 32n), word(mask), word(mask >> 32n));
    return w;
  };
  const within = (w: Int32Array, number: bigint) =>
    (number & ~get64(w, MASK) & U64) === get64(w, VALUE);

  test.each([0n, 14n, 29n, 45n, 59n])('shifts at bit %s', (at) => {
    const unsigned = (x: bigint) => BigInt.asUintN(64, x);
    for (const tnum of allTnums(3)) {
      const w = moved(tnum, at);
      const members = tnum.members.map((x) => unsigned(BigInt(x) << at));
      for (let n = 0; n < 64; n++) {
        const by = BigInt(n);
        tnumLshift(result, 0, w, 0, n);
        expect(members.every((x) => within(result, unsigned(x << by)))).toBe(true);
        tnumRshift(result, 0, w, 0, n);
        expect(members.every((x) => within(result, x >> by))).toBe(true);
        tnumArshift(result, 0, w, 0, n);
        const signed = (x: bigint) => unsigned(BigInt.asIntN(64, x) >> by);
        expect(members.every((x) => within(result, signed(x)))).toBe(true);
        if (n > 31) continue;
        tnumArshift32(result, 0, w, 0, n);
        const half = (x: bigint) => BigInt.asUintN(32, BigInt.asIntN(32, x) >> by);
        expect(members.every((x) => within(result, half(x)))).toBe(true);
      }
    }
  });

  test('casts', () => {
    for (const tnum of allTnums(3)) {
      for (const at of [0n, 6n, 14n, 30n, 60n]) {
        for (const size of [1, 2, 4]) {
          const w = moved(tnum, at);
          tnumCast(w, 0, size);
          for (const x of tnum.members) {
            expect(within(w, BigInt.asUintN(size * 8, BigInt(x) << at))).toBe(true);
          }
        }
      }
    }
  });

  test('ranges: every number is in, and no bit is known less than need be', () => {
    for (let min = 0; min < 64; min++) {
      for (let max = min; max < 64; max++) {
        tnumRange(result, 0, min, 0, max, 0);
        const bits = min === max ? 0 : 32 - Math.clz32(min ^ max);
        expect(result[MASK]).toBe((1 << bits) - 1);
        for (let x = min; x <= max; x++) expect(allows(result, x)).toBe(true);
      }
    }
    tnumRange(result, 0, 5, -1, 6, -1);
    expect([...result.subarray(VALUE, VALUE + 4)]).toEqual([4, -1, 3, 0]);
    tnumRange(result, 0, -1, 3, 0, 4);
    expect([...result.subarray(VALUE, VALUE + 4)]).toEqual([0, 0, -1, 7]);
    tnumRange(result, 0, 0, 0, -1, -1);
    expect([...result.subarray(VALUE, VALUE + 4)]).toEqual([0, 0, -1, -1]);
  });
});
