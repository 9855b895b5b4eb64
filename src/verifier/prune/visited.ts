import { isMayGoto } from '../cfg/cfg.ts';
import {
  AUX_CALLS_CALLBACK,
  AUX_FORCE_CHECKPOINT,
  AUX_ITER_NEXT,
  AUX_JMP_POINT,
  COMPLEXITY_LIMIT_STATES,
  type VerifierEnv,
} from '../env.ts';
import { gates } from '../gates.ts';
import { prune } from '../messages/prune.ts';
import { pushInsnHistory } from '../precision/history.ts';
import { loopEntryOf, updateLoopEntry } from '../state/branches.ts';
import {
  BPF_ITER_STATE_ACTIVE,
  FRAMENO,
  FRAME_POINTER,
  ITER_STATE_DEPTH,
  MAX_REGS,
  OFF,
  PREFIX_BEFORE_PARENT,
  REG_SIZE,
  STACK_ITER,
  TYPE,
  UMAX,
  VALUE,
  regAt,
  slotAt,
  slotType,
} from '../state/layout.ts';
import type { VerifierState } from '../state/state.ts';
import type { Checkpoint } from './checkpoints.ts';
import { cleanLiveStates } from './clean.ts';
import { differsAt, statesEqual } from './equal.ts';
import { EXACT, NOT_EXACT, RANGE_WITHIN } from './equal-regs.ts';
import { sameWords } from './equal-words.ts';
import { keepState } from './keep.ts';
import { propagateLiveness, propagatePrecision } from './propagate.ts';

/** Entries of history that make a state be kept, so that backtracking stays short. */
const LONG_HISTORY = 40;

const HIT = 0;
const MISS = 1;
/** A state of the running path that does not prove a loop: no reason to keep many of them. */
const MISS_ON_PATH = 2;
type Outcome = typeof HIT | typeof MISS | typeof MISS_ON_PATH;

/**
 * Was the rest of the program from `insn` on walked with a state that covers the running one? If
 * so its marks are taken over and the path may end (true). Otherwise the running state may be kept
 * as a checkpoint (is_state_visited).
 */
export function isStateVisited(env: VerifierEnv, insn: number): boolean {
  const current = env.state;
  const forced = isForced(env, current, insn);
  let add = forced || env.testStateFreq || isFarEnough(env, 2, 8, true);
  const bucket = env.checkpoints.bucket(insn, current.frame.callsite);
  cleanLiveStates(env, bucket, insn, current);
  current.signature = 0;
  let count = 0;
  let before: Checkpoint | undefined;
  let at = env.checkpoints.first(bucket);
  while (at) {
    count++;
    const checkpoint = at;
    at = checkpoint.next;
    if (checkpoint.state.insnIdx === insn) {
      const outcome = compare(env, checkpoint, current, insn);
      if (outcome === HIT) {
        takeOver(env, checkpoint, current);
        return true;
      }
      env.observer?.missed?.(checkpoint.state);
      if (outcome === MISS_ON_PATH && !forced && !isFarEnough(env, 20, 100, false)) add = false;
      if (add) checkpoint.misses++;
      if (isUseless(env, checkpoint, insn)) {
        env.checkpoints.unlink(bucket, before, checkpoint);
        forget(env, checkpoint.state);
        continue;
      }
    }
    before = checkpoint;
  }
  if (env.maxStatesPerInsn < count) env.maxStatesPerInsn = count;
  if (!env.bpfCapable && count > COMPLEXITY_LIMIT_STATES) return false;
  if (add) {
    keepState(env, bucket, insn, current);
    env.observer?.kept?.(insn);
  }
  return false;
}

/** The state is kept whatever the heuristics say. */
function isForced(env: VerifierEnv, current: VerifierState, insn: number): boolean {
  if (!gates.loopStates) return false;
  return (
    env.testStateFreq ||
    (env.aux.flags[insn]! & AUX_FORCE_CHECKPOINT) !== 0 ||
    (gates.shortHistory && current.historyEnd - current.historyStart > LONG_HISTORY)
  );
}

/** Jumps and instructions since the last checkpoint: both (or either) are at least that many. */
function isFarEnough(env: VerifierEnv, jumps: number, insns: number, both: boolean): boolean {
  const enoughJumps = env.jmpsProcessed - env.prevJmpsProcessed >= jumps;
  const enoughInsns = env.insnProcessed - env.prevInsnProcessed >= insns;
  return both ? enoughJumps && enoughInsns : enoughJumps || enoughInsns;
}

/** Compares with a finished state, or with one the running path came through. */
function compare(
  env: VerifierEnv,
  checkpoint: Checkpoint,
  current: VerifierState,
  insn: number,
): Outcome {
  const old = checkpoint.state;
  if (old.branches) return compareOnPath(env, old, current, insn);
  // Marks of a state in a loop are final only when the whole loop was walked.
  const entry = loopEntryOf(old);
  const inOpenLoop = entry !== undefined && entry.branches > 0;
  if (inOpenLoop) {
    if (!statesEqual(env, old, current, RANGE_WITHIN)) return MISS;
    updateLoopEntry(current, entry);
    return HIT;
  }
  const { difference } = checkpoint;
  if (difference >= 0 && differsAt(env, old, current, difference)) return MISS;
  if (statesEqual(env, old, current, NOT_EXACT)) return HIT;
  checkpoint.difference = env.difference;
  return MISS;
}

