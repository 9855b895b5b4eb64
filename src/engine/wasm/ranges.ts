import {
  BPF_ADD,
  BPF_AND,
  BPF_ARSH,
  BPF_DIV,
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
  BPF_LSH,
  BPF_MOD,
  BPF_MUL,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_XOR,
} from '../../isa/index.ts';
import {
  setValue,
  SHADOW,
  SHADOW_OFFSET,
  type State,
  V_CONST,
  V_RANGE,
  V_UNKNOWN,
  WORDS,
} from './state.ts';

/**
 * Numbers low, low + step, … up to high, all below 2^32. Not known: high < 0. One number: step 0.
 */
export interface Range {
  low: number;
  high: number;
  step: number;
}

const MAX_U32 = 0xffffffff;
/** Below it, signed and unsigned 32-bit comparisons agree. */
const SIGN = 0x80000000;

export function newRange(): Range {
  return { low: 0, high: -1, step: 1 };
}

// Operands and result of the operation at hand; no operation nests.
const left = newRange();
const right = newRange();
const result = newRange();

function assign(r: Range, low: number, high: number, step: number): void {
  r.low = low;
  r.high = high;
  r.step = step;
}

export function readRange(s: State, at: number, out: Range): void {
  if (s[at] === V_RANGE) assign(out, s[at + 1] >>> 0, s[at + 2] >>> 0, s[at + 3]);
  else if (s[at] === V_CONST && s[at + 2] === 0) assign(out, s[at + 1] >>> 0, s[at + 1] >>> 0, 0);
  else out.high = -1;
}

/** Makes variable `v` a number in this range; UNKNOWN if the range is none of 32-bit numbers. */
export function setRange(s: State, v: number, low: number, high: number, step: number): void {
  if (low < 0 || high > MAX_U32 || low > high) setValue(s, v, V_UNKNOWN);
  else if (low === high) setValue(s, v, V_CONST, low | 0, 0);
  else setValue(s, v, V_RANGE, low | 0, high | 0, step >= 1 && step < SIGN ? step : 1);
}

