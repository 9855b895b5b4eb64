/**
 * The value domain against concrete 64-bit arithmetic: whatever values two records allow, the
 * record of the result allows their result, and a comparison loses none for which it holds.
 */
import { describe, expect, test } from 'vitest';
import {
  BPF_ADD,
  BPF_AND,
  BPF_ARSH,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_LSH,
  BPF_MUL,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_XOR,
} from '../../src/isa/index.ts';
import {
  coerceSubregToSizeSx,
  coerceToSize,
  coerceToSizeSx,
  zext32to64,
} from '../../src/verifier/value/coerce.ts';
import { refine, scalarBranchTaken } from '../../src/verifier/value/refine.ts';
import { scalarOp } from '../../src/verifier/value/scalar-ops.ts';
import { isExact, syncBounds } from '../../src/verifier/value/sync.ts';
import {
  type Sample,
  contains,
  randomScalar,
  randomSource,
  randomValue,
  recordOfValues,
} from './values.ts';

const unsigned = (value: bigint, bits: number) => BigInt.asUintN(bits, value);
const signed = (value: bigint, bits: number) => BigInt.asIntN(bits, value);

type Concrete = (a: bigint, b: bigint, bits: number) => bigint;

const OPS: readonly (readonly [string, number, Concrete])[] = [
  ['add', BPF_ADD, (a, b) => a + b],
  ['sub', BPF_SUB, (a, b) => a - b],
  ['mul', BPF_MUL, (a, b) => a * b],
  ['and', BPF_AND, (a, b) => a & b],
  ['or', BPF_OR, (a, b) => a | b],
  ['xor', BPF_XOR, (a, b) => a ^ b],
];

const SHIFTS: readonly (readonly [string, number, Concrete])[] = [
  ['lsh', BPF_LSH, (a, b) => a << b],
  ['rsh', BPF_RSH, (a, b, bits) => unsigned(a, bits) >> b],
  ['arsh', BPF_ARSH, (a, b, bits) => signed(a, bits) >> b],
];

type Holds = (a: bigint, b: bigint, bits: number) => boolean;

/** Condition and its opposite; `reversed` is the opcode of the opposite. */
const CONDITIONS: readonly (readonly [string, number, number, Holds])[] = [
  ['==', BPF_JEQ, BPF_JNE, (a, b) => a === b],
  ['&', BPF_JSET, BPF_JSET | 8, (a, b) => (a & b) !== 0n],
  ['>', BPF_JGT, BPF_JLE, (a, b) => a > b],
  ['>=', BPF_JGE, BPF_JLT, (a, b) => a >= b],
  ['s>', BPF_JSGT, BPF_JSLE, (a, b, bits) => signed(a, bits) > signed(b, bits)],
  ['s>=', BPF_JSGE, BPF_JSLT, (a, b, bits) => signed(a, bits) >= signed(b, bits)],
];

const EDGES = [
  0n,
  1n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_8000_0000n,
  0xffff_ffff_ffff_ffffn,
];

/** Records of every one and every two of the edges. */
function edgeRecords(): Sample[] {
  const found: Sample[] = [];
  EDGES.forEach((a, i) => {
    for (const b of EDGES.slice(i)) {
      const values = a === b ? [a] : [a, b];
      const w = recordOfValues(values);
      syncBounds(w, 0);
      found.push({ w, values });
    }
  });
  return found;
}

const edges = edgeRecords();
const random = randomSource(20_260_101);
const randoms = Array.from({ length: 60 }, () => randomScalar(random));

function fail(what: string, a: Sample, b: Sample, x: bigint, y: bigint): never {
  throw new Error(
    `${what}: ${x.toString(16)} and ${y.toString(16)} of [${a.w.subarray(6, 22)}] and ` +
      `[${b.w.subarray(6, 22)}]`,
  );
}

/** Runs `check` for all pairs of samples and all pairs of their values. */
function forPairs(
  samples: readonly Sample[],
  prepare: (a: Sample, b: Sample) => (x: bigint, y: bigint) => boolean,
  what: string,
): number {
  let checks = 0;
  for (const a of samples) {
    for (const b of samples) {
      const holds = prepare(a, b);
      for (const x of a.values) {
        for (const y of b.values) {
          checks++;
          if (!holds(x, y)) fail(what, a, b, x, y);
        }
      }
    }
  }
  return checks;
}

