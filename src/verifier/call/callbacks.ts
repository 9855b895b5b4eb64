import { callsBackLater } from '../cfg/callbacks.ts';
import { isKfuncCall } from '../cfg/calls.ts';
import type { VerifierEnv } from '../env.ts';
import { KERNEL_BTF } from '../env.ts';
import { FOR_EACH_MAPS } from '../load/program-kinds.ts';
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
import { enterFunction, passRegister, type SetCalleeState } from './frame-entry.ts';
import { markDynptrCallbackReg } from './special/dynptr.ts';

export type { SetCalleeState } from './frame-entry.ts';

/**
 * Simulates a call of a callback: a path through it is put aside, and the walk goes on behind the
 * helper or kfunc at `insn`. Asynchronous callbacks start on a stack of their own. Mirrors
 * push_callback_call.
 */
export function pushCallbackCall(
  env: VerifierEnv,
  insn: number,
  subprogno: number,
  setCalleeState: SetCalleeState,
): void {
  const caller = env.state.frame;
  matchArguments(env, subprogno, caller.words);
  const sub = env.subprogs[subprogno]!;
  sub.isCallback = true;
  if (callsBackLater(env, insn)) {
    sub.isAsyncCallback = true;
    // Of those that call later, the one kfunc (bpf_wq_set_callback) does so where it may sleep.
    const sleepable = isKfuncCall(env, insn);
    const path = pushAsyncCallback(env, sub.start, insn, subprogno, sleepable);
    const callee = path.frameAt(0);
    callee.asyncEntryCount = caller.asyncEntryCount + 1;
    setCalleeState(env, caller, callee, insn);
    return;
  }
  const path = pushBranch(env, sub.start, insn, false);
  enterFunction(env, path, subprogno, insn, setCalleeState);
  path.callbackUnrollDepth++;
  path.frameAt(path.curframe - 1).callbackDepth++;
  caller.callbackDepth = 0;
}

/** The callback returns 0 or 1, and the walk comes back to the call. */
function setSynchronous(callee: FuncState): void {
  callee.inCallback = true;
  callee.callbackReturnMin = 0;
  callee.callbackReturnMax = 1;
}

function clearArguments(env: VerifierEnv, callee: FuncState, from: number): void {
  for (let regno = from; regno <= 5; regno++) markNotInit(env, callee.words, regAt(regno));
}

/** Register `to` becomes a pointer of that type to (a part of) the map in the caller's r1. */
function passMap(caller: FuncState, callee: FuncState, to: number, type: number): void {
  const from = regAt(1);
  const r = regAt(to);
  const w = callee.words;
  w[r + TYPE] = type;
  markKnownZero(w, r);
  w[r + MAP] = caller.words[from + MAP]!;
  w[r + MAP_UID] = caller.words[from + MAP_UID]!;
}

/** bpf_for_each_map_elem: map, key, value, context. */
export const setMapElemCallbackState: SetCalleeState = (env, caller, callee) => {
  const map = env.maps[caller.words[regAt(1) + MAP]! - 1]!;
  if (!FOR_EACH_MAPS.has(map.type)) env.reject('ENOTSUPP', words.no_callback_for_map());
  passRegister(caller, callee, 1, 1);
  passMap(caller, callee, 2, PTR_TO_MAP_KEY);
  passMap(caller, callee, 3, PTR_TO_MAP_VALUE);
  passRegister(caller, callee, 3, 4);
  clearArguments(env, callee, 5);
  setSynchronous(callee);
};

/** bpf_loop: index, context. */
export const setLoopCallbackState: SetCalleeState = (env, caller, callee) => {
  callee.words[regAt(1) + TYPE] = SCALAR_VALUE;
  passRegister(caller, callee, 3, 2);
  clearArguments(env, callee, 3);
  setSynchronous(callee);
};

/** bpf_timer_set_callback and bpf_wq_set_callback: map, key, value. */
export const setTimerCallbackState: SetCalleeState = (env, caller, callee) => {
  passMap(caller, callee, 1, CONST_PTR_TO_MAP);
  passMap(caller, callee, 2, PTR_TO_MAP_KEY);
  passMap(caller, callee, 3, PTR_TO_MAP_VALUE);
  clearArguments(env, callee, 4);
  callee.inAsyncCallback = true;
  callee.callbackReturnMin = 0;
  callee.callbackReturnMax = 1;
};

/** bpf_find_vma: task, vma, context. */
export const setFindVmaCallbackState: SetCalleeState = (env, caller, callee) => {
  passRegister(caller, callee, 1, 1);
  const r = regAt(2);
  const w = callee.words;
  w[r + TYPE] = PTR_TO_BTF_ID;
  markKnownZero(w, r);
  w[r + BTF] = KERNEL_BTF;
  w[r + BTF_ID] = env.profile.btf().find('struct', 'vm_area_struct')!;
  passRegister(caller, callee, 4, 3);
  clearArguments(env, callee, 4);
  setSynchronous(callee);
};

/** bpf_user_ringbuf_drain: dynptr, context. */
export const setUserRingbufCallbackState: SetCalleeState = (env, caller, callee) => {
  markNotInit(env, callee.words, 0);
  markDynptrCallbackReg(env, callee.words, regAt(1), BPF_DYNPTR_TYPE_LOCAL);
  passRegister(caller, callee, 3, 2);
  clearArguments(env, callee, 3);
  setSynchronous(callee);
};
