import {
  BPF_ABS,
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_IMM,
  BPF_IND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MOV,
  BPF_NEG,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_ST,
  BPF_STX,
  BPF_X,
  classOf,
} from '../../isa/index.ts';
import { isSubprogCall } from '../cfg/calls.ts';
import { findSubprog } from '../cfg/subprograms.ts';
import { AUX_CALLS_CALLBACK, type VerifierEnv } from '../env.ts';
import { BPF_LOG_LEVEL2 } from '../log/levels.ts';
import { precision } from '../messages/precision.ts';
import { FRAME_POINTER, MAX_CALL_FRAMES } from '../state/layout.ts';
import {
  INSN_F_DST_REG_STACK,
  INSN_F_SRC_REG_STACK,
  INSN_F_STACK_ACCESS,
  accessedFrame,
  accessedSlot,
} from './history.ts';
import { syncLinkedRegs } from './linked.ts';

/** r1 to r5. */
const ARGUMENTS = 0x3e;

/**
 * Goes back over instruction `insn`, which was followed by `subsequent`: what must be precise
 * before it, given what must be after it. `at`: its history entry, or -1. False if that cannot be
 * told (backtrack_insn).
 */
export function backtrackInsn(
  env: VerifierEnv,
  insn: number,
  subsequent: number,
  at: number,
): boolean {
  const op = env.code.op[insn]!;
  if (op === 0) return true;
  const wanted = env.backtrack;
  if (env.logLevel & BPF_LOG_LEVEL2) announce(env, insn);
  syncLinkedRegs(wanted, env.history, at);
  const flags = at < 0 ? 0 : env.history.flags[at]!;
  switch (classOf(op)) {
    case BPF_ALU:
    case BPF_ALU64:
      if (!overArithmetic(env, insn, op)) return true;
      break;
    case BPF_LDX:
      if (!overLoad(env, env.code.dst[insn]!, flags)) return true;
      break;
    case BPF_STX:
    case BPF_ST:
      if (isAtomicFetch(env, insn, op)) {
        const loaded = env.code.imm[insn] === BPF_CMPXCHG ? 0 : env.code.src[insn]!;
        if (!overLoad(env, loaded, flags)) return true;
        break;
      }
      if (wanted.hasReg(env.code.dst[insn]!)) return false;
      if (!overStore(env, insn, op, flags)) return true;
      break;
    case BPF_JMP:
    case BPF_JMP32:
      return overJump(env, insn, op, subsequent, at, flags);
    case BPF_LD:
      if ((op & 0xe0) === BPF_IMM) {
        wanted.clearReg(env.code.dst[insn]!);
        return true;
      }
      if ((op & 0xe0) === BPF_IND || (op & 0xe0) === BPF_ABS) {
        if (wanted.hasReg(env.code.dst[insn]!)) return false;
        // The packet ended there: the function was left.
        if (subsequent !== insn + 1) enterSubprog(env);
        return true;
      }
  }
  syncLinkedRegs(wanted, env.history, at);
  return true;
}

function announce(env: VerifierEnv, insn: number): void {
  const { frame, regs, slotsLow, slotsHigh } = env.backtrack;
  const words = precision.before(frame, regs[frame]!, slotsLow[frame]!, slotsHigh[frame]!, insn);
  env.observer?.backtracking?.(words, insn);
}

function isAtomicFetch(env: VerifierEnv, insn: number, op: number): boolean {
  return (
    classOf(op) === BPF_STX && (op & 0xe0) === BPF_ATOMIC && (env.code.imm[insn]! & BPF_FETCH) !== 0
  );
}

/** False if nothing changes. */
function overArithmetic(env: VerifierEnv, insn: number, op: number): boolean {
  const wanted = env.backtrack;
  const dst = env.code.dst[insn]!;
  if (!wanted.hasReg(dst)) return false;
  const operation = op & 0xf0;
  if (operation === BPF_END || operation === BPF_NEG) return false;
  if (operation === BPF_MOV) wanted.clearReg(dst);
  const src = env.code.src[insn]!;
  if (op & BPF_X && src !== FRAME_POINTER) wanted.setReg(src);
  return true;
}

/** Scalars keep their precision only in the stack; false if nothing more is wanted. */
function overLoad(env: VerifierEnv, reg: number, flags: number): boolean {
  const wanted = env.backtrack;
  if (!wanted.hasReg(reg)) return false;
  wanted.clearReg(reg);
  if (!(flags & INSN_F_STACK_ACCESS)) return false;
  wanted.setSlot(accessedFrame(flags), accessedSlot(flags));
  return true;
}

