/**
 * Backtracking before it followed calls: one frame at a time, the stack only where r10 names it,
 * and at the first call or exit every scalar of the checkpoints before becomes precise
 * (__mark_chain_precision of 6.1).
 */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_IMM,
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
import { callsBack } from '../cfg/callbacks.ts';
import { isSubprogCall } from '../cfg/calls.ts';
import type { VerifierEnv } from '../env.ts';
import { BPF_LOG_LEVEL2 } from '../log/levels.ts';
import { precision } from '../messages/precision.ts';
import { prune } from '../messages/prune.ts';
import {
  FRAME_POINTER,
  REG_SIZE,
  regAt,
  SCALAR_VALUE,
  slotAt,
  slotType,
  STACK_SPILL,
  TYPE,
} from '../state/layout.ts';
import type { FuncState, VerifierState } from '../state/state.ts';
import { markEntryArguments, markRegPrecise, markSlotPrecise } from './marks.ts';

/** r1 to r5. */
const ARGUMENTS = 0x3e;

/** Each of the registers and slots that `env.backtrack` asks for, by itself. */
export function backtrackEachOlder(env: VerifierEnv): void {
  const wanted = env.backtrack;
  const frames = wanted.frame;
  const regs = wanted.regs.slice();
  const slots = [wanted.slotsLow.slice(), wanted.slotsHigh.slice()];
  wanted.reset();
  for (let frame = frames; frame >= 0; frame--) {
    for (let n = 0; n < FRAME_POINTER; n++) {
      if (!((regs[frame]! >> n) & 1)) continue;
      if (env.logLevel & BPF_LOG_LEVEL2) env.say(prune.propagating(frame, [`r${n}`]));
      backtrackOlder(env, frame, n, -1);
    }
    const { words } = env.state.frameAt(frame);
    for (let spi = 0; spi < 64; spi++) {
      if (!((slots[spi >> 5]![frame]! >> (spi & 31)) & 1)) continue;
      const name = `fp${-(spi + 1) * REG_SIZE}`;
      if (env.logLevel & BPF_LOG_LEVEL2) env.say(prune.propagating(frame, [name]));
      if (isSpilledScalar(words, spi)) backtrackOlder(env, frame, -1, spi);
    }
  }
}

/** Register `reg` or slot `spi` of a frame must be precise. */
export function backtrackOlder(env: VerifierEnv, frame: number, reg: number, spi: number): void {
  const wanted = env.backtrack;
  wanted.reset();
  wanted.frame = frame;
  if (reg >= 0) wanted.setReg(reg);
  if (spi >= 0) wanted.setSlot(frame, spi);
  follow(env, frame);
  wanted.reset();
}

function follow(env: VerifierEnv, frame: number): void {
  let state: VerifierState = env.state;
  let last = env.insnIdx;
  let isFirst = true;
  for (;;) {
    const first = state.firstInsnIdx;
    if (env.logLevel & BPF_LOG_LEVEL2) env.say(precision.older_range(last, first));
    if (last < 0) {
      markEntryArguments(env, state);
      return;
    }
    const known = overState(env, state, last, isFirst);
    isFirst = false;
    if (!known) forceAllBefore(state);
    if (!known || env.backtrack.empty) return;
    if (!state.parent) return;
    state = state.parent;
    const news = markWanted(env, state.frameAt(frame));
    if (news === undefined) forceAllBefore(state);
    if (!news || env.backtrack.empty) return;
    last = state.lastInsnIdx;
  }
}

/** Goes back to the first instruction of `state`; false where backtracking does not know. */
function overState(
  env: VerifierEnv,
  state: VerifierState,
  last: number,
  isFirst: boolean,
): boolean {
  const { history } = env;
  const start = state.historyStart;
  let end = state.historyEnd;
  // The instruction that asks is not gone over itself.
  for (let insn = last, skip = isFirst; ; skip = false) {
    if (!skip && !overInsn(env, insn)) return false;
    if (env.backtrack.empty) return true;
    const recorded = end > start && history.insn[end - 1] === insn;
    if (insn === state.firstInsnIdx && (end === start || (end === start + 1 && recorded))) {
      return true;
    }
    if (recorded) insn = history.prev[--end]!;
    else insn--;
    if (insn >= env.length || insn < 0) env.reject('EFAULT', precision.bug_index(insn));
  }
}

/**
 * Marks what is wanted in a checkpoint. True if something was not marked yet; undefined if a slot
 * is wanted that the frame does not have.
 */
function markWanted(env: VerifierEnv, frame: FuncState): boolean | undefined {
  const wanted = env.backtrack;
  let news = false;
  for (let n = 0; n < FRAME_POINTER; n++) {
    if (!wanted.hasReg(n)) continue;
    if (frame.words[regAt(n) + TYPE] !== SCALAR_VALUE) wanted.clearReg(n);
    else if (markRegPrecise(frame, n)) news = true;
  }
  for (let spi = 0; spi < 64; spi++) {
    if (!wanted.hasSlot(wanted.frame, spi)) continue;
    if (spi >= frame.slots) return undefined;
    if (!isSpilledScalar(frame.words, spi)) wanted.clearSlot(wanted.frame, spi);
    else if (markSlotPrecise(frame, spi)) news = true;
  }
  if (env.logLevel & BPF_LOG_LEVEL2) {
    const { regs, slotsLow, slotsHigh } = wanted;
    const at = wanted.frame;
    const words = precision.older_parent(news, regs[at]!, slotsLow[at]!, slotsHigh[at]!);
    env.observer?.otherState?.(words, frame);
  }
  return news;
}

