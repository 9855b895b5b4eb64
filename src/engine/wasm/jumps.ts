import {
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_X,
} from '../../isa/index.ts';
import { MAX_MAY_GOTO } from '../types.ts';
import type { Emitter } from './emitter.ts';
import { MAY_GOTO } from './insn.ts';
import * as W from './opcodes.ts';
import { V_CONST } from './values.ts';

/** Per operation: comparison, and the opposite one, for i64 and i32. */
const COMPARISONS: Readonly<Record<number, readonly [number, number, number, number]>> = {
  [BPF_JEQ]: [W.I64_EQ, W.I64_NE, W.I32_EQ, W.I32_NE],
  [BPF_JNE]: [W.I64_NE, W.I64_EQ, W.I32_NE, W.I32_EQ],
  [BPF_JGT]: [W.I64_GT_U, W.I64_LE_U, W.I32_GT_U, W.I32_LE_U],
  [BPF_JGE]: [W.I64_GE_U, W.I64_LT_U, W.I32_GE_U, W.I32_LT_U],
  [BPF_JLT]: [W.I64_LT_U, W.I64_GE_U, W.I32_LT_U, W.I32_GE_U],
  [BPF_JLE]: [W.I64_LE_U, W.I64_GT_U, W.I32_LE_U, W.I32_GT_U],
  [BPF_JSGT]: [W.I64_GT_S, W.I64_LE_S, W.I32_GT_S, W.I32_LE_S],
  [BPF_JSGE]: [W.I64_GE_S, W.I64_LT_S, W.I32_GE_S, W.I32_LT_S],
  [BPF_JSLT]: [W.I64_LT_S, W.I64_GE_S, W.I32_LT_S, W.I32_GE_S],
  [BPF_JSLE]: [W.I64_LE_S, W.I64_GT_S, W.I32_LE_S, W.I32_GT_S],
};

/** Pushes whether the conditional jump at `i` is taken (or, `inverted`, whether it is not). */
export function emitCondition(
  e: Emitter,
  i: number,
  base: number,
  frame: number,
  inverted: boolean,
): void {
  const { code } = e.program;
  const op = code.op[i];
  if (op === MAY_GOTO) {
    emitMayGoto(e, frame, inverted);
    return;
  }
  const wide = (op & 7) === BPF_JMP;
  const operation = op & 0xf0;
  const isRegister = (op & BPF_X) !== 0;
  const dst = base + code.dst[i];
  if (wide) e.get(dst);
  else e.get32(dst);
  const isZero = operation !== BPF_JSET && isZeroOperand(e, i, base, isRegister);
  if (isZero && (operation === BPF_JEQ || operation === BPF_JNE)) {
    e.op(wide ? W.I64_EQZ : W.I32_EQZ);
    if ((operation === BPF_JNE) !== inverted) e.op(W.I32_EQZ);
    return;
  }
  if (wide) e.operand(i, base, isRegister);
  else e.operand32(i, base, isRegister);
  if (operation === BPF_JSET) {
    e.op(wide ? W.I64_AND : W.I32_AND);
    e.op(wide ? W.I64_EQZ : W.I32_EQZ);
    if (!inverted) e.op(W.I32_EQZ);
    return;
  }
  e.op(COMPARISONS[operation][(wide ? 0 : 2) + (inverted ? 1 : 0)]);
}

function isZeroOperand(e: Emitter, i: number, base: number, isRegister: boolean): boolean {
  const { code } = e.program;
  if (!isRegister) return code.imm[i] === 0;
  const src = base + code.src[i];
  return e.kind(src) === V_CONST && e.word(src, 1) === 0 && e.word(src, 2) === 0;
}

/** Counts, and is taken once the frame has fallen through MAX_MAY_GOTO times. */
function emitMayGoto(e: Emitter, frame: number, inverted: boolean): void {
  const counter = e.mayGotoCounter(frame);
  e.with(W.LOCAL_GET, counter);
  e.i32(1);
  e.op(W.I32_ADD);
  e.with(W.LOCAL_TEE, counter);
  e.i32(MAX_MAY_GOTO);
  e.op(inverted ? W.I32_LE_U : W.I32_GT_U);
}
