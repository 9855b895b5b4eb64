import {
  MAX_REGS,
  REG_SHIFT,
  REG_SIZE,
  SLOT_TYPES,
  STACK_BASE,
  STACK_SPILL,
  regAt,
} from './layout.ts';
import type { FuncState, VerifierState } from './state.ts';

/**
 * Calls `visit` with every register of every frame, and with every stack slot that holds a spilled
 * register or, with `types`, any other slot whose last byte is of such a type
 * (bpf_for_each_reg_in_vstate_mask).
 */
export function eachReg(
  state: VerifierState,
  visit: (w: Int32Array, r: number, frame: FuncState) => void,
  types: number = 1 << STACK_SPILL,
): void {
  for (let i = 0; i <= state.curframe; i++) {
    const frame = state.frameAt(i);
    const w = frame.words;
    for (let n = 0; n < MAX_REGS; n++) visit(w, regAt(n), frame);
    const slots = frame.allocatedStack / REG_SIZE;
    for (let spi = 0; spi < slots; spi++) {
      const r = STACK_BASE + (spi << REG_SHIFT);
      const last = w[r + SLOT_TYPES + 1]! >>> 24;
      if ((types >> last) & 1) visit(w, r, frame);
    }
  }
}
