/** Random records of the value domain, and what values they stand for, for tests. */
import {
  MASK,
  REG_WORDS,
  S32_MAX,
  S32_MIN,
  SCALAR_VALUE,
  SMAX,
  SMIN,
  TYPE,
  U32_MAX,
  U32_MIN,
  UMAX,
  UMIN,
  VALUE,
} from '../../src/verifier/state/layout.ts';
import { syncBounds } from '../../src/verifier/value/sync.ts';

export const U64 = (1n << 64n) - 1n;
const U32 = (1n << 32n) - 1n;

/** xorshift32: tests must not depend on the day. */
export function randomSource(seed: number): () => number {
  let x = seed | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

/** Numbers at which something happens. */
export const CORNERS: readonly bigint[] = [
  0n,
  1n,
  2n,
  7n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x10000n,
  0x7ffffffen,
  0x7fffffffn,
  0x80000000n,
  0x80000001n,
  0xfffffffen,
  0xffffffffn,
  0x100000000n,
  0x100000001n,
  0x180000000n,
  0x7fffffff00000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0x8000000000000001n,
  0xffffffff00000000n,
  0xffffffff7fffffffn,
  0xffffffff80000000n,
  0xffffffffffffff80n,
  0xfffffffffffffffen,
  0xffffffffffffffffn,
];

export function randomValue(random: () => number): bigint {
  const wide = (BigInt(random()) << 32n) | BigInt(random());
  switch (random() % 6) {
    case 0:
      return wide;
    case 1:
      return wide & U32;
    case 2:
      return wide & 0xffn;
    case 3:
      return BigInt.asUintN(64, CORNERS[random() % CORNERS.length]! + BigInt(random() % 9) - 4n);
    case 4:
      return wide >> BigInt(random() % 64);
    default:
      return CORNERS[random() % CORNERS.length]!;
  }
}

const signed = (value: bigint) => BigInt.asIntN(64, value);
const low = (value: bigint) => Number(BigInt.asIntN(32, value));
const high = (value: bigint) => Number(BigInt.asIntN(32, value >> 32n));

export function set64(w: Int32Array, at: number, value: bigint): void {
  w[at] = low(value);
  w[at + 1] = high(value);
}

export function get64(w: Int32Array, at: number): bigint {
  return (BigInt(w[at + 1]! >>> 0) << 32n) | BigInt(w[at]! >>> 0);
}

/** True if the record allows the value (an unsigned 64-bit number). */
export function contains(w: Int32Array, value: bigint, r = 0): boolean {
  const s32 = low(value);
  const u32 = s32 >>> 0;
  return (
    (value & ~get64(w, r + MASK) & U64) === get64(w, r + VALUE) &&
    value >= get64(w, r + UMIN) &&
    value <= get64(w, r + UMAX) &&
    signed(value) >= signed(get64(w, r + SMIN)) &&
    signed(value) <= signed(get64(w, r + SMAX)) &&
    s32 >= w[r + S32_MIN]! &&
    s32 <= w[r + S32_MAX]! &&
    u32 >= w[r + U32_MIN]! >>> 0 &&
    u32 <= w[r + U32_MAX]! >>> 0
  );
}

/** True if the record allows the value with these words. Compares as plain numbers do. */
export function containsWords(w: Int32Array, r: number, low: number, high: number): boolean {
  const u32 = low >>> 0;
  const atLeast = (at: number, signed: boolean) =>
    w[r + at + 1] === high
      ? u32 >= w[r + at]! >>> 0
      : signed
        ? high > w[r + at + 1]!
        : high >>> 0 > w[r + at + 1]! >>> 0;
  const atMost = (at: number, signed: boolean) =>
    w[r + at + 1] === high
      ? u32 <= w[r + at]! >>> 0
      : signed
        ? high < w[r + at + 1]!
        : high >>> 0 < w[r + at + 1]! >>> 0;
  return (
    (low & ~w[r + MASK]!) === w[r + VALUE] &&
    (high & ~w[r + MASK + 1]!) === w[r + VALUE + 1] &&
    atLeast(UMIN, false) &&
    atMost(UMAX, false) &&
    atLeast(SMIN, true) &&
    atMost(SMAX, true) &&
    u32 >= w[r + U32_MIN]! >>> 0 &&
    u32 <= w[r + U32_MAX]! >>> 0 &&
    low >= w[r + S32_MIN]! &&
    low <= w[r + S32_MAX]!
  );
}

/** The values smallest and greatest by an order. */
function extremes(values: readonly bigint[], of: (value: bigint) => bigint): [bigint, bigint] {
  let min = values[0]!;
  let max = min;
  for (const value of values) {
    if (of(value) < of(min)) min = value;
    if (of(value) > of(max)) max = value;
  }
  return [min, max];
}

/** The tightest scalar that allows all these values. */
export function recordOfValues(values: readonly bigint[]): Int32Array {
  const w = new Int32Array(REG_WORDS);
  w[TYPE] = SCALAR_VALUE;
  const all = values.reduce((sum, value) => sum & value, U64);
  const any = values.reduce((sum, value) => sum | value, 0n);
  set64(w, VALUE, all);
  set64(w, MASK, all ^ any);
  const [umin, umax] = extremes(values, (value) => value);
  const [smin, smax] = extremes(values, signed);
  set64(w, UMIN, umin);
  set64(w, UMAX, umax);
  set64(w, SMIN, smin);
  set64(w, SMAX, smax);
  const halves = values.map((value) => value & U32);
  const [u32min, u32max] = extremes(halves, (value) => value);
  const [s32min, s32max] = extremes(halves, (value) => BigInt.asIntN(32, value));
  w[U32_MIN] = low(u32min);
  w[U32_MAX] = low(u32max);
  w[S32_MIN] = low(s32min);
  w[S32_MAX] = low(s32max);
  return w;
}

/** Forgets some of what the record says; what it allows, it still allows. */
function loosen(w: Int32Array, random: () => number): void {
  const choice = random();
  if (choice & 1) {
    const extra = BigInt(random()) << BigInt(random() % 40);
    set64(w, MASK, BigInt.asUintN(64, get64(w, MASK) | extra));
    set64(w, VALUE, get64(w, VALUE) & ~get64(w, MASK) & U64);
  }
  if (choice & 2) set64(w, UMIN, 0n);
  if (choice & 4) set64(w, UMAX, U64);
  if (choice & 8) set64(w, SMIN, 1n << 63n);
  if (choice & 16) set64(w, SMAX, (1n << 63n) - 1n);
  if (choice & 32) w[U32_MIN] = 0;
  if (choice & 64) w[U32_MAX] = -1;
  if (choice & 128) w[S32_MIN] = -0x8000_0000;
  if (choice & 256) w[S32_MAX] = 0x7fff_ffff;
}

export interface Sample {
  readonly w: Int32Array;
  /** Some values it allows. */
  readonly values: readonly bigint[];
}

/** A scalar as a walk may have it. */
export function randomScalar(random: () => number): Sample {
  const first = randomValue(random);
  const values = [first];
  const others = random() % 4;
  for (let i = 0; i < others; i++) {
    const near = random() % 2 === 0;
    values.push(
      near
        ? BigInt.asUintN(64, first + (randomValue(random) >> BigInt(32 + (random() % 32))))
        : randomValue(random),
    );
  }
  const w = recordOfValues(values);
  if (random() % 4 !== 0) loosen(w, random);
  if (random() % 4 !== 0) syncBounds(w, 0);
  return { w, values };
}

/** A record whose parts need not agree, as on branches that cannot be taken. */
export function randomBroken(random: () => number): Int32Array {
  const w = new Int32Array(REG_WORDS);
  w[TYPE] = SCALAR_VALUE;
  for (const at of [SMIN, SMAX, UMIN, UMAX]) set64(w, at, randomValue(random));
  const mask = random() % 2 === 0 ? randomValue(random) : 0n;
  set64(w, MASK, mask);
  set64(w, VALUE, randomValue(random) & ~mask & U64);
  for (const at of [S32_MIN, S32_MAX, U32_MIN, U32_MAX]) w[at] = low(randomValue(random));
  return w;
}
