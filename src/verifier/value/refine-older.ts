/**
 * What a comparison teaches, before two ranges were compared: something only where one side is a
 * constant, or where both are equal (reg_set_min_max, reg_combine_min_max of 6.1).
 */
import {
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
} from '../../isa/index.ts';
import { SCALAR_VALUE, TYPE } from '../state/layout.ts';
import { isConst } from './bounds.ts';
import type { Comparison } from './refine.ts';
import { Known, U64_LAST } from './sync-older.ts';

/** Narrows the operands of a comparison on both of its ways. */
export function refineBranchesOlder(
  of: Comparison,
  op: number,
  flipped: number,
  jmp32: boolean,
): void {
  const { falseWords1: w1, false1: r1, falseWords2: w2, false2: r2 } = of;
  if (w1[r1 + TYPE] !== SCALAR_VALUE || w2[r2 + TYPE] !== SCALAR_VALUE) return;
  const isTrue = [Known.of(of.trueWords1, of.true1), Known.of(of.trueWords2, of.true2)] as const;
  const isFalse = [Known.of(w1, r1), Known.of(w2, r2)] as const;
  if (isConst(w2, r2, false) || (jmp32 && isConst(w2, r2, true))) {
    compare(isTrue[0], isFalse[0], isFalse[1].value, op, jmp32);
    isTrue[0].write(of.trueWords1, of.true1);
    isFalse[0].write(w1, r1);
  } else if (isConst(w1, r1, false) || (jmp32 && isConst(w1, r1, true))) {
    if (flipped === 0) return;
    compare(isTrue[1], isFalse[1], isFalse[0].value, flipped, jmp32);
    isTrue[1].write(of.trueWords2, of.true2);
    isFalse[1].write(w2, r2);
  } else if (!jmp32 && op === BPF_JEQ) {
    combine(...isTrue);
    isTrue[0].write(of.trueWords1, of.true1);
    isTrue[1].write(of.trueWords2, of.true2);
  } else if (!jmp32 && op === BPF_JNE) {
    combine(...isFalse);
    isFalse[0].write(w1, r1);
    isFalse[1].write(w2, r2);
  }
}

/** Both are equal: each knows what the other does (__reg_combine_min_max). */
function combine(a: Known, b: Known): void {
  for (const end of ['smin', 'umin'] as const) {
    a.wide[end] = b.wide[end] = a.wide[end] > b.wide[end] ? a.wide[end] : b.wide[end];
  }
  for (const end of ['smax', 'umax'] as const) {
    a.wide[end] = b.wide[end] = a.wide[end] < b.wide[end] ? a.wide[end] : b.wide[end];
  }
  a.intersect(b);
  b.value = a.value;
  b.mask = a.mask;
  a.sync();
  b.sync();
}

/** A number compared with constant `constant` (reg_set_min_max). */
function compare(
  isTrue: Known,
  isFalse: Known,
  constant: bigint,
  op: number,
  jmp32: boolean,
): void {
  const bits = jmp32 ? 32 : 64;
  const value = BigInt.asUintN(bits, constant);
  if (op === BPF_JEQ) setKnown(isTrue, value, jmp32);
  else if (op === BPF_JNE) setKnown(isFalse, value, jmp32);
  else if (op === BPF_JSET) setBits(isTrue, isFalse, value);
  else narrow(isTrue, isFalse, value, op, jmp32);
  for (const known of [isTrue, isFalse]) {
    if (jmp32) known.combine32Into64();
    else known.combine64Into32();
  }
}

/** It is the constant: ___mark_reg_known, __mark_reg32_known. */
function setKnown(known: Known, value: bigint, jmp32: boolean): void {
  const upper = jmp32 ? 0xffff_ffff_0000_0000n : 0n;
  known.value = (known.value & upper) | value;
  known.mask &= upper;
  const low = BigInt.asUintN(32, value);
  const signedLow = BigInt.asIntN(32, value);
  known.narrow = { smin: signedLow, smax: signedLow, umin: low, umax: low };
  if (jmp32) return;
  const signed = BigInt.asIntN(64, value);
  known.wide = { smin: signed, smax: signed, umin: value, umax: value };
}

/** Has one of the bits, or none of them. */
function setBits(isTrue: Known, isFalse: Known, bits: bigint): void {
  isFalse.forget32();
  isFalse.forget64();
  isFalse.value &= U64_LAST ^ bits;
  isFalse.mask &= U64_LAST ^ bits;
  const isOne = bits !== 0n && (bits & (bits - 1n)) === 0n;
  if (!isOne) return;
  isTrue.value |= bits;
  isTrue.mask &= U64_LAST ^ bits;
}

const GREATER: ReadonlySet<number> = new Set([BPF_JGT, BPF_JGE, BPF_JSGT, BPF_JSGE]);
const LESS: ReadonlySet<number> = new Set([BPF_JLT, BPF_JLE, BPF_JSLT, BPF_JSLE]);
const STRICT: ReadonlySet<number> = new Set([BPF_JGT, BPF_JLT, BPF_JSGT, BPF_JSLT]);
const SIGNED: ReadonlySet<number> = new Set([BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE]);

/** Is above or below the constant, or is not. */
function narrow(isTrue: Known, isFalse: Known, value: bigint, op: number, jmp32: boolean): void {
  const bits = jmp32 ? 32 : 64;
  const signed = SIGNED.has(op);
  const wrap = (n: bigint): bigint => (signed ? BigInt.asIntN(bits, n) : BigInt.asUintN(bits, n));
  const at = wrap(value);
  const part = jmp32 ? 'narrow' : 'wide';
  const [min, max] = signed ? (['smin', 'smax'] as const) : (['umin', 'umax'] as const);
  const atLeast = (known: Known, n: bigint): void => {
    const range = known[part];
    if (n > range[min]) range[min] = n;
  };
  const atMost = (known: Known, n: bigint): void => {
    const range = known[part];
    if (n < range[max]) range[max] = n;
  };
  const strict = STRICT.has(op);
  if (GREATER.has(op)) {
    atMost(isFalse, strict ? at : wrap(at - 1n));
    atLeast(isTrue, strict ? wrap(at + 1n) : at);
  } else if (LESS.has(op)) {
    atLeast(isFalse, strict ? at : wrap(at + 1n));
    atMost(isTrue, strict ? wrap(at - 1n) : at);
  }
}
