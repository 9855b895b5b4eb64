import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  computeRange,
  newRange,
  readRange,
  refineRanges,
  setRange,
} from '../../src/engine/wasm/ranges.ts';
import { V_UNKNOWN, WORDS } from '../../src/engine/wasm/values.ts';

const MASK = (1n << 64n) - 1n;
const MASK32 = 0xffffffffn;

/** Operation bits of the opcode, and what RFC 9669 says it does. */
const OPERATIONS: readonly [number, (a: bigint, b: bigint, bits: bigint) => bigint][] = [
  [0x00, (a, b) => a + b],
  [0x10, (a, b) => a - b],
  [0x20, (a, b) => a * b],
  [0x30, (a, b) => (b === 0n ? 0n : a / b)],
  [0x40, (a, b) => a | b],
  [0x50, (a, b) => a & b],
  [0x60, (a, b, bits) => a << (b & (bits - 1n))],
  [0x70, (a, b, bits) => a >> (b & (bits - 1n))],
  [0x90, (a, b) => (b === 0n ? a : a % b)],
  [0xa0, (a, b) => a ^ b],
  [0xc0, (a, b, bits) => BigInt.asIntN(Number(bits), a) >> (b & (bits - 1n))],
];

interface Sample {
  readonly low: number;
  readonly high: number;
  readonly step: number;
  readonly value: number;
}

const number32 = fc.oneof(
  fc.nat(20),
  fc.nat(0xffff),
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0x7fffffff, 0x80000000, 0xffffffff),
);

/** A range and a number in it. */
const sample: fc.Arbitrary<Sample> = fc
  .tuple(
    number32,
    fc.nat(40),
    fc.integer({ min: 1, max: 9 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  )
  .map(([low, count, step, where]) => {
    const steps = Math.min(count, Math.floor((0xffffffff - low) / step));
    const value = low + Math.floor(where * steps) * step;
    return { low, high: low + steps * step, step, value };
  });

function stateOf(...samples: Sample[]): Int32Array {
  const s = new Int32Array(samples.length * WORDS);
  samples.forEach(({ low, high, step }, v) => setRange(s, v, low, high, step));
  return s;
}

/** Whether what the state knows of variable `v` allows `value`. */
function allows(s: Int32Array, v: number, value: bigint): boolean {
  if (s[v * WORDS] === V_UNKNOWN) return true;
  const range = newRange();
  readRange(s, v * WORDS, range);
  const n = Number(value);
  if (value > MASK32 || n < range.low || n > range.high) return false;
  return range.step === 0 ? n === range.low : (n - range.low) % range.step === 0;
}

describe('ranges', () => {
  it('contain every result of an operation on their members', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...OPERATIONS),
        sample,
        sample,
        fc.boolean(),
        (row, a, b, wide) => {
          const [operation, apply] = row;
          const s = stateOf(a, b);
          computeRange(s, operation, 0, 1, 0, wide);
          const exact = apply(BigInt(a.value), BigInt(b.value), wide ? 64n : 32n);
          expect(allows(s, 0, exact & (wide ? MASK : MASK32))).toBe(true);
        },
      ),
      { numRuns: 4000 },
    );
  });

  it('contain every result of an operation with an immediate', () => {
    const imm = fc.oneof(
      fc.integer({ min: -40, max: 40 }),
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...OPERATIONS), sample, imm, fc.boolean(), (row, a, k, wide) => {
        const [operation, apply] = row;
        const s = stateOf(a);
        computeRange(s, operation, 0, -1, k, wide);
        const operand = BigInt(k) & (wide ? MASK : MASK32);
        const exact = apply(BigInt(a.value), operand, wide ? 64n : 32n);
        expect(allows(s, 0, exact & (wide ? MASK : MASK32))).toBe(true);
      }),
      { numRuns: 4000 },
    );
  });

  const COMPARISONS: readonly [number, (a: bigint, b: bigint) => boolean, boolean][] = [
    [0x10, (a, b) => a === b, false],
    [0x50, (a, b) => a !== b, false],
    [0x20, (a, b) => a > b, false],
    [0x30, (a, b) => a >= b, false],
    [0xa0, (a, b) => a < b, false],
    [0xb0, (a, b) => a <= b, false],
    [0x60, (a, b) => a > b, true],
    [0x70, (a, b) => a >= b, true],
    [0xc0, (a, b) => a < b, true],
    [0xd0, (a, b) => a <= b, true],
    [0x40, (a, b) => (a & b) !== 0n, false],
  ];

  it('keep the numbers for which a comparison comes out as it did', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...COMPARISONS),
        sample,
        sample,
        fc.boolean(),
        (row, a, b, wide) => {
          const [operation, compare, signed] = row;
          const s = stateOf(a, b);
          const as = (n: number) => (signed ? BigInt.asIntN(wide ? 64 : 32, BigInt(n)) : BigInt(n));
          const taken = compare(as(a.value), as(b.value));
          refineRanges(s, operation, taken, 0, 1, 0, wide);
          expect(allows(s, 0, BigInt(a.value))).toBe(true);
          expect(allows(s, 1, BigInt(b.value))).toBe(true);
        },
      ),
      { numRuns: 6000 },
    );
  });
});
