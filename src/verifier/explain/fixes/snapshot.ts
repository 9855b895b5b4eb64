/** Copies of the walk's states, with the questions that fixes ask of them. */
import type { VerifierEnv } from '../../env.ts';
import {
  baseType,
  FRAMENO,
  ID,
  MASK,
  OFF,
  REF_OBJ_ID,
  regAt,
  slotAt,
  slotType,
  SMAX,
  SMIN,
  STACK_SPILL,
  TYPE,
  U0,
  UMAX,
  UMIN,
  VALUE,
} from '../../state/layout.ts';
import { REF_ID, REF_INSN, REF_WORDS } from '../../state/state.ts';
import type { VerifierObserver } from '../../types.ts';

/** What is known of a register or a spilled one. */
export interface Known {
  /** With flags. */
  readonly type: number;
  /** PTR_TO_*, SCALAR_VALUE or NOT_INIT. */
  readonly base: number;
  /** Fixed part of a pointer's offset. */
  readonly off: number;
  readonly isConstant: boolean;
  readonly value: bigint;
  readonly smin: bigint;
  readonly smax: bigint;
  readonly umin: bigint;
  readonly umax: bigint;
  readonly id: number;
  readonly reference: number;
  /** Frame a stack pointer points into. */
  readonly frame: number;
  /** First word of what depends on the type: map, size of memory, range of a packet pointer. */
  readonly detail: number;
}

/** A register, or a stack slot (0 is fp-8), of a frame. */
export interface Holder {
  readonly frame: number;
  readonly register: number;
  readonly slot: number;
}

export interface FrameCopy {
  readonly words: Int32Array;
  readonly slots: number;
  readonly subprog: number;
  readonly inCallback: boolean;
}

/** A state as it was. */
export interface Snapshot {
  readonly frames: readonly FrameCopy[];
  readonly current: number;
  readonly references: readonly { readonly id: number; readonly insn: number }[];
  readonly isLocked: boolean;
  readonly lockId: number;
  readonly inRcu: boolean;
  readonly preemptOff: number;
}

/** A copy of the state that runs; undefined before the walk. */
export function snapshotOf(env: VerifierEnv): Snapshot | undefined {
  const state = env.state as VerifierEnv['state'] | undefined;
  if (!state?.frames[state.curframe]) return undefined;
  const frames: FrameCopy[] = [];
  for (let i = 0; i <= state.curframe; i++) {
    const frame = state.frameAt(i);
    frames.push({
      words: frame.words.slice(0, frame.usedWords),
      slots: frame.slots,
      subprog: frame.subprogno,
      inCallback: frame.inCallback,
    });
  }
  const { refs, refCount } = state.frame;
  return {
    frames,
    current: state.curframe,
    references: Array.from({ length: refCount }, (_, i) => ({
      id: refs[i * REF_WORDS + REF_ID]!,
      insn: refs[i * REF_WORDS + REF_INSN]!,
    })),
    isLocked: state.activeLock !== 0,
    lockId: state.activeLockId,
    inRcu: state.activeRcuLock,
    preemptOff: state.activePreemptLock,
  };
}

/** Keeps states at certain steps of a walk, by serial number. */
export class SnapshotRecorder implements VerifierObserver {
  readonly #wanted: ReadonlySet<number>;
  readonly found = new Map<number, Snapshot>();
  #env!: VerifierEnv;
  #serial = 0;

  constructor(wanted: ReadonlySet<number>) {
    this.#wanted = wanted;
  }

  start(env: VerifierEnv): void {
    this.#env = env;
  }

  message(): void {}

  insn(): void {
    this.#serial++;
    if (!this.#wanted.has(this.#serial)) return;
    const copy = snapshotOf(this.#env);
    if (copy) this.found.set(this.#serial, copy);
  }
}

/** Register `n` of the running frame. */
export function registerIn(state: Snapshot, n: number): Known {
  return knownAt(state.frames[state.current]!.words, regAt(n));
}

function knownAt(w: Int32Array, r: number): Known {
  const type = w[r + TYPE]!;
  return {
    type,
    base: baseType(type),
    off: w[r + OFF]!,
    isConstant: w[r + MASK] === 0 && w[r + MASK + 1] === 0,
    value: signed(w, r + VALUE),
    smin: signed(w, r + SMIN),
    smax: signed(w, r + SMAX),
    umin: BigInt.asUintN(64, signed(w, r + UMIN)),
    umax: BigInt.asUintN(64, signed(w, r + UMAX)),
    id: w[r + ID]!,
    reference: w[r + REF_OBJ_ID]!,
    frame: w[r + FRAMENO]!,
    detail: w[r + U0]!,
  };
}

const signed = (w: Int32Array, at: number): bigint =>
  (BigInt(w[at + 1]!) << 32n) | BigInt(w[at]! >>> 0);

/** First register, or slot with a whole spilled register, of the running frame that fits. */
export function holderOf(state: Snapshot, fits: (known: Known) => boolean): Holder | undefined {
  const { words, slots } = state.frames[state.current]!;
  const frame = state.current;
  for (let n = 0; n < 10; n++) {
    if (fits(knownAt(words, regAt(n)))) return { frame, register: n, slot: 0 };
  }
  for (let slot = 0; slot < slots; slot++) {
    const isSpill = slotType(words, slotAt(slot), 0) === STACK_SPILL;
    if (isSpill && fits(knownAt(words, slotAt(slot)))) return { frame, register: -1, slot };
  }
  return undefined;
}

/** What a holder holds. */
export function heldBy(state: Snapshot, { frame, register, slot }: Holder): Known {
  return knownAt(state.frames[frame]!.words, register < 0 ? slotAt(slot) : regAt(register));
}