function isSpilledScalar(w: Int32Array, spi: number): boolean {
  const r = slotAt(spi);
  return slotType(w, r, REG_SIZE - 1) === STACK_SPILL && w[r + TYPE] === SCALAR_VALUE;
}

/** Every scalar of every checkpoint before `state` is precise (mark_all_scalars_precise). */
function forceAllBefore(state: VerifierState): void {
  for (let at = state.parent; at && !at.allPrecise; at = at.parent) {
    for (let i = 0; i <= at.curframe; i++) forceAll(at.frames[i]!);
    at.allPrecise = true;
  }
}

function forceAll(frame: FuncState): void {
  for (let n = 0; n < FRAME_POINTER; n++) markRegPrecise(frame, n);
  for (let spi = 0; spi < frame.slots; spi++) {
    if (slotType(frame.words, slotAt(spi), REG_SIZE - 1) === STACK_SPILL) {
      markSlotPrecise(frame, spi);
    }
  }
}

/** Goes back over an instruction; false if what must be precise cannot be told (backtrack_insn). */
function overInsn(env: VerifierEnv, insn: number): boolean {
  const { code, backtrack: wanted } = env;
  const op = code.op[insn]!;
  if (op === 0) return true;
  const dst = code.dst[insn]!;
  if (env.logLevel & BPF_LOG_LEVEL2) announce(env, insn);
  switch (classOf(op)) {
    case BPF_ALU:
    case BPF_ALU64:
      overArithmetic(env, insn, op);
      return true;
    case BPF_LDX:
      overLoad(env, dst, code.src[insn]!, code.off[insn]!);
      return true;
    case BPF_STX:
    case BPF_ST:
      return overStore(env, insn, op);
    case BPF_JMP:
    case BPF_JMP32:
      return overJump(env, insn, op);
    case BPF_LD:
      if (!wanted.hasReg(dst)) return true;
      wanted.clearReg(dst);
      return (op & 0xe0) === BPF_IMM;
  }
  return true;
}

function announce(env: VerifierEnv, insn: number): void {
  const { frame, regs, slotsLow, slotsHigh } = env.backtrack;
  const words = precision.older_before(regs[frame]!, slotsLow[frame]!, slotsHigh[frame]!, insn);
  env.observer?.backtracking?.(words, insn);
}

function overArithmetic(env: VerifierEnv, insn: number, op: number): void {
  const wanted = env.backtrack;
  const dst = env.code.dst[insn]!;
  const operation = op & 0xf0;
  if (!wanted.hasReg(dst) || operation === BPF_END || operation === BPF_NEG) return;
  if (operation === BPF_MOV) wanted.clearReg(dst);
  if (op & BPF_X) wanted.setReg(env.code.src[insn]!);
}

const slotOf = (off: number): number => Math.trunc((-off - 1) / REG_SIZE);

function overLoad(env: VerifierEnv, reg: number, base: number, off: number): void {
  const wanted = env.backtrack;
  if (!wanted.hasReg(reg)) return;
  wanted.clearReg(reg);
  if (base === FRAME_POINTER) wanted.setSlot(wanted.frame, slotOf(off));
}

function overStore(env: VerifierEnv, insn: number, op: number): boolean {
  const { code, backtrack: wanted } = env;
  const dst = code.dst[insn]!;
  const src = code.src[insn]!;
  const isAtomic = classOf(op) === BPF_STX && (op & 0xe0) === BPF_ATOMIC;
  if (isAtomic && code.imm[insn]! & BPF_FETCH) {
    overLoad(env, code.imm[insn] === BPF_CMPXCHG ? 0 : src, dst, code.off[insn]!);
    return true;
  }
  if (wanted.hasReg(dst)) return false;
  if (dst !== FRAME_POINTER) return true;
  const spi = slotOf(code.off[insn]!);
  if (!wanted.hasSlot(wanted.frame, spi)) return true;
  wanted.clearSlot(wanted.frame, spi);
  if (classOf(op) === BPF_STX) wanted.setReg(src);
  return true;
}

function overJump(env: VerifierEnv, insn: number, op: number): boolean {
  const { code, backtrack: wanted } = env;
  const operation = op & 0xf0;
  if (operation === BPF_EXIT) return false;
  if (operation === BPF_CALL) {
    if (isSubprogCall(env, insn) || callsBack(env, insn)) return false;
    if (code.src[insn] === BPF_PSEUDO_KFUNC_CALL && code.imm[insn] === 0) return false;
    wanted.clearReg(0);
    const regs = wanted.regs[wanted.frame]!;
    if (regs & ARGUMENTS) env.reject('EFAULT', precision.bug_regs(regs));
  } else if (op & BPF_X && (wanted.hasReg(code.dst[insn]!) || wanted.hasReg(code.src[insn]!))) {
    wanted.setReg(code.dst[insn]!);
    wanted.setReg(code.src[insn]!);
  }
  return true;
}