function overStore(env: VerifierEnv, insn: number, op: number, flags: number): boolean {
  const wanted = env.backtrack;
  if (!(flags & INSN_F_STACK_ACCESS)) return false;
  const frame = accessedFrame(flags);
  const spi = accessedSlot(flags);
  if (!wanted.hasSlot(frame, spi)) return false;
  wanted.clearSlot(frame, spi);
  if (classOf(op) === BPF_STX) wanted.setReg(env.code.src[insn]!);
  return true;
}

function overJump(
  env: VerifierEnv,
  insn: number,
  op: number,
  subsequent: number,
  at: number,
  flags: number,
): boolean {
  const wanted = env.backtrack;
  if (isSubprogCall(env, insn)) {
    overSubprogCall(env, insn);
    return true;
  }
  if (insn !== subsequent - 1 && env.aux.flags[insn]! & AUX_CALLS_CALLBACK) {
    overCallbackEntry(env);
    return true;
  }
  const operation = op & 0xf0;
  if (operation === BPF_EXIT) {
    overExit(env, subsequent);
    return true;
  }
  if (operation === BPF_CALL) {
    if (env.code.src[insn] === BPF_PSEUDO_KFUNC_CALL && env.code.imm[insn] === 0) return false;
    wanted.clearReg(0);
    refuseRegs(env, ARGUMENTS);
  } else if (op & BPF_X) {
    const { dst, src } = env.code;
    if (!wanted.hasReg(dst[insn]!) && !wanted.hasReg(src[insn]!)) return true;
    if (!(flags & INSN_F_SRC_REG_STACK)) wanted.setReg(src[insn]!);
    if (!(flags & INSN_F_DST_REG_STACK)) wanted.setReg(dst[insn]!);
  }
  syncLinkedRegs(wanted, env.history, at);
  return true;
}

/** Registers of this mask cannot be wanted here; Linux reports a bug of its own. */
function refuseRegs(env: VerifierEnv, mask: number): void {
  const regs = env.backtrack.regs[env.backtrack.frame]!;
  if (regs & mask) env.reject('EFAULT', precision.bug_regs(regs));
}

function refuseSlots(env: VerifierEnv): void {
  const { frame, hasSlots, slotsLow, slotsHigh } = env.backtrack;
  if (hasSlots) env.reject('EFAULT', precision.bug_slots(slotsLow[frame]!, slotsHigh[frame]!));
}

/** Back out of the callee, or over the call of a global function, which was not walked. */
function overSubprogCall(env: VerifierEnv, insn: number): void {
  const wanted = env.backtrack;
  const subprog = findSubprog(env, insn + env.code.imm[insn]! + 1);
  if (subprog < 0) env.reject('EFAULT');
  if (env.subprogs[subprog]!.global) {
    refuseRegs(env, ARGUMENTS);
    wanted.clearReg(0);
    return;
  }
  refuseRegs(env, ~ARGUMENTS);
  refuseSlots(env);
  const args = wanted.regs[wanted.frame]! & ARGUMENTS;
  wanted.regs[wanted.frame] = 0;
  wanted.regs[wanted.frame - 1]! |= args;
  exitSubprog(env);
}

/** Back out of a callback: its arguments are not the call's. */
function overCallbackEntry(env: VerifierEnv): void {
  const wanted = env.backtrack;
  refuseRegs(env, ~ARGUMENTS);
  refuseSlots(env);
  wanted.regs[wanted.frame] = 0;
  exitSubprog(env);
}

/** Back into a callee. Only what a called function returns is its caller's r0. */
function overExit(env: VerifierEnv, subsequent: number): void {
  const wanted = env.backtrack;
  const called = subsequent >= 1 && isSubprogCall(env, subsequent - 1);
  const wantsResult = called && wanted.hasReg(0);
  if (called) refuseRegs(env, ARGUMENTS);
  wanted.clearReg(0);
  enterSubprog(env);
  if (wantsResult) wanted.setReg(0);
}

function enterSubprog(env: VerifierEnv): void {
  const { frame } = env.backtrack;
  if (frame === MAX_CALL_FRAMES - 1) env.reject('EFAULT', precision.bug_enter(frame));
  env.backtrack.frame++;
}

function exitSubprog(env: VerifierEnv): void {
  if (env.backtrack.frame === 0) env.reject('EFAULT', precision.bug_exit(0));
  env.backtrack.frame--;
}
