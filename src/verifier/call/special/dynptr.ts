import { BugError } from '../../../base/index.ts';
import type { VerifierEnv } from '../../env.ts';
import type { FuncState } from '../../state/state.ts';

/** Slots a dynptr takes on the stack. */
export const BPF_DYNPTR_NR_SLOTS = 2;

/**
 * A write to stack slot `spi` of `frame` destroys the dynptr there, if any, with its slices
 * (destroy_if_dynptr_stack_slot). Rejects if that would lose a reference.
 */
export function destroyIfDynptrStackSlot(_env: VerifierEnv, _frame: FuncState, _spi: number): void {
  throw new BugError('not written yet');
}

/**
 * Stack slot of the dynptr that the stack pointer `(w, r)` points to; -1: refused (said why),
 * -2: not on the stack so far (dynptr_get_spi).
 */
export function dynptrGetSpi(_env: VerifierEnv, _w: Int32Array, _r: number): number {
  throw new BugError('not written yet');
}
