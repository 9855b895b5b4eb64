import type { VerifierEnv } from '../env.ts';
import {
  FRAME_POINTER,
  LIVE,
  PARENT,
  parentOf,
  PRECISE,
  REG_LIVE_NONE,
  REG_SIZE,
  regAt,
  SCALAR_VALUE,
  slotAt,
  slotType,
  STACK_SPILL,
  TYPE,
} from '../state/layout.ts';
import type { FuncState, VerifierState } from '../state/state.ts';

const FIRST_CALLEE_SAVED = 6;

/** Keeps a copy of the running state at `insn` and goes on as its child. */
export function keepState(
  env: VerifierEnv,
  bucket: number,
  insn: number,
  current: VerifierState,
): void {
  env.totalStates++;
  env.peakStates++;
  env.prevJmpsProcessed = env.jmpsProcessed;
  env.prevInsnProcessed = env.insnProcessed;
  // Running paths of capable users hardly ever have precise scalars.
  if (env.bpfCapable && current.frames[0]!.preciseRegs !== 0) forgetPrecision(current);
  const before = current.parent?.checkpoint ?? 0;
  const kept = env.checkpoints.add(bucket, current);
  kept.insnIdx = insn;
  current.parent = kept;
  current.firstInsnIdx = insn;
  current.historyStart = current.historyEnd;
  current.dfsDepth = kept.dfsDepth + 1;
  for (let i = 0; i <= current.curframe; i++) {
    const frame = kept.frames[i]!;
    if (!env.bpfCapable) frame.preciseRegs = frame.preciseSlotsLow = frame.preciseSlotsHigh = -1;
    connect(current.frames[i]!, frame, before, kept.checkpoint, i === current.curframe);
  }
}

/** Marks inherited from the parent are its own: the copy gets those that are needed after it. */
function forgetPrecision(state: VerifierState): void {
  for (let i = 0; i <= state.curframe; i++) {
    const frame = state.frames[i]!;
    const w = frame.words;
    frame.preciseRegs = 0;
    for (let n = 0; n < FRAME_POINTER; n++) {
      const r = regAt(n);
      if (w[r + TYPE] === SCALAR_VALUE) w[r + PRECISE] = 0;
    }
    for (let spi = 0; spi < frame.allocatedStack / REG_SIZE; spi++) {
      const r = slotAt(spi);
      if (slotType(w, r, REG_SIZE - 1) !== STACK_SPILL) continue;
      if (w[r + TYPE] === SCALAR_VALUE) w[r + PRECISE] = 0;
    }
  }
}

/**
 * Reads from now on mark `kept`, the copy of `frame` in checkpoint `id`; `before` is the checkpoint
 * before that. Callers' r0 to r5 keep their place: they are not alive, or belong to a call that is
 * simulated again.
 */
function connect(
  frame: FuncState,
  kept: FuncState,
  before: number,
  id: number,
  isRunning: boolean,
): void {
  const w = frame.words;
  const { frameno, parent } = frame;
  let written = 0;
  let moved = 0;
  for (let n = 0; n < FRAME_POINTER; n++) {
    const r = regAt(n);
    if (w[r + LIVE] !== REG_LIVE_NONE) written |= 1 << n;
    if (w[r + PARENT] !== (parent ? parentOf(before, frameno, r) : 0)) moved |= 1 << n;
    w[r + LIVE] = REG_LIVE_NONE;
    if (isRunning || n >= FIRST_CALLEE_SAVED) w[r + PARENT] = parentOf(id, frameno, r);
  }
  kept.writtenRegs = written;
  kept.movedRegs = moved;
  frame.parent = kept;
  frame.writtenSlotsLow = frame.writtenSlotsHigh = 0;
}
