import { Rejection } from '../reject.ts';
import { VerifierState, type FrameWords } from './state.ts';

const FIRST_SLAB = 1 << 14;
const LARGEST_SLAB = 1 << 18;
/** What a frame costs besides its words. */
const FRAME_OVERHEAD = 1024;

/** Slabs of the largest size that wait for the next verification; at most so many. */
const spareSlabs: ArrayBuffer[] = [];
const MOST_SPARE_SLABS = 96;

/** Bytes the states of one verification may take, if the caller does not say. */
export const DEFAULT_STATE_MEMORY = 2 ** 31;

/**
 * Makes copies of states. Words of their frames are cut from slabs, and states nobody uses any more
 * are overwritten: walks make thousands of copies of several kilobytes a second.
 */
export class StatePool implements FrameWords {
  readonly #spare: VerifierState[] = [];
  readonly #slabs: ArrayBuffer[] = [];
  #slab = new ArrayBuffer(0);
  #used = 0;
  #slabWords = FIRST_SLAB;
  #left: number;

  constructor(memory: number = DEFAULT_STATE_MEMORY) {
    this.#left = memory;
  }

  /** A copy of `from` that is no checkpoint. */
  copyOf(from: VerifierState): VerifierState {
    const state = this.#spare.pop() ?? new VerifierState();
    state.copyFrom(from, this);
    state.checkpoint = 0;
    return state;
  }

  /** Takes back a state that nothing refers to. */
  give(state: VerifierState): void {
    this.#spare.push(state);
  }

  /** Words for a frame; what is in them is undefined. Rejects when memory is used up (ENOMEM). */
  take(count: number): Int32Array {
    this.#left -= (count << 2) + FRAME_OVERHEAD;
    if (this.#left < 0) throw new Rejection('ENOMEM', undefined);
    if (this.#used + count > this.#slab.byteLength >> 2) this.#nextSlab(count);
    const words = new Int32Array(this.#slab, this.#used << 2, count);
    this.#used += count;
    return words;
  }

  #nextSlab(count: number): void {
    const bytes = Math.max(this.#slabWords, count) << 2;
    const spare = bytes === LARGEST_SLAB << 2 ? spareSlabs.pop() : undefined;
    this.#slab = spare ?? new ArrayBuffer(bytes);
    this.#slabs.push(this.#slab);
    this.#used = 0;
    this.#slabWords = Math.min(this.#slabWords * 2, LARGEST_SLAB);
  }

  /** No state of this pool is in use any more. */
  release(): void {
    for (const slab of this.#slabs) {
      if (spareSlabs.length === MOST_SPARE_SLABS) break;
      if (slab.byteLength === LARGEST_SLAB << 2) spareSlabs.push(slab);
    }
    this.#slabs.length = 0;
    this.#used = this.#slab.byteLength >> 2;
  }
}
