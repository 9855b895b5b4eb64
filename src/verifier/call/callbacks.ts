import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';
import type { FuncState } from '../state/state.ts';

/** Gives a callee its arguments. Mirrors set_callee_state_fn. */
export type SetCalleeState = (
  env: VerifierEnv,
  caller: FuncState,
  callee: FuncState,
  insn: number,
) => void;

function missing(env: VerifierEnv, name: string): never {
  throw new BugError(`${name} is not written: ${env.length}`);
}

/** Mirrors push_callback_call: simulates a call of a helper's or kfunc's callback. */
export function pushCallbackCall(
  env: VerifierEnv,
  insn: number,
  subprogno: number,
  setCalleeState: SetCalleeState,
): void {
  missing(env, `pushCallbackCall ${insn} ${subprogno} ${setCalleeState.name}`);
}

/** bpf_for_each_map_elem: map, key, value, context. */
export const setMapElemCallbackState: SetCalleeState = (env) => missing(env, 'map_elem');
/** bpf_loop: index, context. */
export const setLoopCallbackState: SetCalleeState = (env) => missing(env, 'loop');
/** bpf_timer_set_callback and bpf_wq_set_callback: map, key, value. */
export const setTimerCallbackState: SetCalleeState = (env) => missing(env, 'timer');
/** bpf_find_vma: task, vma, context. */
export const setFindVmaCallbackState: SetCalleeState = (env) => missing(env, 'find_vma');
/** bpf_user_ringbuf_drain: dynptr, context. */
export const setUserRingbufCallbackState: SetCalleeState = (env) => missing(env, 'user_ringbuf');
/** bpf_rbtree_add: two nodes. */
export const setRbtreeAddCallbackState: SetCalleeState = (env) => missing(env, 'rbtree_add');
