import { gates } from '../gates.ts';
import { checkFastcallStackContract } from '../cfg/fastcall.ts';
import type { VerifierEnv } from '../env.ts';
import { stackMessages } from '../messages/stack.ts';
import { insnStackAccessFlags, pushInsnHistory } from '../precision/history.ts';
import { markSlotRead } from '../prune/liveness.ts';
import {
  LIVE,
  PRECISE,
  REG_LIVE_WRITTEN,
  REG_SIZE,
  regAt,
  SCALAR_VALUE,
  SMAX,
  SMIN,
  STACK_INVALID,
  STACK_MISC,
  STACK_SPILL,
  STACK_ZERO,
  SUBREG_DEF,
  slotAt,
  slotType,
  TYPE,
} from '../state/layout.ts';
import type { FuncState } from '../state/state.ts';
import {
  clearScalarId,
  copyRegister,
  isPointerValue,
  markConstZero,
  markUnknown,
} from '../value/bounds.ts';
import { tnumEqualsConst } from '../value/tnum.ts';
import { signedAt } from './offset.ts';
import { registerWidth } from './register-width.ts';
import { isSpilled, spillSize, spiOf } from './slots.ts';
import { checkStackRange } from './stack-range.ts';

/** Number of bytes of the access that have type `type`. */
function countTypes(w: Int32Array, s: number, slot: number, size: number, type: number): number {
  let count = 0;
  for (let i = 0; i < size; i++) if (slotType(w, s, (slot - i) % REG_SIZE) === type) count++;
  return count;
}

/** Rejects a read of bytes that nobody wrote, or that hold more than data. */
function checkReadable(
  env: VerifierEnv,
  w: Int32Array,
  off: number,
  size: number,
  spillOk: boolean,
): void {
  const slot = -off - 1;
  const s = slotAt(slot >> 3);
  for (let i = 0; i < size; i++) {
    const type = slotType(w, s, (slot - i) % REG_SIZE);
    if (type === STACK_MISC || type === STACK_ZERO) continue;
    if (type === STACK_SPILL && spillOk) continue;
    if (type === STACK_INVALID && env.allowUninitStack) continue;
    env.reject('EACCES', stackMessages.uninit_read(off, i, size));
  }
}

/**
 * Register `dst` takes what stack bytes [min, max) hold: 0 if all are known to be 0, else any
 * scalar (mark_reg_stack_read).
 */
function markStackRead(
  env: VerifierEnv,
  frame: FuncState,
  min: number,
  max: number,
  dst: number,
): void {
  let zeros = true;
  for (let i = min; i < max && zeros; i++) {
    const spi = spiOf(i);
    env.scratchSlot(spi);
    zeros = slotType(frame.words, slotAt(spi), (-i - 1) % REG_SIZE) === STACK_ZERO;
  }
  const w = env.regs;
  const d = regAt(dst);
  if (zeros) markConstZero(env, w, d);
  else markUnknown(env, w, d);
  // What was found to be 0 was precise when it was stored.
  if (zeros && !gates.linkedNarrowing) {
    w[d + PRECISE] = 1;
    env.frame.preciseRegs |= 1 << dst;
  }
  w[d + LIVE]! |= REG_LIVE_WRITTEN;
}

/**
 * Part of a spilled scalar is read, or more than was spilled, into register `dst`. True if the
 * register now stands for the spilled one.
 */
function fillPartly(
  env: VerifierEnv,
  frame: FuncState,
  off: number,
  size: number,
  dst: number,
): boolean {
  const fw = frame.words;
  const slot = -off - 1;
  const s = slotAt(slot >> 3);
  const w = env.regs;
  const d = regAt(dst);
  const isFill = gates.partialFills ? size <= spillSize(fw, s) : size === spillSize(fw, s);
  if (isFill && off % REG_SIZE === 0) {
    // What this instruction defines was settled when its operands were looked at.
    const subregDef = w[d + SUBREG_DEF]!;
    copyRegister(w, d, fw, s);
    w[d + SUBREG_DEF] = subregDef;
    if (gates.partialFills && registerWidth(fw, s) > size * 8) clearScalarId(w, d);
    return true;
  }
  checkReadable(env, fw, off, size, true);
  if (!gates.partialFills) {
    markUnknown(env, w, d);
    return false;
  }
  const allSpilled = countTypes(fw, s, slot, size, STACK_SPILL) === size;
  if (allSpilled && tnumEqualsConst(fw, s, 0, 0)) {
    markConstZero(env, w, d);
    return true;
  }
  if (countTypes(fw, s, slot, size, STACK_ZERO) === size) markConstZero(env, w, d);
  else markUnknown(env, w, d);
  return false;
}

/** A fill: the slot holds a spilled register. True if the history must know of it. */
function fillRegister(
  env: VerifierEnv,
  frame: FuncState,
  off: number,
  size: number,
  dst: number,
): boolean {
  const fw = frame.words;
  const spi = spiOf(off);
  const s = slotAt(spi);
  const w = env.regs;
  if (size !== REG_SIZE || spillSize(fw, s) !== REG_SIZE) {
    if (fw[s + TYPE] !== SCALAR_VALUE) {
      env.showLine(env.insnIdx);
      env.reject('EACCES', stackMessages.fill_size());
    }
    markSlotRead(env, frame, spi);
    if (dst < 0) return false;
    const restored = fillPartly(env, frame, off, size, dst);
    w[regAt(dst) + LIVE]! |= REG_LIVE_WRITTEN;
    markSlotRead(env, frame, spi);
    return restored;
  }
  if (dst >= 0) {
    copyRegister(w, regAt(dst), fw, s);
    w[regAt(dst) + LIVE]! |= REG_LIVE_WRITTEN;
  } else if (isPointerValue(env.allowPtrLeaks, fw, s)) {
    env.reject('EACCES', stackMessages.leaks_pointer(off));
  }
  markSlotRead(env, frame, spi);
  return true;
}

/**
 * Reads `size` aligned bytes at the fixed offset `off` of a frame into register `dst` (-1: into
 * none). Mirrors check_stack_read_fixed_off.
 */
export function readStackAt(
  env: VerifierEnv,
  frame: FuncState,
  off: number,
  size: number,
  dst: number,
): void {
  const spi = spiOf(off);
  const s = slotAt(spi);
  env.scratchSlot(spi);
  checkFastcallStackContract(env, env.frame, env.insnIdx, off);
  if (isSpilled(frame.words, s)) {
    if (fillRegister(env, frame, off, size, dst)) {
      pushInsnHistory(env, insnStackAccessFlags(frame.frameno, spi));
    }
    return;
  }
  checkReadable(env, frame.words, off, size, false);
  markSlotRead(env, frame, spi);
  if (dst >= 0) markStackRead(env, frame, off, off + size, dst);
}

/**
 * Reads the stack at pointer `regno`, whose offset varies, into register `dst`. Mirrors
 * check_stack_read_var_off.
 */
export function readStackVariable(
  env: VerifierEnv,
  frame: FuncState,
  regno: number,
  off: number,
  size: number,
  dst: number,
): void {
  checkStackRange(env, regno, off, size, false, 'direct', undefined);
  const w = env.regs;
  const r = regAt(regno);
  const min = signedAt(w, r + SMIN) + off;
  const max = signedAt(w, r + SMAX) + off;
  markStackRead(env, frame, min, max + size, dst);
  checkFastcallStackContract(env, frame, env.insnIdx, min);
}
