/** Counts in what states differed, and for whom numbers had to be precise. */
import type { VerifierEnv } from '../../env.ts';
import { regText } from '../../log/print-state.ts';
import {
  ITER_STATE_DEPTH,
  MAX_REGS,
  PRECISE,
  REG_SHIFT,
  REG_SIZE,
  SCALAR_VALUE,
  slotAt,
  slotType,
  STACK_DYNPTR,
  STACK_ITER,
  STACK_MISC,
  STACK_SPILL,
  STACK_ZERO,
  TYPE,
} from '../../state/layout.ts';
import type { FuncState, VerifierState } from '../../state/state.ts';
import { exactnessFor, findDifferences, isSpill, NO_PLACE } from './compare.ts';
import type { MissKind } from './types.ts';

/** One thing in which states differ at one instruction. */
export interface Miss {
  readonly insn: number;
  readonly kind: MissKind;
  readonly frame: number;
  /** Register, or MAX_REGS plus the slot; NO_PLACE. */
  readonly record: number;
  count: number;
  alone: number;
  readonly old: string;
  readonly current: string;
  /** Times by instruction for which the old value had to be precise. */
  readonly askers: Map<number, number>;
}

/** Nobody asked, or several did. */
const NOBODY = -1;

export class MissTable {
  readonly misses = new Map<string, Miss>();
  readonly #env: VerifierEnv;
  /** Who asked for precision: by checkpoint, frame and record. */
  readonly #askers = new Map<number, number>();
  /** State whose precise numbers are asked for again. */
  #source: VerifierState | undefined = undefined;
  #common = NOBODY;

  constructor(env: VerifierEnv) {
    this.#env = env;
  }

  /** Checkpoints are counted from 1 again. */
  functionStart(): void {
    this.#askers.clear();
    this.#source = undefined;
  }

  /** The running state is not covered by `old`; false if no state could have been (see `open`). */
  add(old: VerifierState): boolean {
    const env = this.#env;
    const insn = env.insnIdx;
    const exact = exactnessFor(env, old, insn);
    if (exact === undefined) return false;
    let last: Miss | undefined;
    let count = 0;
    findDifferences(env, old, env.state, exact, (kind, frame, record) => {
      last = this.#note(old, insn, kind, frame, record);
      count++;
    });
    if (last && count === 1) last.alone++;
    return true;
  }

  #note(old: VerifierState, insn: number, kind: MissKind, frame: number, record: number): Miss {
    const key = `${insn} ${frame} ${record} ${kind}`;
    let miss = this.misses.get(key);
    if (!miss) {
      miss = { insn, kind, frame, record, count: 0, alone: 0, ...this.#texts(old, frame, record) };
      this.misses.set(key, miss);
    }
    miss.count++;
    const asker = record === NO_PLACE ? NOBODY : this.#askerOf(old, frame, record);
    if (asker !== NOBODY) miss.askers.set(asker, (miss.askers.get(asker) ?? 0) + 1);
    return miss;
  }

  #texts(old: VerifierState, frame: number, record: number) {
    const text = (state: VerifierState) =>
      record === NO_PLACE ? '' : recordText(this.#env, state.frameAt(frame), record);
    return { old: text(old), current: text(this.#env.state), askers: new Map<number, number>() };
  }

  #askerOf(state: VerifierState, frame: number, record: number): number {
    return this.#askers.get(keyOf(state, frame, record)) ?? NOBODY;
  }

  /** What is made precise until `settle` is so because it is in `old`. */
  covered(old: VerifierState): void {
    this.#source = old;
    this.#common = this.#commonAsker(old);
  }

  settle(): void {
    this.#source = undefined;
  }

  /** Backtracking marked in `checkpoint` what it wants. */
  marked(checkpoint: VerifierState): void {
    const { regs, slotsLow, slotsHigh, frame } = this.#env.backtrack;
    for (let i = 0; i <= frame; i++) {
      this.#markAll(checkpoint, i, regs[i]!, 0);
      this.#markAll(checkpoint, i, slotsLow[i]!, MAX_REGS);
      this.#markAll(checkpoint, i, slotsHigh[i]!, MAX_REGS + 32);
    }
  }

  #markAll(checkpoint: VerifierState, frame: number, bits: number, base: number): void {
    for (let mask = bits; mask; mask &= mask - 1) {
      const record = base + 31 - Math.clz32(mask & -mask);
      const asker = this.#currentAsker(frame, record);
      if (asker !== NOBODY) this.#askers.set(keyOf(checkpoint, frame, record), asker);
    }
  }

  #currentAsker(frame: number, record: number): number {
    if (!this.#source) return this.#env.insnIdx;
    const same = this.#askerOf(this.#source, frame, record);
    return same === NOBODY ? this.#common : same;
  }

  /** Who asked for all that is precise in a state, if that was one instruction. */
  #commonAsker(state: VerifierState): number {
    let common = NOBODY;
    for (let i = 0; i <= state.curframe; i++) {
      const { usedWords, words } = state.frameAt(i);
      for (let r = 0; r < usedWords; r += 1 << REG_SHIFT) {
        if (words[r + TYPE] !== SCALAR_VALUE || !words[r + PRECISE]) continue;
        const asker = this.#askerOf(state, i, r >> REG_SHIFT);
        if (asker === NOBODY || asker === common) continue;
        if (common !== NOBODY) return NOBODY;
        common = asker;
      }
    }
    return common;
  }
}

function keyOf(state: VerifierState, frame: number, record: number): number {
  return state.checkpoint * 1024 + frame * 128 + record;
}

/** What a register or slot of a frame holds, in the log's words where it has some. */
function recordText(env: VerifierEnv, frame: FuncState, record: number): string {
  if (record < MAX_REGS) return valueText(env, frame, record << REG_SHIFT);
  const spi = record - MAX_REGS;
  if (isSpill(frame, spi)) return valueText(env, frame, slotAt(spi));
  if (spi >= frame.slots) return 'not written';
  if (slotType(frame.words, slotAt(spi), 0) === STACK_ITER) return iteratorText(frame, spi);
  const types = new Set(
    Array.from({ length: REG_SIZE }, (_, i) => slotType(frame.words, slotAt(spi), i)),
  );
  return [...types].map((type) => SLOT_WORDS[type] ?? 'not written').join(' and ');
}

function iteratorText(frame: FuncState, spi: number): string {
  const word = frame.words[slotAt(spi) + ITER_STATE_DEPTH]!;
  const state = ['invalid', 'active', 'drained'][word & 3] ?? 'invalid';
  return `iterator(state=${state},depth=${word >>> 2})`;
}

/** Whether a value is precise is told elsewhere. */
function valueText(env: VerifierEnv, frame: FuncState, r: number): string {
  if (frame.words[r + TYPE] === 0) return 'not written';
  return regText(env, frame.frameno, frame.words, r).replace(/^P/, '');
}

const SLOT_WORDS: Readonly<Record<number, string>> = {
  [STACK_SPILL]: 'a part of a register',
  [STACK_MISC]: 'any bytes',
  [STACK_ZERO]: 'zeros',
  [STACK_DYNPTR]: 'a dynptr',
};
