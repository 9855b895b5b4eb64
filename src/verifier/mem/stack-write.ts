import { gates } from '../gates.ts';
import { BPF_MEM, BPF_ST } from '../../isa/index.ts';
import { destroyIfDynptrStackSlot } from '../call/special/dynptr-slots.ts';
import { checkFastcallStackContract } from '../cfg/fastcall.ts';
import { AUX_SANITIZE_STACK_SPILL, type VerifierEnv } from '../env.ts';
import { stackMessages } from '../messages/stack.ts';
import { markChainPrecision } from '../precision/backtrack.ts';
import { insnStackAccessFlags, pushInsnHistory } from '../precision/history.ts';
import {
  fillSlotTypes,
  baseType,
  CONST_PTR_TO_DYNPTR,
  FRAME_POINTER,
  ID,
  MASK,
  NOT_INIT,
  PTR_TO_STACK,
  PTR_TO_TP_BUFFER,
  REG_SIZE,
  REG_WORDS,
  regAt,
  SCALAR_VALUE,
  SMAX,
  SMIN,
  STACK_INVALID,
  STACK_MISC,
  STACK_SPILL,
  STACK_ZERO,
  setSlotType,
  slotAt,
  slotType,
  TYPE,
} from '../state/layout.ts';
import type { FuncState } from '../state/state.ts';
import { copyRegister, markKnownInt, regIsNull } from '../value/bounds.ts';
import { isUnbounded } from '../value/sync.ts';
import { tnumEqualsConst } from '../value/tnum.ts';
import { assignScalarIdBeforeMov } from '../walk/linked-registers.ts';
import { signedAt } from './offset.ts';
import { registerWidth } from './register-width.ts';
import { isSpilled, isSpilledScalar, markMisc, scrubSpecial, spiOf } from './slots.ts';

const CLASS_AND_MODE = 0xe7;

/** True if a register of this type keeps its state when it is spilled (is_spillable_regtype). */
function isSpillable(type: number): boolean {
  switch (baseType(type)) {
    case NOT_INIT:
    case SCALAR_VALUE:
    case PTR_TO_TP_BUFFER:
    case CONST_PTR_TO_DYNPTR:
      return false;
    default:
      return true;
  }
}

/** The instruction stores a constant (is_bpf_st_mem). */
function storesConstant(env: VerifierEnv, insn: number): boolean {
  return (env.code.op[insn]! & CLASS_AND_MODE) === (BPF_ST | BPF_MEM);
}

/** Register `value`, or the constant of the instruction, is 0. */
function writesZero(env: VerifierEnv, value: number, insn: number): boolean {
  if (value >= 0) return regIsNull(env.regs, regAt(value));
  return storesConstant(env, insn) && env.code.imm[insn] === 0;
}

/** Puts record `(w, r)` into the upper `size` bytes of slot `spi` (save_register_state). */
function spillRecord(frame: FuncState, spi: number, w: Int32Array, r: number, size: number): void {
  const fw = frame.words;
  const s = slotAt(spi);
  copyRegister(fw, s, w, r);
  if (size === REG_SIZE) frame.noteSlotWritten(spi);
  for (let i = 0; i < REG_SIZE; i++) {
    if (i >= REG_SIZE - size) setSlotType(fw, s, i, STACK_SPILL);
    else if (gates.linkedNarrowing) markMisc(fw, s, i);
    else if (slotType(fw, s, i) !== STACK_INVALID) setSlotType(fw, s, i, STACK_MISC);
  }
}

function spillScalar(
  env: VerifierEnv,
  frame: FuncState,
  spi: number,
  size: number,
  value: number,
): void {
  const w = env.regs;
  const r = regAt(value);
  const fits = registerWidth(w, r) <= 8 * size;
  // Backtracking followed only slots that the frame pointer names.
  if (!gates.linkedNarrowing && env.code.dst[env.insnIdx] !== FRAME_POINTER) {
    markChainPrecision(env, value);
  }
  if (fits && gates.linkedNarrowing) assignScalarIdBeforeMov(env, w, r);
  spillRecord(frame, spi, w, r, size);
  if (!fits) frame.words[slotAt(spi) + ID] = 0;
}

