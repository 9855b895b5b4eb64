import {
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_DIV,
  BPF_END,
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_TO_BE,
  BPF_X,
  BPF_XOR,
} from '../../isa/index.ts';
import { I32, I64 } from './encoder.ts';
import type { Emitter } from './emitter.ts';
import * as W from './opcodes.ts';
import { bitsOf, V_CONST } from './values.ts';

/** Operations that are one wasm instruction: 64-bit form, 32-bit form. */
const DIRECT: Readonly<Record<number, readonly [number, number]>> = {
  [BPF_ADD]: [W.I64_ADD, W.I32_ADD],
  [BPF_SUB]: [W.I64_SUB, W.I32_SUB],
  [BPF_MUL]: [W.I64_MUL, W.I32_MUL],
  [BPF_OR]: [W.I64_OR, W.I32_OR],
  [BPF_AND]: [W.I64_AND, W.I32_AND],
  [BPF_LSH]: [W.I64_SHL, W.I32_SHL],
  [BPF_RSH]: [W.I64_SHR_U, W.I32_SHR_U],
  [BPF_XOR]: [W.I64_XOR, W.I32_XOR],
  [BPF_ARSH]: [W.I64_SHR_S, W.I32_SHR_S],
};

/** Emits an ALU or ALU64 instruction whose result is not known at compile time. */
export function emitAlu(e: Emitter, i: number, base: number): void {
  const { code } = e.program;
  const op = code.op[i];
  const dst = base + code.dst[i];
  if ((op & 0xf0) === BPF_END) emitByteOrder(e, op, dst, code.imm[i]);
  else if ((op & 7) === BPF_ALU64) emitAlu64(e, i, base, dst);
  else emitAlu32(e, i, base, dst);
  e.set(dst);
}

function emitAlu64(e: Emitter, i: number, base: number, dst: number): void {
  const { code } = e.program;
  const op = code.op[i];
  const operation = op & 0xf0;
  const isRegister = (op & BPF_X) !== 0;
  if (operation === BPF_MOV) emitMove64(e, i, base, isRegister);
  else if (operation === BPF_NEG) {
    e.i64(0);
    e.get(dst);
    e.op(W.I64_SUB);
  } else if (operation === BPF_DIV || operation === BPF_MOD) {
    emitDivision(e, i, base, operation === BPF_MOD, true);
  } else {
    e.get(dst);
    e.operand(i, base, isRegister);
    e.op(DIRECT[operation][0]);
  }
}

function emitMove64(e: Emitter, i: number, base: number, isRegister: boolean): void {
  e.operand(i, base, isRegister);
  const off = e.program.code.off[i];
  if (off === 8) e.op(W.I64_EXTEND8_S);
  else if (off === 16) e.op(W.I64_EXTEND16_S);
  else if (off === 32) e.op(W.I64_EXTEND32_S);
}

function emitAlu32(e: Emitter, i: number, base: number, dst: number): void {
  const { code } = e.program;
  const op = code.op[i];
  const operation = op & 0xf0;
  const isRegister = (op & BPF_X) !== 0;
  if (operation === BPF_MOV) {
    emitMove32(e, i, base, isRegister);
    return;
  }
  if (operation === BPF_NEG) {
    e.i32(0);
    e.get32(dst);
    e.op(W.I32_SUB);
  } else if (operation === BPF_DIV || operation === BPF_MOD) {
    emitDivision(e, i, base, operation === BPF_MOD, false);
  } else {
    e.get32(dst);
    e.operand32(i, base, isRegister);
    e.op(DIRECT[operation][1]);
  }
  e.op(W.I64_EXTEND_I32_U);
}

function emitMove32(e: Emitter, i: number, base: number, isRegister: boolean): void {
  const { code } = e.program;
  const off = code.off[i];
  const src = base + code.src[i];
  if (isRegister && off === 0 && bitsOf(e.state, src) <= 32) {
    e.get(src);
    return;
  }
  e.operand32(i, base, isRegister);
  if (off === 8) e.op(W.I32_EXTEND8_S);
  else if (off === 16) e.op(W.I32_EXTEND16_S);
  e.op(W.I64_EXTEND_I32_U);
}

/** Wasm's codes for one width of division. */
interface DivisionCodes {
  readonly type: number;
  readonly eqz: number;
  readonly add: number;
  readonly mul: number;
  readonly sub: number;
  readonly lessOrEqual: number;
  /** [unsigned, signed] */
  readonly div: readonly [number, number];
  readonly rem: readonly [number, number];
}

const WIDE: DivisionCodes = {
  type: I64,
  eqz: W.I64_EQZ,
  add: W.I64_ADD,
  mul: W.I64_MUL,
  sub: W.I64_SUB,
  lessOrEqual: W.I64_LE_U,
  div: [W.I64_DIV_U, W.I64_DIV_S],
  rem: [W.I64_REM_U, W.I64_REM_S],
};

const NARROW: DivisionCodes = {
  type: I32,
  eqz: W.I32_EQZ,
  add: W.I32_ADD,
  mul: W.I32_MUL,
  sub: W.I32_SUB,
  lessOrEqual: W.I32_LE_U,
  div: [W.I32_DIV_U, W.I32_DIV_S],
  rem: [W.I32_REM_U, W.I32_REM_S],
};

