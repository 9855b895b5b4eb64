import type { VerifierEnv } from '../env.ts';

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