function spillConstant(
  env: VerifierEnv,
  frame: FuncState,
  spi: number,
  size: number,
  insn: number,
): void {
  const record = env.scratch;
  record.fill(0, 0, REG_WORDS);
  markKnownInt(record, 0, env.code.imm[insn]!);
  record[TYPE] = SCALAR_VALUE;
  spillRecord(frame, spi, record, 0, size);
}

function spillPointer(
  env: VerifierEnv,
  frame: FuncState,
  spi: number,
  size: number,
  value: number,
  insn: number,
): void {
  const w = env.regs;
  const r = regAt(value);
  if (size !== REG_SIZE) {
    env.showLine(insn);
    env.reject('EACCES', stackMessages.spill_size());
  }
  if (frame !== env.frame && w[r + TYPE] === PTR_TO_STACK) {
    env.reject('EINVAL', stackMessages.foreign_spill());
  }
  spillRecord(frame, spi, w, r, size);
}

/** A write that is no spill: bytes of unknown value, or zeros. */
function writeData(
  env: VerifierEnv,
  frame: FuncState,
  slot: number,
  size: number,
  value: number,
  insn: number,
): void {
  const s = slotAt(slot >> 3);
  const fw = frame.words;
  scrubSpecial(fw, s);
  // A partial write must not stop what earlier states learn about later reads.
  if (size === REG_SIZE) frame.noteSlotWritten(slot >> 3);
  const zero = writesZero(env, value, insn);
  // The slot does not remember the register, so its being zero must matter from here on.
  if (zero && value >= 0) markChainPrecision(env, value);
  const type = zero ? STACK_ZERO : STACK_MISC;
  for (let i = 0; i < size; i++) setSlotType(fw, s, (slot - i) % REG_SIZE, type);
}

/** Unprivileged: a store over anything but data is followed by a barrier (Spectre v4). */
function noteSpeculativeStore(
  env: VerifierEnv,
  fw: Int32Array,
  slot: number,
  size: number,
  value: number,
  insn: number,
): void {
  const s = slotAt(slot >> 3);
  let sanitize = value >= 0 && isSpillable(env.regs[regAt(value) + TYPE]!);
  for (let i = 0; i < size && !sanitize; i++) {
    const type = slotType(fw, s, (slot - i) % REG_SIZE);
    sanitize = type !== STACK_MISC && type !== STACK_ZERO;
  }
  if (sanitize) env.aux.flags[insn]! |= AUX_SANITIZE_STACK_SPILL;
}

/** Older kernels forgot values that could be anything, and took zeros for data. */
function isWorthSpilling(env: VerifierEnv, value: number): boolean {
  if (gates.linkedNarrowing) return true;
  const r = regAt(value);
  return !regIsNull(env.regs, r) && !(isUnbounded(env.regs, r) && isUnknownBits(env.regs, r));
}

const isUnknownBits = (w: Int32Array, r: number): boolean =>
  w[r + MASK] === -1 && w[r + MASK + 1] === -1;

const isConstantKept = (env: VerifierEnv, insn: number): boolean =>
  gates.linkedNarrowing || env.code.imm[insn] !== 0;

/**
 * Writes `size` aligned bytes at the fixed offset `off` of a frame. Mirrors
 * check_stack_write_fixed_off.
 */
