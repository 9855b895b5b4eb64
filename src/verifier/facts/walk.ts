import type { VerifierEnv } from '../env.ts';
import { frameText } from '../log/print-state.ts';
import type { VerifierState } from '../state/state.ts';
import type { VerifierObserver } from '../types.ts';

/** Bits of `WalkRecorder.marks`. */
export const WALK_KEPT = 1;
export const WALK_PRUNED = 2;

/** Rows at first; a walk has up to a million. */
const FIRST_ROOM = 4096;
const NOTHING = -1;

/** A path of the walk: where it begins, and where it was put aside. */
export interface WalkPath {
  /** Position of its first instruction. */
  readonly start: number;
  /** Position of the branch it was put aside at; -1: a function's walk begins. */
  readonly from: number;
}

/**
 * The walk of the verifier in its order: a position for each instruction it looked at, and for each
 * arrival that was pruned. Give it to `verify`, alone: other observers hide what it listens to.
 *
 * @example
 * const walk = new WalkRecorder();
 * verify(input, kernel, { observer: walk });
 * walk.insns[0];                      // 0
 * walk.paths[1]?.from;                // position of the branch that the second path comes from
 */
export class WalkRecorder implements VerifierObserver {
  /** Positions there are. */
  length = 0;
  /** By position: the instruction. */
  insns: Int32Array = new Int32Array(FIRST_ROOM);
  /** By position: WALK_* bits. */
  marks: Uint8Array = new Uint8Array(FIRST_ROOM);
  /** By position: that of the state that covers (pruned) or was last compared in vain; -1. */
  others: Int32Array = new Int32Array(FIRST_ROOM);
  /** By position: kept states that were compared in vain. */
  misses: Uint16Array = new Uint16Array(FIRST_ROOM);
  readonly paths: WalkPath[] = [];
  readonly #from: number;
  readonly #to: number;
  readonly #texts = new Map<number, string>();
  /** Positions of checkpoints, by their number; numbers begin again with each function. */
  #keptAt: number[] = [];
  #other = NOTHING;
  #missed = 0;
  #kept = false;
  #env!: VerifierEnv;

  /** States are written down for positions `from` to before `to`. */
  constructor({ from = 0, to = 0 }: { readonly from?: number; readonly to?: number } = {}) {
    this.#from = from;
    this.#to = to;
  }

  /** Registers and stack of the running frame there, in the words of the log. */
  text(position: number): string | undefined {
    return this.#texts.get(position);
  }

  start(env: VerifierEnv): void {
    this.#env = env;
  }

  /** Words are none of its business. */
  message(): void {}

  functionStart(): void {
    this.#keptAt = [];
    this.paths.push({ start: this.length, from: NOTHING });
  }

  insn(): void {
    this.#add(this.#kept ? WALK_KEPT : 0);
  }

  pruned(): void {
    this.#add(WALK_PRUNED);
  }

  /** The position it is kept at comes next. */
  kept(): void {
    this.#kept = true;
    this.#keptAt[this.#env.state.parent!.checkpoint] = this.length;
  }

  missed(old: VerifierState): void {
    this.#missed++;
    this.#other = this.#keptAt[old.checkpoint] ?? NOTHING;
  }

  covered(old: VerifierState): void {
    this.#other = this.#keptAt[old.checkpoint] ?? NOTHING;
  }

  pushed(): number {
    return this.length - 1;
  }

  popped(mark: number): void {
    this.paths.push({ start: this.length, from: mark });
  }

  #add(marks: number): void {
    const env = this.#env;
    const at = this.length++;
    if (at === this.insns.length) this.#grow();
    this.insns[at] = env.insnIdx;
    this.marks[at] = marks;
    this.others[at] = this.#other;
    this.misses[at] = Math.min(this.#missed, 0xffff);
    if (at >= this.#from && at < this.#to) {
      this.#texts.set(at, frameText(env, env.state.frame, true));
    }
    this.#other = NOTHING;
    this.#missed = 0;
    this.#kept = false;
  }

  #grow(): void {
    const room = this.insns.length * 4;
    this.insns = grown(this.insns, new Int32Array(room));
    this.marks = grown(this.marks, new Uint8Array(room));
    this.others = grown(this.others, new Int32Array(room));
    this.misses = grown(this.misses, new Uint16Array(room));
  }
}

function grown<T extends Int32Array | Uint8Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
