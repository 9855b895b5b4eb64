import type { VerifierEnv } from '../env.ts';
import { loopEntryOf } from '../state/branches.ts';
import {
  LIVE,
  REG_LIVE_DONE,
  REG_LIVE_READ,
  REG_SIZE,
  STACK_INVALID,
  fillSlotTypes,
  regAt,
  slotAt,
} from '../state/layout.ts';
import type { FuncState, VerifierState } from '../state/state.ts';
import { markNotInit } from '../value/bounds.ts';
import { sameCallsites } from './equal.ts';

const FRAME_POINTER = 10;

/**
 * States of `insn` from which every path was walked get no more read marks: what was never read is
 * cleared in them (clean_live_states).
 */
export function cleanLiveStates(
  env: VerifierEnv,
  bucket: number,
  insn: number,
  current: VerifierState,
): void {
  for (let at = env.checkpoints.first(bucket); at; at = at.next) {
    const state = at.state;
    if (state.branches || state.insnIdx !== insn) continue;
    if (state.frames[0]!.words[LIVE]! & REG_LIVE_DONE) continue;
    if (loopEntryOf(state)?.branches) continue;
    if (!sameCallsites(state, current)) continue;
    for (let i = 0; i <= state.curframe; i++) cleanFrame(env, state.frames[i]!);
  }
}

function cleanFrame(env: VerifierEnv, frame: FuncState): void {
  const w = frame.words;
  for (let n = 0; n < FRAME_POINTER; n++) finish(env, w, regAt(n));
  for (let spi = 0; spi < frame.allocatedStack / REG_SIZE; spi++) {
    const r = slotAt(spi);
    if (!finish(env, w, r)) fillSlotTypes(w, r, STACK_INVALID);
  }
}

/** Ends the marking of a record; false (and it is cleared) if nobody read it. */
function finish(env: VerifierEnv, w: Int32Array, r: number): boolean {
  const wasRead = (w[r + LIVE]! & REG_LIVE_READ) !== 0;
  w[r + LIVE]! |= REG_LIVE_DONE;
  if (!wasRead) markNotInit(env, w, r);
  return wasRead;
}
