import type { VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import { BPF_LOG_LEVEL } from '../log/levels.ts';
import type { Message } from '../messages/message.ts';
import { returns } from '../messages/return.ts';
import { subprog } from '../messages/subprog.ts';
import { markChainPrecision } from '../precision/backtrack.ts';
import { markRegRead } from '../prune/liveness.ts';
import { previousEntry, widenImpreciseScalars } from '../prune/widen.ts';
import { PTR_TO_STACK, REG_LIVE_READ64, REG_WORDS, SCALAR_VALUE, TYPE } from '../state/layout.ts';
import { type FuncState, REF_CALLBACK, REF_ID, REF_INSN, REF_WORDS } from '../state/state.ts';
import {
  bitsText,
  foundRangeText,
  isWithinBits,
  knownBitsText,
  rangeContains,
} from './return-range.ts';

/**
 * The running frame returns to its caller: `env.insnIdx` becomes the caller's next instruction, or
 * for callbacks the call again, which decides whether there is another round. Mirrors
 * prepare_func_exit.
 */
export function prepareFuncExit(env: VerifierEnv): void {
  const { state } = env;
  const callee = state.frame;
  if (callee.words[TYPE] === PTR_TO_STACK) env.reject('EINVAL', subprog.returns_stack());
  const caller = state.frameAt(state.curframe - 1);
  if (callee.inCallback) {
    checkCallbackReturn(env, callee);
    env.insnIdx = gates.callbackLoops ? callee.callsite : callee.callsite + 1;
  } else {
    caller.words.set(callee.words.subarray(0, REG_WORDS), 0);
    caller.copyRefsFrom(callee);
    env.insnIdx = callee.callsite + 1;
  }
  showReturn(env, callee, caller);
  state.frames[state.curframe--] = undefined;
  if (!callee.inCallback || !gates.callbackLoops) return;
  const before = previousEntry(env, state, env.insnIdx);
  if (before) widenImpreciseScalars(env, before, state);
}

/** A callback's result is a number in a range, and what is known of it matters. */
function checkCallbackReturn(env: VerifierEnv, callee: FuncState): void {
  const w = callee.words;
  if (w[TYPE] !== SCALAR_VALUE) env.reject('EACCES', subprog.returns_no_scalar());
  markRegRead(env, w, 0, REG_LIVE_READ64);
  markChainPrecision(env, 0);
  const range = { min: callee.callbackReturnMin, max: callee.callbackReturnMax };
  if (!gates.returnRanges) {
    if (isWithinBits(range, w, 0)) return;
    const bits = knownBitsText(w, 0);
    env.reject(
      'EINVAL',
      returns.older_out_of_range('callback return', 'R0', bits, bitsText(range)),
    );
  }
  if (rangeContains(range, w, 0, false)) return;
  const found = foundRangeText(w, 0);
  const place = 'At callback return';
  env.reject('EINVAL', returns.out_of_range(place, 'R0', found, range.min, range.max));
}

function showReturn(env: VerifierEnv, callee: FuncState, caller: FuncState): void {
  if (!(env.logLevel & BPF_LOG_LEVEL)) return;
  env.say(subprog.returning());
  env.showState(callee.frameno, true);
  env.say(subprog.exit_to(env.insnIdx));
  env.showState(caller.frameno, true);
}

/**
 * Rejects if the running frame ends and still holds references that it took itself. Mirrors
 * check_reference_leak.
 */
export function checkReferenceLeak(env: VerifierEnv, exceptionExit: boolean): void {
  const { frame } = env;
  if (!exceptionExit && frame.frameno !== 0 && !frame.inCallback) return;
  let last: Message | undefined;
  for (let i = 0; i < frame.refCount; i++) {
    const at = i * REF_WORDS;
    const foreign = frame.refs[at + REF_CALLBACK] !== frame.frameno;
    if (!exceptionExit && frame.inCallback && foreign) continue;
    if (last && env.talking) env.say(last);
    last = subprog.reference_leak(frame.refs[at + REF_ID]!, frame.refs[at + REF_INSN]!);
  }
  if (last) env.reject('EINVAL', last);
}
