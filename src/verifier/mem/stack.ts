import type { VerifierEnv } from '../env.ts';
import { tnumText } from '../log/numbers.ts';
import { stackMessages } from '../messages/stack.ts';
import { MASK, regAt, VALUE } from '../state/layout.ts';
import { tnumIsConst } from '../value/tnum.ts';
import { pointedFrame } from './slots.ts';
import { readStackAt, readStackVariable } from './stack-read.ts';
import { writeStackAt, writeStackVariable } from './stack-write.ts';

/**
 * Reads the stack at pointer `regno` + `off` into register `dst` (-1: into none). Bounds are
 * checked. Mirrors check_stack_read.
 */
export function checkStackRead(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  dst: number,
): void {
  const w = env.regs;
  const r = regAt(regno);
  const frame = pointedFrame(env, w, r);
  if (tnumIsConst(w, r)) {
    readStackAt(env, frame, (off + w[r + VALUE]!) | 0, size, dst);
    return;
  }
  if (dst < 0) {
    const varOff = tnumText(w, r + VALUE, r + MASK);
    env.reject('EACCES', stackMessages.variable_to_helper(varOff, off, size));
  }
  readStackVariable(env, frame, regno, off, size, dst);
}

/**
 * Writes register `value` (-1: something else) to the stack at pointer `regno` + `off`. Bounds are
 * checked. Mirrors check_stack_write.
 */
export function checkStackWrite(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  value: number,
  insn: number,
): void {
  const w = env.regs;
  const r = regAt(regno);
  const frame = pointedFrame(env, w, r);
  if (tnumIsConst(w, r)) {
    writeStackAt(env, frame, (off + w[r + VALUE]!) | 0, size, value, insn);
  } else {
    writeStackVariable(env, frame, regno, off, size, value, insn);
  }
}
