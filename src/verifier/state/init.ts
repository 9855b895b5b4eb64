import type { VerifierEnv } from '../env.ts';
import { markKnownZero, markNotInit } from '../value/bounds.ts';
import {
  DEF_NOT_SUBREG,
  FRAME_POINTER,
  FRAMENO,
  LIVE,
  MAX_REGS,
  PARENT,
  PTR_TO_STACK,
  REG_LIVE_NONE,
  SUBREG_DEF,
  TYPE,
  regAt,
} from './layout.ts';
import type { FuncState } from './state.ts';

const FRAME_RECORD = regAt(FRAME_POINTER);

/** A frame as it is when its function begins, without arguments (init_func_state). */
export function initFunc(
  env: VerifierEnv,
  frame: FuncState,
  callsite: number,
  frameno: number,
  subprogno: number,
): void {
  frame.callsite = callsite;
  frame.frameno = frameno;
  frame.subprogno = subprogno;
  frame.callbackReturnMin = frame.callbackReturnMax = 0;
  initRegs(env, frame);
  env.scratchAll(true);
}

function initRegs(env: VerifierEnv, frame: FuncState): void {
  const w = frame.words;
  for (let n = 0; n < MAX_REGS; n++) {
    const r = regAt(n);
    markNotInit(env, w, r);
    w[r + LIVE] = REG_LIVE_NONE;
    w[r + PARENT] = 0;
    w[r + SUBREG_DEF] = DEF_NOT_SUBREG;
  }
  w[FRAME_RECORD + TYPE] = PTR_TO_STACK;
  markKnownZero(w, FRAME_RECORD);
  w[FRAME_RECORD + FRAMENO] = frame.frameno;
}

/**
 * Makes sure that `frame` tracks `size` bytes of stack, which counts as its function's depth
 * (grow_stack_state).
 */
export function growStack(env: VerifierEnv, frame: FuncState, size: number): void {
  if (size <= frame.allocatedStack) return;
  frame.growStack(size);
  const subprog = env.subprogs[frame.subprogno]!;
  if (subprog.stackDepth < frame.allocatedStack) subprog.stackDepth = frame.allocatedStack;
}