describe.each([64, 32])('%i bits', (bits) => {
  test.each(OPS)('%s allows every concrete result', (name, op, concrete) => {
    for (const samples of [edges, randoms]) {
      const checks = forPairs(
        samples,
        (a, b) => {
          const w = a.w.slice();
          scalarOp(w, 0, b.w, 0, op, bits === 32);
          return (x, y) => contains(w, unsigned(concrete(x, y, bits), bits));
        },
        name,
      );
      expect(checks).toBeGreaterThan(samples.length ** 2);
    }
  });

  test.each(SHIFTS)('%s by every constant', (name, op, concrete) => {
    for (let n = 0; n < bits; n++) {
      const by = BigInt(n);
      const count = { w: recordOfValues([by]), values: [by] };
      for (const a of [...edges, ...randoms]) {
        const w = a.w.slice();
        scalarOp(w, 0, count.w, 0, op, bits === 32);
        for (const x of a.values) {
          const expected = unsigned(concrete(x, by, bits), bits);
          if (!contains(w, expected)) fail(name, a, count, x, by);
        }
      }
    }
    expect(bits).toBeGreaterThan(31);
  });

  test.each(CONDITIONS)(
    '%s: both ways keep every value for which they are',
    (_, op, not, holds) => {
      const check = (jump: number, way: boolean) => (a: Sample, b: Sample) => {
        const aw = a.w.slice();
        const bw = b.w.slice();
        refine(aw, 0, bw, 0, jump, bits === 32);
        syncBounds(aw, 0);
        syncBounds(bw, 0);
        return (x: bigint, y: bigint) =>
          holds(unsigned(x, bits), unsigned(y, bits), bits) !== way ||
          (contains(aw, x) && contains(bw, y));
      };
      for (const samples of [edges, randoms]) {
        expect(forPairs(samples, check(op, true), 'true')).toBeGreaterThan(samples.length ** 2);
        expect(forPairs(samples, check(not, false), 'false')).toBeGreaterThan(samples.length ** 2);
      }
    },
  );

  test.each(CONDITIONS)('%s: what is decided is so for all values', (name, op, not, holds) => {
    let decided = 0;
    const check = (a: Sample, b: Sample) => {
      const taken = scalarBranchTaken(a.w, 0, b.w, 0, op, bits === 32);
      const opposite =
        not === (BPF_JSET | 8) ? 1 - taken : scalarBranchTaken(a.w, 0, b.w, 0, not, bits === 32);
      if (taken >= 0) decided++;
      return (x: bigint, y: bigint) => {
        const way = holds(unsigned(x, bits), unsigned(y, bits), bits) ? 1 : 0;
        return taken < 0 || (taken === way && opposite === 1 - way);
      };
    };
    for (const samples of [edges, randoms]) forPairs(samples, check, name);
    expect(decided).toBeGreaterThan(50);
  });
});

describe('width changes', () => {
  const samples = [...edges, ...randoms];
  const check = (run: (w: Int32Array) => void, concrete: (x: bigint) => bigint) => {
    for (const a of samples) {
      const w = a.w.slice();
      run(w);
      for (const x of a.values) {
        if (!contains(w, unsigned(concrete(x), 64))) fail('width', a, a, x, concrete(x));
      }
    }
    expect(samples.length).toBeGreaterThan(50);
  };

  test.each([1, 2, 4])('%i bytes: cut and sign-extended', (size) => {
    const bits = size * 8;
    check(
      (w) => coerceToSize(w, 0, size),
      (x) => unsigned(x, bits),
    );
    check(
      (w) => {
        coerceToSizeSx(w, 0, size);
        syncBounds(w, 0);
      },
      (x) => signed(x, bits),
    );
    if (size === 4) return;
    check(
      (w) => {
        coerceSubregToSizeSx(w, 0, size);
        zext32to64(w, 0);
        syncBounds(w, 0);
      },
      (x) => unsigned(signed(x, bits), 32),
    );
  });

  test('zero extension', () => {
    check(
      (w) => {
        zext32to64(w, 0);
        syncBounds(w, 0);
      },
      (x) => unsigned(x, 32),
    );
  });
});

test('constants stay constants', () => {
  for (let i = 0; i < 3000; i++) {
    const x = randomValue(random);
    const y = randomValue(random);
    const bits = i % 2 === 0 ? 64 : 32;
    const [, op, concrete] = OPS[i % OPS.length]!;
    const w = recordOfValues([x]);
    scalarOp(w, 0, recordOfValues([y]), 0, op, bits === 32);
    expect(isExact(w, 0)).toBe(true);
    expect(contains(w, unsigned(concrete(x, y, bits), bits))).toBe(true);
  }
});
