import { BugError } from '../../base/index.ts';
import type { StatePool } from '../state/pool.ts';
import type { VerifierState } from '../state/state.ts';

/** A state kept to compare later ones with (struct bpf_verifier_state_list). */
export class Checkpoint {
  readonly state: VerifierState;
  next: Checkpoint | undefined = undefined;
  misses = 0;
  /** Where the last state compared with it differed, see `differsAt`; -1: not known. */
  difference = -1;
  hits = 0;

  constructor(state: VerifierState) {
    this.state = state;
  }
}

/** States kept, by instruction and call site, and by number. */
export class Checkpoints {
  readonly #buckets: (Checkpoint | undefined)[];
  /** By number; those that were freed are gone. Number 0 is nobody's. */
  readonly #byId: (VerifierState | undefined)[] = [undefined];
  readonly #pool: StatePool;

  constructor(length: number, pool: StatePool) {
    this.#pool = pool;
    this.#buckets = Array.from({ length }, () => undefined);
  }

  /** Where the states of an instruction called from `callsite` are (explored_state). */
  bucket(insn: number, callsite: number): number {
    return ((insn ^ callsite) >>> 0) % this.#buckets.length;
  }

  first(bucket: number): Checkpoint | undefined {
    return this.#buckets[bucket];
  }

  /** Takes `checkpoint`, which follows `before` (undefined: the first), out of its bucket. */
  unlink(bucket: number, before: Checkpoint | undefined, checkpoint: Checkpoint): void {
    if (before) before.next = checkpoint.next;
    else this.#buckets[bucket] = checkpoint.next;
  }

  /** Keeps a copy of `current` as the first of its bucket; returns the copy. */
  add(bucket: number, current: VerifierState): VerifierState {
    const state = this.#pool.copyOf(current);
    state.checkpoint = this.#byId.length;
    this.#byId.push(state);
    const checkpoint = new Checkpoint(state);
    checkpoint.next = this.#buckets[bucket];
    this.#buckets[bucket] = checkpoint;
    return state;
  }

  /** Nobody will ask for this state again. */
  free(state: VerifierState): void {
    this.#byId[state.checkpoint] = undefined;
    this.#pool.give(state);
  }

  /** State number `id`. */
  at(id: number): VerifierState {
    const state = this.#byId[id];
    if (!state) throw new BugError(`there is no state number ${id}`);
    return state;
  }

  /** Forgets all (free_states). */
  clear(): void {
    this.#buckets.fill(undefined);
    this.#byId.length = 1;
  }
}
