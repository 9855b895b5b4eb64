import { COMPLEXITY_LIMIT_JUMPS, type PendingBranch, type VerifierEnv } from '../env.ts';
import { flow } from '../messages/flow.ts';
import { initFunc } from './init.ts';
import { FuncState, MAIN_CALLSITE, VerifierState } from './state.ts';

function push(
  env: VerifierEnv,
  state: VerifierState,
  insnIdx: number,
  prevInsnIdx: number,
): number {
  const mark = env.observer?.pushed?.() ?? 0;
  env.pending = { state, insnIdx, prevInsnIdx, next: env.pending, mark };
  return ++env.pendingCount;
}

/**
 * Puts a copy of the running path aside, to be continued at `insnIdx`. Returns that copy
 * (push_stack).
 */
export function pushBranch(
  env: VerifierEnv,
  insnIdx: number,
  prevInsnIdx: number,
  speculative: boolean,
): VerifierState {
  const state = env.pool.copyOf(env.state);
  state.speculative ||= speculative;
  const count = push(env, state, insnIdx, prevInsnIdx);
  if (count > COMPLEXITY_LIMIT_JUMPS) env.reject('E2BIG', flow.jumps_too_complex(count));
  if (state.parent) state.parent.branches++;
  return state;
}

/**
 * Puts the body of an asynchronous callback aside: it starts with a stack of its own, whatever the
 * caller's state is (push_async_cb).
 */
export function pushAsyncCallback(
  env: VerifierEnv,
  insnIdx: number,
  prevInsnIdx: number,
  subprog: number,
  isSleepable: boolean,
): VerifierState {
  const state = new VerifierState();
  const count = push(env, state, insnIdx, prevInsnIdx);
  if (count > COMPLEXITY_LIMIT_JUMPS) env.reject('E2BIG', flow.async_jumps_too_complex(count));
  state.branches = 1;
  state.inSleepable = isSleepable;
  state.historyStart = state.historyEnd = env.state.historyEnd;
  const frame = new FuncState();
  state.frames[0] = frame;
  initFunc(env, frame, MAIN_CALLSITE, 0, subprog);
  return state;
}

/**
 * Continues with the branch put aside last: `env.state`, `env.insnIdx` and `env.prevInsnIdx` become
 * its own. False if there is none (pop_stack).
 */
export function popBranch(env: VerifierEnv): boolean {
  const branch: PendingBranch | undefined = env.pending;
  if (!branch) return false;
  env.pool.give(env.state);
  env.state = branch.state;
  env.observer?.popped?.(branch.mark);
  env.insnIdx = branch.insnIdx;
  env.prevInsnIdx = branch.prevInsnIdx;
  env.pending = branch.next;
  env.pendingCount--;
  return true;
}

/** The path of `state` ended: its checkpoints have one open branch less (update_branch_counts). */
export function updateBranchCounts(state: VerifierState): void {
  let at: VerifierState | undefined = state;
  while (at) {
    const open = --at.branches;
    if (open === 0 && at.parent && at.loopEntry) updateLoopEntry(at.parent, at.loopEntry);
    if (open) break;
    at = at.parent;
  }
}

/** The topmost entry of the loop a state belongs to, if any (get_loop_entry). */
export function loopEntryOf(state: VerifierState): VerifierState | undefined {
  let topmost = state.loopEntry;
  while (topmost?.loopEntry && topmost !== topmost.loopEntry) topmost = topmost.loopEntry;
  // The states on the way learn the answer.
  let at: VerifierState | undefined = state;
  while (at && at.loopEntry !== topmost) {
    const next: VerifierState | undefined = at.loopEntry;
    at.loopEntry = topmost;
    at = next;
  }
  return topmost;
}

/** `state` and `header` may be in one loop: remembers the entry (update_loop_entry). */
export function updateLoopEntry(state: VerifierState, header: VerifierState): void {
  const own = loopEntryOf(state) ?? state;
  const other = loopEntryOf(header) ?? header;
  if (other.branches && other.dfsDepth <= own.dfsDepth) {
    state.loopEntry = header;
    header.usedAsLoopEntry = true;
  }
}
