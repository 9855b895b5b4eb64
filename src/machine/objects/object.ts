import { assert } from '../../base/index.ts';

/**
 * What others can hold on to: it lives as long as somebody does (file descriptors, pins, programs
 * that use it, slots of maps, a handle in JavaScript), and ends with the last.
 */
export abstract class KernelObject {
  #holders = 1;

  /** How many hold it; 0: it has ended. */
  get holders(): number {
    return this.#holders;
  }

  get alive(): boolean {
    return this.#holders > 0;
  }

  hold(): this {
    assert(this.#holders > 0, 'an object that has ended is held');
    this.#holders++;
    return this;
  }

  /** Let go of it; the last one ends it. */
  drop(): void {
    assert(this.#holders > 0, 'an object was let go of too often');
    if (--this.#holders === 0) this.end();
  }

  protected abstract end(): void;
}
