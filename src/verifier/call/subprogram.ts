import { findSubprog } from '../cfg/subprograms.ts';
import type { VerifierEnv } from '../env.ts';
import { gates } from '../gates.ts';
import { BPF_LOG_LEVEL } from '../log/levels.ts';
import { subprog as words } from '../messages/subprog.ts';
import { DEF_NOT_SUBREG, SUBREG_DEF } from '../state/layout.ts';
import type { Rejection } from '../reject.ts';
import type { FuncState } from '../state/state.ts';
import { markUnknown } from '../value/bounds.ts';
import { matchArguments } from './argument-match.ts';
import { clearAllPacketPointers, clearCallerSavedRegs } from './effects.ts';
import { noteOperationCall } from './operations.ts';
import { enterFunction, passArguments } from './frame-entry.ts';

/**
 * A call of one of the program's functions: global ones are believed to do what their prototype
 * says, into static ones the walk goes on (`env.insnIdx`). Mirrors check_func_call.
 */
export function checkFuncCall(env: VerifierEnv, insn: number): void {
  const subprog = findSubprog(env, insn + env.code.imm[insn]! + 1);
  if (subprog < 0) env.reject('EFAULT');
  const mismatch = matchArguments(env, subprog, env.regs);
  if (env.subprogs[subprog]!.global) callGlobal(env, subprog, mismatch);
  else callStatic(env, insn, subprog);
}

function callGlobal(env: VerifierEnv, subprog: number, mismatch: Rejection | undefined): void {
  const sub = env.subprogs[subprog]!;
  if (env.state.activeLock !== 0) env.reject('EINVAL', words.global_with_lock());
  if (env.state.activePreemptLock !== 0) env.reject('EINVAL', words.global_with_preempt());
  if (mismatch) {
    const reason = gates.lazyGlobals
      ? words.invalid_args(subprog, sub.name)
      : words.invalid_unnamed_args(subprog);
    env.reject(mismatch.errno, reason);
  }
  believeGlobal(env, subprog);
}

/** What the walk does in place of a global function. */
export function believeGlobal(env: VerifierEnv, subprog: number): void {
  const sub = env.subprogs[subprog]!;
  if (env.talking) {
    const reason = gates.lazyGlobals
      ? words.assumed_valid(subprog, sub.name)
      : words.skipped(subprog);
    env.say(reason);
  }
  if (sub.changesPacket) clearAllPacketPointers(env);
  sub.called = true;
  if (env.strictOps) noteOperationCall(env, sub);
  clearCallerSavedRegs(env, env.regs);
  markUnknown(env, env.regs, 0);
  env.regs[SUBREG_DEF] = DEF_NOT_SUBREG;
}

function callStatic(env: VerifierEnv, insn: number, subprog: number): void {
  const caller = env.state.frame;
  enterFunction(env, env.state, subprog, insn, passArguments);
  clearCallerSavedRegs(env, caller.words);
  startFunction(env, caller, subprog);
}

/** The walk goes on in the frame that was just entered. */
export function startFunction(env: VerifierEnv, caller: FuncState, subprog: number): void {
  env.insnIdx = env.subprogs[subprog]!.start - 1;
  if (!(env.logLevel & BPF_LOG_LEVEL)) return;
  env.say(words.caller());
  env.showState(caller.frameno, true);
  env.say(words.callee());
  env.showState(env.state.curframe, true);
}
