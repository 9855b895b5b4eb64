import { NONE } from './program.ts';

/**
 * Stack slots that live in WebAssembly locals: pieces of the frames that are only ever accessed
 * whole, through r10 plus a constant, and whose address goes nowhere (see escape.ts).
 */
export class Slots {
  /** Offset from r10 of frame 0 to size and variable. */
  private readonly byOffset: ReadonlyMap<
    number,
    { readonly size: number; readonly variable: number }
  >;
  readonly count: number;

  constructor(list: readonly Slot[], first: number) {
    this.byOffset = new Map(
      list.map(({ offset, size }, k) => [offset, { size, variable: first + k }]),
    );
    this.count = list.length;
  }

  /** Variable of the slot at this offset, or NONE. */
  variable(offset: number, size: number): number {
    if (this.count === 0) return NONE;
    const slot = this.byOffset.get(offset);
    return slot !== undefined && slot.size === size ? slot.variable : NONE;
  }
}

export interface Slot {
  readonly offset: number;
  readonly size: number;
}

export const NO_SLOTS = new Slots([], 0);
