import type { VerifierEnv } from '../env.ts';
import { loopEntryOf } from '../state/branches.ts';
import type { VerifierState } from '../state/state.ts';
import { sameCallsites } from './equal.ts';

/**
 * States of `insn` from which every path was walked get no more read marks. Linux clears what was
 * never read in them; as nothing looks at that any more, marking the state is enough (clean_live_states).
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
