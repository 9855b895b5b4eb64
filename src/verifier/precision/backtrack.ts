import type { VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import { BPF_LOG_LEVEL2 } from '../log/levels.ts';
import { precision } from '../messages/precision.ts';
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
import { backtrackInsn } from './backtrack-insn.ts';
import { backtrackEachOlder, backtrackOlder } from './backtrack-older.ts';
import { markEntryArguments, markRegPrecise, markSlotPrecise } from './marks.ts';

const EXHAUSTED = -2;

/**
 * Register `regno` of the running frame must be precise: so must everything it was computed from,
 * in every checkpoint on the way (mark_chain_precision).
 */
export function markChainPrecision(env: VerifierEnv, regno: number): void {
  if (!env.bpfCapable) return;
  if (env.regs[regAt(regno) + TYPE] !== SCALAR_VALUE) env.reject('EFAULT');
  if (!gates.framedPrecision) {
    backtrackOlder(env, env.state.curframe, regno, -1);
    return;
  }
  env.backtrack.frame = env.state.curframe;
  env.backtrack.setReg(regno);
  backtrack(env);
}

/** The same for everything that `env.backtrack` asks for (mark_chain_precision_batch). */
export function markChainPrecisionBatch(env: VerifierEnv): void {
  if (!env.bpfCapable) return;
  env.backtrack.frame = env.state.curframe;
  if (env.backtrack.empty) return;
  if (gates.framedPrecision) backtrack(env);
  else backtrackEachOlder(env);
}

function backtrack(env: VerifierEnv): void {
  const wanted = env.backtrack;
  let state: VerifierState = env.state;
  let first = state.firstInsnIdx;
  let last = env.insnIdx;
  let subsequent = -1;
  for (;;) {
    if (env.logLevel & BPF_LOG_LEVEL2)
      env.say(precision.range(wanted.frame, last, first, subsequent));
    if (last < 0) {
      markEntryArguments(env, state);
      return;
    }
    subsequent = overState(env, state, last, subsequent);
    if (subsequent === EXHAUSTED) return;
    const parent = state.parent;
    if (!parent) break;
    state = parent;
    markWanted(env, state);
    if (wanted.empty) return;
    subsequent = first;
    last = state.lastInsnIdx;
    first = state.firstInsnIdx;
  }
  if (!wanted.empty) giveUp(env);
}

/**
 * Goes back from instruction `last` to the first of `state`. Returns the index of that, or
 * EXHAUSTED when nothing more is wanted.
 */
function overState(
  env: VerifierEnv,
  state: VerifierState,
  last: number,
  subsequentOfLast: number,
): number {
  const history = env.history;
  const start = state.historyStart;
  let end = state.historyEnd;
  let subsequent = subsequentOfLast;
  let insn = last;
  for (;;) {
    const recorded = end > start && history.insn[end - 1] === insn;
    // The instruction that asks is not gone over itself.
    if (subsequent >= 0 && !backtrackInsn(env, insn, subsequent, recorded ? end - 1 : -1)) {
      giveUp(env);
      return EXHAUSTED;
    }
    if (env.backtrack.empty) return EXHAUSTED;
    subsequent = insn;
    if (insn === state.firstInsnIdx && isExhausted(end - start, recorded)) return subsequent;
    if (recorded) insn = history.prev[--end]!;
    else insn--;
    if (insn >= env.length || insn < 0) env.reject('EFAULT', precision.bug_index(insn));
  }
}

/** The history has no way to come to the state's first instruction again (get_prev_insn_idx). */
function isExhausted(entries: number, recorded: boolean): boolean {
  return entries === 0 || (entries === 1 && recorded);
}

/** Marks what is wanted in a checkpoint; what was marked or is no scalar is wanted no more. */
function markWanted(env: VerifierEnv, state: VerifierState): void {
  const wanted = env.backtrack;
  for (let i = wanted.frame; i >= 0; i--) {
    const frame = state.frameAt(i);
    markRegs(env, frame, i);
    wanted.slotsLow[i] = markSlots(env, frame, wanted.slotsLow[i]!, 0);
    wanted.slotsHigh[i] = markSlots(env, frame, wanted.slotsHigh[i]!, 32);
    if (!(env.logLevel & BPF_LOG_LEVEL2)) continue;
    const { regs, slotsLow, slotsHigh } = wanted;
    env.observer?.otherState?.(precision.parent(i, regs[i]!, slotsLow[i]!, slotsHigh[i]!), frame);
  }
  env.observer?.marked?.(state);
}

function markRegs(env: VerifierEnv, frame: FuncState, frameno: number): void {
  const regs = env.backtrack.regs;
  for (let mask = regs[frameno]!; mask; mask &= mask - 1) {
    const n = 31 - Math.clz32(mask & -mask);
    if (!markRegPrecise(frame, n)) regs[frameno]! &= ~(1 << n);
  }
}

/** What is left of a mask of slots, the first of which is number `base`. */
function markSlots(env: VerifierEnv, frame: FuncState, slots: number, base: number): number {
  let left = slots;
  for (let mask = slots; mask; mask &= mask - 1) {
    const bit = 31 - Math.clz32(mask & -mask);
    const spi = base + bit;
    if (spi >= frame.slots) env.reject('EFAULT', precision.bug_slot(spi, frame.slots));
    const r = slotAt(spi);
    const isSpill = slotType(frame.words, r, REG_SIZE - 1) === STACK_SPILL;
    if (!isSpill || !markSlotPrecise(frame, spi)) left &= ~(1 << bit);
  }
  return left;
}

/** Backtracking does not know: every scalar of every checkpoint is precise. */
function giveUp(env: VerifierEnv): void {
  if (env.logLevel & BPF_LOG_LEVEL2) env.say(precision.all_precise(env.state.curframe));
  // Above a state where all was forced before, all was forced too.
  for (let state = env.state.parent; state && !state.allPrecise; state = state.parent) {
    for (let i = 0; i <= state.curframe; i++) forceAll(env, state.frames[i]!, i);
    state.allPrecise = true;
  }
  env.backtrack.reset();
}

function forceAll(env: VerifierEnv, frame: FuncState, frameno: number): void {
  const w = frame.words;
  const tell = (env.logLevel & BPF_LOG_LEVEL2) !== 0;
  for (let n = 0; n < FRAME_POINTER; n++) {
    if (markRegPrecise(frame, n) && tell) env.say(precision.forced_reg(frameno, n));
  }
  for (let spi = 0; spi < frame.slots; spi++) {
    const r = slotAt(spi);
    if (slotType(w, r, REG_SIZE - 1) !== STACK_SPILL || !markSlotPrecise(frame, spi)) continue;
    if (tell) env.say(precision.forced_slot(frameno, -(spi + 1) * REG_SIZE));
  }
}
