/**
 * All ranges of a few numbers around each place where signs or halves change: every operation and
 * every comparison of every two of them, with every pair of their values.
 */
import { describe, expect, test } from 'vitest';
import {
  BPF_ADD,
  BPF_AND,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_MUL,
  BPF_OR,
  BPF_SUB,
  BPF_XOR,
} from '../../src/isa/index.ts';
import { refine, scalarBranchTaken } from '../../src/verifier/value/refine.ts';
import { scalarOp } from '../../src/verifier/value/scalar-ops.ts';
import { syncBounds } from '../../src/verifier/value/sync.ts';
import * as u64 from '../../src/verifier/value/u64.ts';
import { containsWords, randomSource, randomValue, recordOfValues } from './values.ts';

const low = (value: bigint) => Number(BigInt.asIntN(32, value));
const high = (value: bigint) => Number(BigInt.asIntN(32, value >> 32n));
const unsigned = (value: bigint) => BigInt.asUintN(64, value);
const fromWords = (lowWord: number, highWord: number) =>
  (BigInt(highWord >>> 0) << 32n) | BigInt(lowWord >>> 0);

describe('64-bit numbers in two words', () => {
  const random = randomSource(99);
  const pairs = Array.from({ length: 4000 }, () => [randomValue(random), randomValue(random)]);

  test.each([
    ['add64', u64.add64, (a: bigint, b: bigint) => a + b],
    ['sub64', u64.sub64, (a: bigint, b: bigint) => a - b],
    ['mul64', u64.mul64, (a: bigint, b: bigint) => a * b],
  ])('%s', (_, ours, theirs) => {
    for (const [a, b] of pairs as [bigint, bigint][]) {
      const word = ours(low(a), high(a), low(b), high(b));
      expect(fromWords(word, u64.hi)).toBe(unsigned(theirs(a, b)));
    }
  });

  test.each([
    ['shl64', u64.shl64, (a: bigint, n: bigint) => a << n],
    ['shr64', u64.shr64, (a: bigint, n: bigint) => a >> n],
    ['sar64', u64.sar64, (a: bigint, n: bigint) => BigInt.asIntN(64, a) >> n],
  ])('%s', (_, ours, theirs) => {
    pairs.forEach(([a], i) => {
      const word = ours(low(a!), high(a!), i % 64);
      expect(fromWords(word, u64.hi)).toBe(unsigned(theirs(a!, BigInt(i % 64))));
    });
  });

  test('comparisons', () => {
    for (const [a, b] of pairs as [bigint, bigint][]) {
      const args = [low(a), high(a), low(b), high(b)] as const;
      const signed = BigInt.asIntN(64, a) - BigInt.asIntN(64, b);
      const found = [u64.ult(...args), u64.ule(...args), u64.slt(...args), u64.sle(...args)];
      expect(found).toEqual([a < b, a <= b, signed < 0n, signed <= 0n]);
    }
  });
});

/** BEEYARD_FUZZ widens it. */
const REACH = process.env.BEEYARD_FUZZ ? 8n : 5n;
/** Numbers of ranges that lie around one place. */
const COUNT = Number(REACH * (2n * REACH + 1n));