export function gcd(a: number, b: number): number {
  let x = Math.abs(a);
  let y = Math.abs(b);
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** All ones up to the highest bit of `n`. */
function ones(n: number): number {
  return n === 0 ? 0 : MAX_U32 >>> Math.clz32(n);
}

/** The 32 bits a narrow operation sees. */
function narrow(s: State, v: number, out: Range): void {
  readRange(s, v * WORDS, out);
  if (out.high >= 0) return;
  const low = s[v * WORDS + 1] >>> 0;
  if (s[v * WORDS] === V_CONST) assign(out, low, low, 0);
  else assign(out, 0, MAX_U32, 1);
}

/**
 * Range of the result of an unsigned ALU operation; variable `src`, or `imm` if that is negative.
 * `wide` = 64-bit.
 */
export function computeRange(
  s: State,
  operation: number,
  dst: number,
  src: number,
  imm: number,
  wide: boolean,
): void {
  if (wide) {
    readRange(s, dst * WORDS, left);
    if (src >= 0) readRange(s, src * WORDS, right);
    else assign(right, imm, imm, 0);
  } else {
    narrow(s, dst, left);
    if (src >= 0) narrow(s, src, right);
    else assign(right, imm >>> 0, imm >>> 0, 0);
  }
  result.high = -1;
  operate(operation, wide);
  const fits = result.high >= 0 && result.low >= 0 && result.high <= MAX_U32;
  if (fits) setRange(s, dst, result.low, result.high, result.step);
  else if (wide) setValue(s, dst, V_UNKNOWN);
  else setRange(s, dst, 0, MAX_U32, 1);
}

function operate(operation: number, wide: boolean): void {
  const isKnown = left.high >= 0 && right.high >= 0;
  switch (operation) {
    case BPF_AND:
      and();
      break;
    case BPF_MOD:
      modulo();
      break;
    case BPF_RSH:
      shiftRight(wide);
      break;
    case BPF_ARSH:
      if (left.high >= 0 && left.high < SIGN) shiftRight(wide);
      break;
    case BPF_ADD:
      if (isKnown) add(wide);
      break;
    case BPF_SUB:
      if (isKnown) subtract();
      break;
    default:
      if (isKnown) simple(operation, wide);
  }
}

function add(wide: boolean): void {
  const low = left.low + right.low;
  const high = left.high + right.high;
  const wraps = !wide && low > MAX_U32;
  const turn = wraps ? MAX_U32 + 1 : 0;
  assign(result, low - turn, high - turn, gcd(left.step, right.step));
}

function subtract(): void {
  assign(result, left.low - right.high, left.high - right.low, gcd(left.step, right.step));
}

function and(): void {
  const mask = right.high >= 0 && right.low === right.high ? right.low : -1;
  if (left.high >= 0 && mask >= 0 && (mask & (mask + 1)) === 0 && left.high <= mask) {
    assign(result, left.low, left.high, left.step);
  } else if (mask > 0) {
    const high = left.high < 0 ? mask : Math.min(mask, left.high);
    const step = (mask & -mask) >>> 0;
    assign(result, 0, high - (high % step), step);
  } else if (left.high >= 0 || right.high >= 0) {
    const high = left.high < 0 ? right.high : right.high < 0 ? left.high : -1;
    assign(result, 0, high >= 0 ? high : Math.min(left.high, right.high), 1);
  }
}

/** x % 0 is x. */
function modulo(): void {
  const divisor = right.high >= 0 && right.low === right.high ? right.low : -1;
  if (divisor > 0) {
    if (left.high >= 0 && left.high < divisor) assign(result, left.low, left.high, left.step);
    else assign(result, 0, divisor - 1, 1);
  } else if (left.high >= 0 && right.high >= 0) assign(result, 0, left.high, 1);
}

function shiftRight(wide: boolean): void {
  const isConstant = right.high >= 0 && right.low === right.high;
  const amount = right.low & (wide ? 63 : 31);
  if (left.high >= 0) {
    const scale = isConstant ? 2 ** amount : 1;
    const low = isConstant ? Math.floor(left.low / scale) : 0;
    assign(result, low, Math.floor(left.high / scale), 1);
  } else if (isConstant && amount >= 32) assign(result, 0, 2 ** (64 - amount) - 1, 1);
}

/** Operations with two known operands. */
function simple(operation: number, wide: boolean): void {
  const isConstant = right.low === right.high;
  switch (operation) {
    case BPF_MUL:
      assign(
        result,
        left.low * right.low,
        left.high * right.high,
        isConstant ? left.step * right.low : 1,
      );
      break;
    case BPF_OR:
      assign(result, Math.max(left.low, right.low), ones(Math.max(left.high, right.high)), 1);
      break;
    case BPF_XOR:
      assign(result, 0, ones(Math.max(left.high, right.high)), 1);
      break;
    case BPF_DIV:
      divide(isConstant);
      break;
    case BPF_LSH:
      if (isConstant) {
        const scale = 2 ** (right.low & (wide ? 63 : 31));
        assign(result, left.low * scale, left.high * scale, left.step * scale);
      }
      break;
  }
}

/** x / 0 is 0. */
function divide(isConstant: boolean): void {
  if (!isConstant) assign(result, 0, left.high, 1);
  else if (right.low === 0) assign(result, 0, 0, 0);
  else assign(result, Math.floor(left.low / right.low), Math.floor(left.high / right.low), 1);
}

/** Numbers that programs compare with, ascending: loop counters are guessed to stop there. */
export type Thresholds = Float64Array;

/**
 * Joins the range at `from[at]` into the one at `into[to]`, both known. With thresholds, what grows
 * goes on to the next one at once, so that loops settle. Returns whether it grew.
 */
export function joinRanges(
  into: State,
  to: number,
  from: State,
  at: number,
  thresholds: Thresholds | undefined,
): boolean {
  readRange(into, to, left);
  readRange(from, at, right);
  const step = gcd(gcd(left.step, right.step), left.low - right.low);
  let low = Math.min(left.low, right.low);
  let high = Math.max(left.high, right.high);
  if (low === left.low && high === left.high && step === left.step) return false;
  if (thresholds !== undefined && high > left.high) high = widened(thresholds, low, high, step);
  if (thresholds !== undefined && low < left.low) low %= Math.max(1, step);
  setRange(into, to / WORDS, low, high, step);
  return true;
}

function widened(thresholds: Thresholds, low: number, high: number, step: number): number {
  const by = Math.max(1, step);
  const aligned = (limit: number) => limit - ((limit - low) % by);
  for (const limit of thresholds) {
    if (limit < high) continue;
    const before = aligned(limit - by);
    return before >= high ? before : aligned(limit);
  }
  return aligned(MAX_U32);
}

/** The unsigned operation a signed one is on numbers below 2^31. */
const UNSIGNED: Readonly<Record<number, number>> = {
  [BPF_JSGT]: BPF_JGT,
  [BPF_JSGE]: BPF_JGE,
  [BPF_JSLT]: BPF_JLT,
  [BPF_JSLE]: BPF_JLE,
};
const OPPOSITE: Readonly<Record<number, number>> = {
  [BPF_JEQ]: BPF_JNE,
  [BPF_JNE]: BPF_JEQ,
  [BPF_JGT]: BPF_JLE,
  [BPF_JGE]: BPF_JLT,
  [BPF_JLT]: BPF_JGE,
  [BPF_JLE]: BPF_JGT,
};
const MIRRORED: Readonly<Record<number, number>> = {
  [BPF_JEQ]: BPF_JEQ,
  [BPF_JNE]: BPF_JNE,
  [BPF_JGT]: BPF_JLT,
  [BPF_JGE]: BPF_JLE,
  [BPF_JLT]: BPF_JGT,
  [BPF_JLE]: BPF_JGE,
};

/**
 * Whether a comparison of these operands always (true) or never (false) holds; undefined = it
 * depends, or that is not known. `src` negative = `imm`.
 */
export function decideRanges(
  s: State,
  operation: number,
  dst: number,
  src: number,
  imm: number,
  wide: boolean,
): boolean | undefined {
  const read = wide
    ? (v: number, out: Range) => readRange(s, v * WORDS, out)
    : narrow.bind(null, s);
  read(dst, left);
  if (src >= 0) read(src, right);
  else if (imm >= 0 || !wide) assign(right, imm >>> 0, imm >>> 0, 0);
  else right.high = -1;
  if (left.high < 0 || right.high < 0) return undefined;
  const isSmall = left.high < SIGN && right.high < SIGN;
  const unsigned = UNSIGNED[operation];
  if (unsigned !== undefined) return isSmall ? compareRanges(unsigned) : undefined;
  return compareRanges(operation);
}

/** The unsigned comparison of `left` with `right`, if it has one outcome. */
function compareRanges(operation: number): boolean | undefined {
  switch (operation) {
    case BPF_JEQ:
      return equalRanges();
    case BPF_JNE: {
      const equal = equalRanges();
      return equal === undefined ? undefined : !equal;
    }
    case BPF_JLT:
      return left.high < right.low ? true : left.low >= right.high ? false : undefined;
    case BPF_JLE:
      return left.high <= right.low ? true : left.low > right.high ? false : undefined;
    case BPF_JGT:
      return left.low > right.high ? true : left.high <= right.low ? false : undefined;
    case BPF_JGE:
      return left.low >= right.high ? true : left.high < right.low ? false : undefined;
    default:
      return undefined;
  }
}

function equalRanges(): boolean | undefined {
  if (left.low > right.high || left.high < right.low) return false;
  if (left.low === left.high && right.low === right.high) return true;
  const step = gcd(left.step, right.step);
  return (left.low - right.low) % Math.max(1, step) === 0 ? undefined : false;
}

/** What the outcome of a comparison tells of its operands. `src` negative = `imm`. */
export function refineRanges(
  s: State,
  operation: number,
  taken: boolean,
  dst: number,
  src: number,
  imm: number,
  wide: boolean,
): void {
  readRange(s, dst * WORDS, left);
  if (src >= 0) readRange(s, src * WORDS, right);
  else if (imm >= 0) assign(right, imm, imm, 0);
  else right.high = -1;
  const isSmall = left.high >= 0 && left.high < SIGN && right.high >= 0 && right.high < SIGN;
  const unsigned =
    UNSIGNED[operation] === undefined ? operation : isSmall ? UNSIGNED[operation] : 0;
  const relation = taken ? unsigned : (OPPOSITE[unsigned] ?? 0);
  if (relation === 0 || right.high < 0) {
    if (src >= 0 && left.high >= 0 && wide) bound(s, src, MIRRORED[relation], right, left);
    return;
  }
  const own = { ...left };
  const other = { ...right };
  if (left.high >= 0 || wide) bound(s, dst, relation, own, other);
  if (src >= 0 && left.high >= 0) bound(s, src, MIRRORED[relation], right, left);
}

/** `v relation other`, where `own` is what is known of v so far. */
function bound(s: State, v: number, relation: number | undefined, own: Range, other: Range): void {
  const isKnown = own.high >= 0;
  if (!isKnown && s[v * WORDS] !== V_UNKNOWN) return;
  let low = isKnown ? own.low : 0;
  let high = isKnown ? own.high : MAX_U32 + 1;
  const step = isKnown ? own.step : 1;
  switch (relation) {
    case BPF_JEQ:
      low = Math.max(low, other.low);
      high = Math.min(high, other.high);
      break;
    case BPF_JNE:
      if (other.low !== other.high || !isKnown) return;
      if (high === other.low) high -= step;
      else if (low === other.low) low += step;
      break;
    case BPF_JLT:
      high = Math.min(high, other.high - 1);
      break;
    case BPF_JLE:
      high = Math.min(high, other.high);
      break;
    case BPF_JGT:
      low = Math.max(low, other.low + 1);
      break;
    case BPF_JGE:
      low = Math.max(low, other.low);
      break;
    default:
      return;
  }
  if (low > high || high > MAX_U32) return;
  if (isKnown) {
    // Only members of the old range are left.
    const by = Math.max(1, own.step);
    low = own.low + Math.ceil((low - own.low) / by) * by;
    high = own.low + Math.floor((high - own.low) / by) * by;
    if (low > high || (low === own.low && high === own.high)) return;
  }
  // It is the same value: its shadow stays.
  const shadow = s[v * WORDS + SHADOW];
  const offset = s[v * WORDS + SHADOW_OFFSET];
  setRange(s, v, low, high, step);
  if (s[v * WORDS] === V_CONST) return;
  s[v * WORDS + SHADOW] = shadow;
  s[v * WORDS + SHADOW_OFFSET] = offset;
}
