import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';
import type { VerifierState } from '../state/state.ts';

/** The latest state of the path that stopped at `insn` with the same callers (find_prev_entry). */
export function previousEntry(
  env: VerifierEnv,
  state: VerifierState,
  insn: number,
): VerifierState | undefined {
  throw new BugError(`not written: ${env.length} ${state.curframe} ${insn}`);
}

/** Forgets scalars of `current` that changed since `old` and need not be precise (widen_imprecise_scalars). */
export function widenImpreciseScalars(
  env: VerifierEnv,
  old: VerifierState,
  current: VerifierState,
): void {
  throw new BugError(`not written: ${env.length} ${old.curframe} ${current.curframe}`);
}