interface Range {
  readonly w: Int32Array;
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** All ranges within `REACH` of a place. */
function rangesAround(place: bigint): Range[] {
  const found: Range[] = [];
  for (let from = -REACH; from < REACH; from++) {
    for (let to = from; to < REACH; to++) {
      const values: bigint[] = [];
      for (let i = from; i <= to; i++) values.push(unsigned(place + i));
      const w = recordOfValues(values);
      syncBounds(w, 0);
      found.push({ w, low: values.map(low), high: values.map(high) });
    }
  }
  return found;
}

const PLACES = [0n, 1n << 31n, 1n << 32n, 1n << 63n, (1n << 64n) - (1n << 31n)];
const ranges = PLACES.map(rangesAround);

function forAll(visit: (a: Range, b: Range) => void): void {
  ranges.forEach((around, i) => {
    // With those around 0 and those around the same place.
    for (const a of around) {
      for (const b of ranges[0]!) visit(a, b);
      if (i > 0) for (const b of around) visit(a, b);
    }
  });
}

type Words = (al: number, ah: number, bl: number, bh: number) => number;

const bitwise =
  (op: (a: number, b: number) => number): Words =>
  (al, ah, bl, bh) =>
    u64.shr64(op(al, bl), op(ah, bh), 0);

const OPS: readonly (readonly [string, number, Words])[] = [
  ['add', BPF_ADD, u64.add64],
  ['sub', BPF_SUB, u64.sub64],
  ['mul', BPF_MUL, u64.mul64],
  ['and', BPF_AND, bitwise((a, b) => a & b)],
  ['or', BPF_OR, bitwise((a, b) => a | b)],
  ['xor', BPF_XOR, bitwise((a, b) => a ^ b)],
];

const CONDITIONS: readonly (readonly [string, number, number, Words])[] = [
  ['==', BPF_JEQ, BPF_JNE, (al, ah, bl, bh) => (al === bl && ah === bh ? 1 : 0)],
  ['<', BPF_JLT, BPF_JGE, (...args) => (u64.ult(...args) ? 1 : 0)],
  ['<=', BPF_JLE, BPF_JGT, (...args) => (u64.ule(...args) ? 1 : 0)],
  ['s<', BPF_JSLT, BPF_JSGE, (...args) => (u64.slt(...args) ? 1 : 0)],
  ['s<=', BPF_JSLE, BPF_JSGT, (...args) => (u64.sle(...args) ? 1 : 0)],
];

function fail(what: string, a: Range, b: Range): never {
  throw new Error(`${what}: ${a.w.subarray(6, 22)} and ${b.w.subarray(6, 22)}`);
}

/** Calls `check` with all pairs of values; false fails. */
function everyPair(a: Range, b: Range, check: Words, what: string): void {
  for (let i = 0; i < a.low.length; i++) {
    for (let j = 0; j < b.low.length; j++) {
      if (check(a.low[i]!, a.high[i]!, b.low[j]!, b.high[j]!) === 0) fail(what, a, b);
    }
  }
}

describe.each([64, 32])('%i bits', (bits) => {
  const narrow = bits === 32;

  test.each(OPS)('%s', (name, op, concrete) => {
    let pairs = 0;
    const check = (w: Int32Array) => (al: number, ah: number, bl: number, bh: number) => {
      const word = concrete(al, ah, bl, bh);
      return containsWords(w, 0, word, narrow ? 0 : u64.hi) ? 1 : 0;
    };
    forAll((a, b) => {
      pairs++;
      const w = a.w.slice();
      scalarOp(w, 0, b.w, 0, op, narrow);
      everyPair(a, b, check(w), name);
    });
    expect(pairs).toBe(COUNT ** 2 * (2 * PLACES.length - 1));
  });

  test.each(CONDITIONS)(
    '%s: decided rightly, and no value is lost on its way',
    (name, op, not, is) => {
      const holds = (al: number, ah: number, bl: number, bh: number) => {
        if (!narrow) return is(al, ah, bl, bh);
        const signed = name.startsWith('s');
        return is(al, signed ? al >> 31 : 0, bl, signed ? bl >> 31 : 0);
      };
      let decided = 0;
      forAll((a, b) => {
        const taken = scalarBranchTaken(a.w, 0, b.w, 0, op, narrow);
        if (taken >= 0) {
          decided++;
          everyPair(a, b, (...args) => (holds(...args) === taken ? 1 : 0), name);
          return;
        }
        for (const [jump, way] of [
          [op, 1],
          [not, 0],
        ] as const) {
          const aw = a.w.slice();
          const bw = b.w.slice();
          refine(aw, 0, bw, 0, jump, narrow);
          syncBounds(aw, 0);
          syncBounds(bw, 0);
          const kept: Words = (al, ah, bl, bh) =>
            holds(al, ah, bl, bh) !== way ||
            (containsWords(aw, 0, al, ah) && containsWords(bw, 0, bl, bh))
              ? 1
              : 0;
          everyPair(a, b, kept, name);
        }
      });
      expect(decided).toBeGreaterThan(1000);
    },
  );
});
