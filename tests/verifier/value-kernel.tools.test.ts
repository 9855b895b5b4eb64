/** Our value domain against the kernel's own functions, compiled: every word of every answer. */
import { expect, test } from 'vitest';
import { REG_WORDS } from '../../src/verifier/state/layout.ts';
import { rangeWithin } from '../../src/verifier/value/bounds.ts';
import {
  coerceSubregToSizeSx,
  coerceToSize,
  coerceToSizeSx,
  zext32to64,
} from '../../src/verifier/value/coerce.ts';
import { refine, scalarBranchTaken } from '../../src/verifier/value/refine.ts';
import { scalarOp } from '../../src/verifier/value/scalar-ops.ts';
import { syncBounds } from '../../src/verifier/value/sync.ts';
import { tnumIn } from '../../src/verifier/value/tnum.ts';
import {
  type Answer,
  BRANCH_TAKEN,
  COERCE,
  COERCE_SUBREG_SX,
  COERCE_SX,
  KernelValues,
  type Question,
  RANGE_WITHIN,
  RECORD_WORDS,
  REFINE,
  SCALAR_OP,
  SYNC,
  TNUM_IN,
  ZEXT,
} from './kernel-values.ts';
import { randomBroken, randomScalar, randomSource, recordOfValues } from './values.ts';

const kernel = new KernelValues();
/** BEEYARD_FUZZ=100 asks a hundred times as often. */
const SCALE = Number(process.env.BEEYARD_FUZZ ?? 1);
const ROUNDS = 20_000 * SCALE;
/** Questions of one go. */
const BATCH = 50_000;

/** Junk in the words that are not the value's: operations must keep or clear it as the kernel does. */
function withJunk(w: Int32Array, random: () => number): Int32Array {
  for (const at of [1, 2, 3, 4, 5, 22, 23]) w[at] = random();
  return w;
}

function anyRecord(random: () => number): Int32Array {
  const w = random() % 4 === 0 ? randomBroken(random) : randomScalar(random).w;
  return withJunk(w, random);
}

/** Asks the kernel, and `mine`, which works on the records in place and returns its result. */
function compare(
  count: number,
  seed: number,
  one: (random: () => number) => Question,
  mine: (question: Question, x: Int32Array, y: Int32Array) => number,
): void {
  const random = randomSource(seed);
  for (let left = count; left > 0; left -= BATCH) {
    const questions = Array.from({ length: Math.min(left, BATCH) }, () => one(random));
    const answers = kernel.ask(questions);
    questions.forEach((question, i) => compareOne(question, answers[i]!, mine));
  }
}

function compareOne(
  question: Question,
  expected: Answer,
  mine: (question: Question, x: Int32Array, y: Int32Array) => number,
): void {
  const x = question.x.slice();
  const y = question.y?.slice() ?? new Int32Array(REG_WORDS);
  const result = mine(question, x, y);
  const same =
    result === expected.result &&
    expected.x.every((word, at) => word === x[at]) &&
    expected.y.every((word, at) => word === y[at]);
  if (same) return;
  expect({
    question,
    result,
    x: [...x.subarray(0, RECORD_WORDS)],
    y: [...y.subarray(0, RECORD_WORDS)],
  }).toEqual({ question, result: expected.result, x: [...expected.x], y: [...expected.y] });
}

test('reg_bounds_sync', () => {
  compare(
    ROUNDS,
    1,
    (random) => ({ op: SYNC, x: anyRecord(random) }),
    (_, x) => {
      syncBounds(x, 0);
      return 0;
    },
  );
});

const OPS = [0x00, 0x10, 0x20, 0x40, 0x50, 0xa0];
const SHIFTS = [0x60, 0x70, 0xc0];

test('adjust_scalar_min_max_vals: arithmetic and bits, 64 and 32 bits wide', () => {
  compare(
    2 * ROUNDS,
    2,
    (random) => {
      const a = OPS[random() % OPS.length]! | (random() % 2 === 0 ? 7 : 4);
      return { op: SCALAR_OP, a, x: anyRecord(random), y: anyRecord(random) };
    },
    (question, x, y) => {
      scalarOp(x, 0, y, 0, question.a! & 0xf0, (question.a! & 7) === 4);
      return 0;
    },
  );
});

test('adjust_scalar_min_max_vals: shifts by a constant', () => {
  compare(
    ROUNDS,
    3,
    (random) => {
      const wide = random() % 2 === 0;
      const a = SHIFTS[random() % SHIFTS.length]! | (wide ? 7 : 4);
      const y = recordOfValues([BigInt(random() % (wide ? 64 : 32))]);
      return { op: SCALAR_OP, a, x: anyRecord(random), y };
    },
    (question, x, y) => {
      scalarOp(x, 0, y, 0, question.a! & 0xf0, (question.a! & 7) === 4);
      return 0;
    },
  );
});

const JUMPS = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
const JNSET = 0x48;

function comparison(op: number, ops: readonly number[]) {
  return (random: () => number): Question => {
    const x = anyRecord(random);
    const constant = random() % 3 === 0;
    const y = constant ? recordOfValues([randomScalar(random).values[0]!]) : anyRecord(random);
    const flip = random() % 8 === 0;
    const a = ops[random() % ops.length]!;
    return { op, a, b: random() % 2, x: flip ? y : x, y: flip ? x : y };
  };
}

test('is_scalar_branch_taken', () => {
  compare(2 * ROUNDS, 4, comparison(BRANCH_TAKEN, JUMPS), (question, x, y) =>
    scalarBranchTaken(x, 0, y, 0, question.a!, question.b === 1),
  );
});

test('regs_refine_cond_op', () => {
  compare(2 * ROUNDS, 5, comparison(REFINE, [...JUMPS, JNSET]), (question, x, y) => {
    refine(x, 0, y, 0, question.a!, question.b === 1);
    return 0;
  });
});

test('truncation, zero and sign extension', () => {
  const coerce = (op: number, sizes: readonly number[]) => (random: () => number) => ({
    op,
    a: sizes[random() % sizes.length]!,
    x: anyRecord(random),
  });
  const inPlace = (run: (w: Int32Array, r: number, size: number) => void) => {
    return (question: Question, x: Int32Array) => {
      run(x, 0, question.a!);
      return 0;
    };
  };
  compare(ROUNDS, 6, coerce(COERCE, [1, 2, 4]), inPlace(coerceToSize));
  compare(ROUNDS, 7, coerce(COERCE_SX, [1, 2, 4]), inPlace(coerceToSizeSx));
  compare(ROUNDS, 8, coerce(COERCE_SUBREG_SX, [1, 2]), inPlace(coerceSubregToSizeSx));
  compare(ROUNDS, 9, coerce(ZEXT, [0]), inPlace(zext32to64));
});

test('range_within and tnum_in', () => {
  const pair = (op: number) => (random: () => number) => {
    const x = anyRecord(random);
    const y = random() % 2 === 0 ? anyRecord(random) : x.slice();
    if (random() % 2 === 0) y[6 + (random() % 16)]! ^= 1 << (random() % 32);
    return { op, x, y };
  };
  compare(ROUNDS, 10, pair(RANGE_WITHIN), (_, x, y) => Number(rangeWithin(x, 0, y, 0)));
  compare(ROUNDS, 11, pair(TNUM_IN), (_, x, y) => Number(tnumIn(x, 0, y, 0)));
});