function compareOnPath(
  env: VerifierEnv,
  old: VerifierState,
  current: VerifierState,
  insn: number,
): Outcome {
  const frame = old.frame;
  // Another entry of an asynchronous callback is no loop.
  if (frame.inAsyncCallback && frame.asyncEntryCount !== current.frame.asyncEntryCount) {
    return MISS_ON_PATH;
  }
  const flags = env.aux.flags[insn]!;
  if (flags & AUX_ITER_NEXT) {
    if (!statesEqual(env, old, current, RANGE_WITHIN)) return MISS_ON_PATH;
    if (!isIteratorActive(current)) return MISS_ON_PATH;
    updateLoopEntry(current, old);
    return HIT;
  }
  if (
    old.mayGotoDepth !== current.mayGotoDepth &&
    isMayGoto(env, insn) &&
    statesEqual(env, old, current, RANGE_WITHIN)
  ) {
    updateLoopEntry(current, old);
    return HIT;
  }
  if (flags & AUX_CALLS_CALLBACK) {
    return statesEqual(env, old, current, RANGE_WITHIN) ? HIT : MISS_ON_PATH;
  }
  if (isLooping(env, old, current)) rejectLoop(env, old, current, insn);
  return MISS_ON_PATH;
}

/** The iterator that r1 points to can still give values. */
function isIteratorActive(state: VerifierState): boolean {
  const w = state.frame.words;
  const r = regAt(1);
  const spi = Math.trunc((-(w[r + OFF]! + w[r + VALUE]!) - 1) / REG_SIZE);
  const slots = state.frameAt(w[r + FRAMENO]!).words;
  return (slots[slotAt(spi) + ITER_STATE_DEPTH]! & 3) === BPF_ITER_STATE_ACTIVE;
}

function isLooping(env: VerifierEnv, old: VerifierState, current: VerifierState): boolean {
  return (
    mayBeLooping(old, current) &&
    statesEqual(env, old, current, gates.loopStates ? EXACT : NOT_EXACT) &&
    !iteratorDepthsDiffer(old, current) &&
    old.mayGotoDepth === current.mayGotoDepth &&
    old.callbackUnrollDepth === current.callbackUnrollDepth
  );
}

/** Registers of the running frame are the same to the bit (states_maybe_looping). */
function mayBeLooping(old: VerifierState, current: VerifierState): boolean {
  if (old.curframe !== current.curframe) return false;
  current.signature ||= signatureOf(current);
  old.signature ||= signatureOf(old);
  if (old.signature !== current.signature) return false;
  const ow = old.frame.words;
  const cw = current.frame.words;
  for (let n = 0; n < MAX_REGS; n++) {
    const r = regAt(n);
    if (!sameWords(ow, r, cw, r, PREFIX_BEFORE_PARENT)) return false;
  }
  return true;
}

/**
 * A number that is the same if the registers of the running frame are, never 0: comparing it spares
 * looking at registers of old states, which are no longer in the processor's caches.
 */
function signatureOf(state: VerifierState): number {
  const w = state.frame.words;
  let sum = 0;
  for (let n = 0; n < FRAME_POINTER; n++) {
    const r = regAt(n);
    sum = (Math.imul(sum, 31) + w[r + TYPE]! + w[r + OFF]! + w[r + VALUE]! + w[r + UMAX]!) | 0;
  }
  return sum || 1;
}

/** It is another round of an iterator's loop (iter_active_depths_differ). */
function iteratorDepthsDiffer(old: VerifierState, current: VerifierState): boolean {
  for (let i = old.curframe; i >= 0; i--) {
    const frame = old.frames[i]!;
    for (let spi = 0; spi < frame.allocatedStack / REG_SIZE; spi++) {
      const r = slotAt(spi);
      if (slotType(frame.words, r, 0) !== STACK_ITER) continue;
      const state = frame.words[r + ITER_STATE_DEPTH]!;
      if ((state & 3) !== BPF_ITER_STATE_ACTIVE) continue;
      if (state >>> 2 !== current.frames[i]!.words[r + ITER_STATE_DEPTH]! >>> 2) return true;
    }
  }
  return false;
}

function rejectLoop(
  env: VerifierEnv,
  old: VerifierState,
  current: VerifierState,
  insn: number,
): never {
  const reason = prune.infinite_loop(insn);
  env.observer?.line?.(insn, '; ');
  if (!gates.loopStates) env.reject('EINVAL', reason);
  env.say(reason);
  env.observer?.otherState?.(prune.current_state(), current.frame);
  env.observer?.otherState?.(prune.old_state(), old.frameAt(current.curframe));
  env.rejectSilently('EINVAL', reason);
}

function takeOver(env: VerifierEnv, checkpoint: Checkpoint, current: VerifierState): void {
  checkpoint.hits++;
  env.observer?.covered?.(checkpoint.state);
  propagateLiveness(env, checkpoint.state, current);
  if (env.aux.flags[env.insnIdx]! & AUX_JMP_POINT) pushInsnHistory(env, 0);
  propagatePrecision(env, checkpoint.state);
}

/** It missed so often that comparing with it costs more than it saves. */
function isUseless(env: VerifierEnv, checkpoint: Checkpoint, insn: number): boolean {
  const isForced = (env.aux.flags[insn]! & AUX_FORCE_CHECKPOINT) !== 0;
  const patience = isForced && checkpoint.state.branches > 0 ? 64 : 3;
  return checkpoint.misses > checkpoint.hits * patience + patience;
}

/** The state is in no list any more; what still refers to it keeps it. */
function forget(env: VerifierEnv, state: VerifierState): void {
  if (!state.done || state.usedAsLoopEntry) return;
  env.checkpoints.free(state);
  env.peakStates--;
}