export function writeStackAt(
  env: VerifierEnv,
  frame: FuncState,
  off: number,
  size: number,
  value: number,
  insn: number,
): void {
  const slot = -off - 1;
  const spi = slot >> 3;
  const fw = frame.words;
  const s = slotAt(spi);
  const holdsPointer =
    isSpilled(fw, s) && (fw[s + TYPE] !== SCALAR_VALUE || !gates.linkedNarrowing);
  if (holdsPointer && size !== REG_SIZE && !env.allowPtrLeaks) {
    env.reject('EACCES', stackMessages.corrupts_spill());
  }
  if (!env.bypassSpecV4) noteSpeculativeStore(env, fw, slot, size, value, insn);
  destroyIfDynptrStackSlot(env, frame, spi);
  checkFastcallStackContract(env, frame, insn, off);
  env.scratchSlot(spi);
  const tracked = env.bpfCapable && off % REG_SIZE === 0;
  const type = value >= 0 ? env.regs[regAt(value) + TYPE]! : NOT_INIT;
  if (tracked && value >= 0 && type === SCALAR_VALUE && isWorthSpilling(env, value)) {
    spillScalar(env, frame, spi, size, value);
  } else if (tracked && value < 0 && storesConstant(env, insn) && isConstantKept(env, insn)) {
    spillConstant(env, frame, spi, size, insn);
  } else if (value >= 0 && isSpillable(type)) {
    spillPointer(env, frame, spi, size, value, insn);
  } else {
    writeData(env, frame, slot, size, value, insn);
    return;
  }
  pushInsnHistory(env, insnStackAccessFlags(frame.frameno, spi));
}

/**
 * A call writes the bytes from `min` to before `max`, byte by byte. Only the first one of a slot
 * changes more than its own type; so it is, at least, where stores are not watched for Spectre v4.
 */
export function writeStackBytes(
  env: VerifierEnv,
  frame: FuncState,
  min: number,
  max: number,
  insn: number,
): void {
  for (let off = min; off < max; ) {
    writeStackAt(env, frame, off, 1, -1, insn);
    const end = Math.min(max, (off | (REG_SIZE - 1)) + 1);
    const s = slotAt(spiOf(off));
    if (end - off === REG_SIZE) fillSlotTypes(frame.words, s, STACK_MISC);
    else for (let i = off + 1; i < end; i++) setSlotType(frame.words, s, (-i - 1) % 8, STACK_MISC);
    off = end;
  }
}

/**
 * The byte at `off` may be written. True if it was a zero, and stays one because a zero is written.
 */
function writeByteMaybe(
  env: VerifierEnv,
  frame: FuncState,
  off: number,
  zero: boolean,
  insn: number,
): boolean {
  const fw = frame.words;
  const spi = spiOf(off);
  const s = slotAt(spi);
  const i = (-off - 1) % REG_SIZE;
  env.scratchSlot(spi);
  const old = slotType(fw, s, i);
  if (!env.allowPtrLeaks && old !== STACK_MISC && old !== STACK_ZERO) {
    env.reject('EINVAL', stackMessages.variable_write_over_spill(insn, off));
  }
  if (zero && old === STACK_SPILL && isSpilledScalar(fw, s) && tnumEqualsConst(fw, s, 0, 0)) {
    return true;
  }
  scrubSpecial(fw, s);
  const now = slotType(fw, s, i);
  const staysZero = zero && now === STACK_ZERO;
  // The write may not happen: unprivileged, it does not count as one.
  if (now === STACK_INVALID && !env.allowUninitStack) {
    env.reject('EINVAL', stackMessages.variable_write_uninit(insn, off));
  }
  setSlotType(fw, s, i, staysZero ? STACK_ZERO : STACK_MISC);
  return staysZero;
}

/**
 * Writes the stack at pointer `regno`, whose offset varies: every byte in reach may be written, or
 * not. Mirrors check_stack_write_var_off.
 */
export function writeStackVariable(
  env: VerifierEnv,
  frame: FuncState,
  regno: number,
  off: number,
  size: number,
  value: number,
  insn: number,
): void {
  const w = env.regs;
  const r = regAt(regno);
  const min = signedAt(w, r + SMIN) + off;
  const max = signedAt(w, r + SMAX) + off + size;
  const zero = writesZero(env, value, insn);
  for (let i = min; i < max; i++) destroyIfDynptrStackSlot(env, frame, spiOf(i));
  checkFastcallStackContract(env, frame, insn, min);
  let zeroUsed = false;
  for (let i = min; i < max; i++) {
    if (writeByteMaybe(env, frame, i, zero, insn)) zeroUsed = true;
  }
  // Backtracking does not follow zeros of the stack.
  if (zeroUsed && value >= 0) markChainPrecision(env, value);
}
