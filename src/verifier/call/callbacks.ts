/** Calls of functions that the program handed to a helper or kfunc, as its contract says. */
import {
  type ArgContract,
  type ArgKind,
  type CallbackContract,
  mapRules,
} from '../../abi/index.ts';
import type { VerifierEnv } from '../env.ts';
import { KERNEL_BTF } from '../env.ts';
import { gates } from '../gates.ts';
import { subprog as words } from '../messages/subprog.ts';
import { pushAsyncCallback, pushBranch } from '../state/branches.ts';
import {
  BPF_DYNPTR_TYPE_LOCAL,
  BTF,
  BTF_ID,
  CONST_PTR_TO_MAP,
  MAP,
  MAP_UID,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  regAt,
  SCALAR_VALUE,
  TYPE,
} from '../state/layout.ts';
import type { FuncState } from '../state/state.ts';
import { markKnownZero, markNotInit } from '../value/bounds.ts';
import { matchArguments } from './argument-match.ts';
import { clearCallerSavedRegs } from './effects.ts';
import { enterFunction, passRegister } from './frame-entry.ts';
import { markDynptrCallbackReg } from './special/dynptr.ts';
import { passTreeNode } from './special/graph.ts';
import { believeGlobal, startFunction } from './subprogram.ts';

/**
 * Simulates a call of a callback: a path through it is put aside, and the walk goes on behind the
 * helper or kfunc at `insn`. Asynchronous callbacks start on a stack of their own. Mirrors
 * push_callback_call.
 */
export function pushCallbackCall(
  env: VerifierEnv,
  insn: number,
  subprogno: number,
  contract: CallbackContract,
): void {
  const caller = env.state.frame;
  const mismatch = matchArguments(env, subprogno, caller.words);
  if (!gates.callbackLoops && env.subprogs[subprogno]!.global) {
    if (mismatch) env.reject(mismatch.errno, words.invalid_unnamed_args(subprogno));
    believeGlobal(env, subprogno);
    return;
  }
  const sub = env.subprogs[subprogno]!;
  sub.isCallback = true;
  if (contract.when === 'asynchronous') {
    sub.isAsyncCallback = true;
    const sleepable = contract.maySleep === true;
    const path = pushAsyncCallback(env, sub.start, insn, subprogno, sleepable);
    const callee = path.frameAt(0);
    callee.asyncEntryCount = caller.asyncEntryCount + 1;
    startCallback(env, caller, callee, contract);
    return;
  }
  if (!gates.callbackLoops) {
    walkOnce(env, insn, subprogno, contract);
    return;
  }
  const path = pushBranch(env, sub.start, insn, false);
  enterFunction(env, path, subprogno, insn, (_, from, callee) =>
    startCallback(env, from, callee, contract),
  );
  path.callbackUnrollDepth++;
  path.frameAt(path.curframe - 1).callbackDepth++;
  caller.callbackDepth = 0;
}

/** The walk goes on in the callback, and behind the helper when that returns. */
function walkOnce(
  env: VerifierEnv,
  insn: number,
  subprogno: number,
  contract: CallbackContract,
): void {
  const caller = env.state.frame;
  enterFunction(env, env.state, subprogno, insn, (_, from, callee) =>
    startCallback(env, from, callee, contract),
  );
  clearCallerSavedRegs(env, caller.words);
  startFunction(env, caller, subprogno);
}

/** Hands the callback its arguments, and notes what it may return (set_callee_state_fn). */
function startCallback(
  env: VerifierEnv,
  caller: FuncState,
  callee: FuncState,
  { args, returns, when }: CallbackContract,
): void {
  for (let i = 0; i < args.length; i++) passArgument(env, caller, callee, i + 1, args[i]!);
  for (let regno = args.length + 1; regno <= 5; regno++) {
    markNotInit(env, callee.words, regAt(regno));
  }
  if (when === 'asynchronous') callee.inAsyncCallback = true;
  else callee.inCallback = true;
  if (typeof returns.range !== 'object') return;
  callee.callbackReturnMin = returns.range.min;
  callee.callbackReturnMax = returns.range.max;
}

function passArgument(
  env: VerifierEnv,
  caller: FuncState,
  callee: FuncState,
  to: number,
  arg: ArgContract,
): void {
  if (arg.kind === 'map' && arg.from !== undefined) checkVisits(env, caller, arg.from + 1);
  if (arg.from !== undefined) passRegister(caller, callee, arg.from + 1, to);
  else if (arg.of !== undefined) passPart(env, caller, callee, to, arg);
  else passNew(env, callee.words, to, arg);
}

/** Only some types of maps can be gone through. */
function checkVisits(env: VerifierEnv, caller: FuncState, regno: number): void {
  const map = env.maps[caller.words[regAt(regno) + MAP]! - 1]!;
  if (!mapRules(map.type)?.forEach) env.reject('ENOTSUPP', words.no_callback_for_map());
}

/** Register types of the parts of a map. */
const MAP_PARTS: Readonly<Partial<Record<ArgKind, number>>> = {
  map: CONST_PTR_TO_MAP,
  map_key: PTR_TO_MAP_KEY,
  map_value: PTR_TO_MAP_VALUE,
};

/** Part of what an argument of the caller points to or into. */
function passPart(
  env: VerifierEnv,
  caller: FuncState,
  callee: FuncState,
  to: number,
  arg: ArgContract,
): void {
  const of = arg.of! + 1;
  const type = MAP_PARTS[arg.kind];
  if (type === undefined) {
    passTreeNode(env, caller, callee, to, of);
    return;
  }
  const from = regAt(of);
  const r = regAt(to);
  const w = callee.words;
  w[r + TYPE] = type;
  markKnownZero(w, r);
  w[r + MAP] = caller.words[from + MAP]!;
  w[r + MAP_UID] = caller.words[from + MAP_UID]!;
}

/** What the call itself makes: a number, a dynptr, an object of the kernel. */
function passNew(env: VerifierEnv, w: Int32Array, to: number, arg: ArgContract): void {
  const r = regAt(to);
  if (arg.kind === 'scalar') {
    w[r + TYPE] = SCALAR_VALUE;
  } else if (arg.kind === 'dynptr') {
    markDynptrCallbackReg(env, w, r, BPF_DYNPTR_TYPE_LOCAL);
  } else {
    w[r + TYPE] = PTR_TO_BTF_ID;
    markKnownZero(w, r);
    w[r + BTF] = KERNEL_BTF;
    w[r + BTF_ID] = env.profile.btf().find('struct', arg.btf!)!;
  }
}
