import type { VerifierEnv } from '../env.ts';
import type { FastcallFacts } from './fastcall.ts';

/** Registers the kernel function that the call at `insn` names (add_kfunc_call). */
export function addKfuncCall(_env: VerifierEnv, _insn: number): void {}

/** The call may sleep or call back later: `bpf_wq_set_callback` and its kind. */
export function isAsyncCallbackKfunc(_env: VerifierEnv, _insn: number): boolean {
  return false;
}

/** The kernel function calls back before it returns: `bpf_rbtree_add`. */
export function isSyncCallbackKfunc(_env: VerifierEnv, _insn: number): boolean {
  return false;
}

/** The kernel function moves an iterator on. */
export function isIterNextKfunc(_env: VerifierEnv, _insn: number): boolean {
  return false;
}

/** The bpf_fastcall contract of the kernel function called at `insn`, if it can be found. */
export function kfuncFastcall(_env: VerifierEnv, _insn: number): FastcallFacts | undefined {
  return undefined;
}

/** bpf_throw: the path ends there (is_bpf_throw_kfunc). */
export function isThrowKfunc(_env: VerifierEnv, _insn: number): boolean {
  return false;
}

/** Kernel functions over lists and trees, which may be called under a lock (is_bpf_graph_api_kfunc). */
export function isGraphKfunc(_env: VerifierEnv, _insn: number): boolean {
  return false;
}
