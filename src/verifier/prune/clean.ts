import type { VerifierEnv } from '../env.ts';
import { loopEntryOf } from '../state/branches.ts';
import type { VerifierState } from '../state/state.ts';
import { sameCallsites } from './equal.ts';

/**
 * States of `insn` from which every path was walked get no more read marks (clean_live_states).
 * Linux clears what was never read in them; nothing here looks at that, so a mark is enough.
 */
export function cleanLiveStates(
  env: VerifierEnv,
  bucket: number,
  insn: number,
  current: VerifierState,
): void {
  for (let at = env.checkpoints.first(bucket); at; at = at.next) {
    const state = at.state;
    if (state.branches || state.insnIdx !== insn || state.done) continue;
    if (loopEntryOf(state)?.branches) continue;
    if (sameCallsites(state, current)) state.done = true;
  }
}