/**
 * Wasm traps where BPF does not: x / 0 = 0, x % 0 = x, and signed, MIN / -1 = MIN, MIN % -1 = 0.
 * Both odd divisors are caught by divisor + 1 <= 1; then dividend * divisor is the quotient and
 * dividend * (divisor + 1) the remainder.
 */
function emitDivision(e: Emitter, i: number, base: number, rem: boolean, wide: boolean): void {
  const { code } = e.program;
  const codes = wide ? WIDE : NARROW;
  const signed = code.off[i] === 1 ? 1 : 0;
  const isRegister = (code.op[i] & BPF_X) !== 0;
  const dividend = () => {
    if (wide) e.get(base + code.dst[i]);
    else e.get32(base + code.dst[i]);
  };
  const divisor = () => {
    if (wide) e.operand(i, base, isRegister);
    else e.operand32(i, base, isRegister);
  };
  const one = () => (wide ? e.i64(1) : e.i32(1));
  const divideAs = ({ rem: rems, div }: DivisionCodes) => {
    dividend();
    if (codes === WIDE && div === NARROW.div) e.op(W.I32_WRAP_I64);
    divisor();
    if (codes === WIDE && div === NARROW.div) e.op(W.I32_WRAP_I64);
    e.op((rem ? rems : div)[signed]);
  };
  const divide = () => divideAs(codes);
  if (isOrdinary(e, i, base, isRegister)) {
    divide();
    return;
  }
  divisor();
  if (signed === 1) {
    one();
    e.op(codes.add);
    one();
    e.op(codes.lessOrEqual);
  } else e.op(codes.eqz);
  e.start(W.IF, codes.type);
  dividend();
  divisor();
  if (rem) {
    one();
    e.op(codes.add);
  }
  e.op(codes.mul);
  e.op(W.ELSE);
  if (wide && signed === 0) emitShortDivision(e, dividend, divisor, divideAs);
  else divide();
  e.op(W.END);
}

/** 64-bit division is several times slower than 32-bit on most CPUs, and rarely needed. */
function emitShortDivision(
  e: Emitter,
  dividend: () => void,
  divisor: () => void,
  divideAs: (codes: DivisionCodes) => void,
): void {
  dividend();
  divisor();
  e.op(W.I64_OR);
  e.i64(32);
  e.op(W.I64_SHR_U);
  e.op(W.I64_EQZ);
  e.start(W.IF, I64);
  divideAs(NARROW);
  e.op(W.I64_EXTEND_I32_U);
  e.op(W.ELSE);
  divideAs(WIDE);
  e.op(W.END);
}

/** Whether the divisor is a constant other than 0 and -1. */
function isOrdinary(e: Emitter, i: number, base: number, isRegister: boolean): boolean {
  const { code } = e.program;
  const src = base + code.src[i];
  const known = !isRegister || e.kind(src) === V_CONST;
  const low = isRegister ? e.word(src, 1) : code.imm[i];
  return known && low !== 0 && low !== -1;
}

/** le, be (class ALU) and bswap (class ALU64) on a little-endian machine. */
function emitByteOrder(e: Emitter, op: number, dst: number, bits: number): void {
  const swaps = (op & 7) === BPF_ALU64 || (op & BPF_X) === BPF_TO_BE;
  if (!swaps) {
    e.get(dst);
    if (bits === 64) return;
    e.i64(bits === 16 ? 0xffff : -1, 0);
    e.op(W.I64_AND);
  } else if (bits === 16) emitSwap16(e, dst);
  else if (bits === 32) emitSwap32(e, dst);
  else emitSwap64(e, dst);
}

function emitSwap16(e: Emitter, dst: number): void {
  e.get32(dst);
  e.i32(8);
  e.op(W.I32_SHL);
  e.i32(0xff00);
  e.op(W.I32_AND);
  e.get32(dst);
  e.i32(8);
  e.op(W.I32_SHR_U);
  e.i32(0xff);
  e.op(W.I32_AND);
  e.op(W.I32_OR);
  e.op(W.I64_EXTEND_I32_U);
}

function emitSwap32(e: Emitter, dst: number): void {
  for (const [turn, mask] of [
    [8, 0x00ff00ff],
    [24, 0xff00ff00 | 0],
  ]) {
    e.get32(dst);
    e.i32(turn);
    e.op(W.I32_ROTL);
    e.i32(mask);
    e.op(W.I32_AND);
  }
  e.op(W.I32_OR);
  e.op(W.I64_EXTEND_I32_U);
}

function emitSwap64(e: Emitter, dst: number): void {
  const value = e.scratch64();
  e.get(dst);
  for (const [shift, mask] of [
    [8, 0x00ff00ff],
    [16, 0x0000ffff],
  ]) {
    e.with(W.LOCAL_TEE, value);
    e.i64(mask, mask);
    e.op(W.I64_AND);
    e.i64(shift);
    e.op(W.I64_SHL);
    e.with(W.LOCAL_GET, value);
    e.i64(shift);
    e.op(W.I64_SHR_U);
    e.i64(mask, mask);
    e.op(W.I64_AND);
    e.op(W.I64_OR);
  }
  e.i64(32);
  e.op(W.I64_ROTL);
}
