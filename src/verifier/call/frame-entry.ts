import type { VerifierEnv } from '../env.ts';
import { subprog as words } from '../messages/subprog.ts';
import { initFunc } from '../state/init.ts';
import { MAX_CALL_FRAMES, REG_WORDS, regAt } from '../state/layout.ts';
import { FuncState, type VerifierState } from '../state/state.ts';

/** Gives a callee its arguments. Mirrors set_callee_state_fn. */
export type SetCalleeState = (
  env: VerifierEnv,
  caller: FuncState,
  callee: FuncState,
  insn: number,
) => void;

/** A new frame for function `subprog` on top of `state`'s. Mirrors setup_func_entry. */
export function enterFunction(
  env: VerifierEnv,
  state: VerifierState,
  subprog: number,
  callsite: number,
  setCalleeState: SetCalleeState,
): void {
  const frameno = state.curframe + 1;
  if (frameno >= MAX_CALL_FRAMES) env.reject('E2BIG', words.call_stack(state.curframe + 2));
  const caller = state.frame;
  const callee = new FuncState();
  state.frames[frameno] = callee;
  initFunc(env, callee, callsite, frameno, subprog);
  callee.copyRefsFrom(caller);
  setCalleeState(env, caller, callee, callsite);
  state.curframe = frameno;
}

/** Copies register `from` of the caller, liveness links included, to `to` of the callee. */
export function passRegister(caller: FuncState, callee: FuncState, from: number, to: number): void {
  const start = regAt(from);
  callee.words.set(caller.words.subarray(start, start + REG_WORDS), regAt(to));
}

/** Arguments of a call of the program's own function: r1 to r5 (set_callee_state). */
export const passArguments: SetCalleeState = (_env, caller, callee) => {
  for (let regno = 1; regno <= 5; regno++) passRegister(caller, callee, regno, regno);
};
