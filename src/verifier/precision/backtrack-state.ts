import { MAX_CALL_FRAMES } from '../state/layout.ts';

/** Registers and stack slots that must be precise, by frame (struct backtrack_state). */
export class Backtrack {
  frame = 0;
  /** Bits of registers. */
  readonly regs = new Int32Array(MAX_CALL_FRAMES);
  /** Bits of stack slots 0..31 and 32..63. */
  readonly slotsLow = new Int32Array(MAX_CALL_FRAMES);
  readonly slotsHigh = new Int32Array(MAX_CALL_FRAMES);

  /** Forgets everything (bt_reset). */
  reset(): void {
    this.frame = 0;
    this.regs.fill(0);
    this.slotsLow.fill(0);
    this.slotsHigh.fill(0);
  }

  /** Nothing is wanted in the running frame and those below (bt_empty). */
  get empty(): boolean {
    for (let i = 0; i <= this.frame; i++) {
      if (this.regs[i]! | this.slotsLow[i]! | this.slotsHigh[i]!) return false;
    }
    return true;
  }

  setReg(reg: number): void {
    this.regs[this.frame]! |= 1 << reg;
  }

  clearReg(reg: number): void {
    this.regs[this.frame]! &= ~(1 << reg);
  }

  hasReg(reg: number): boolean {
    return ((this.regs[this.frame]! >> reg) & 1) !== 0;
  }

  hasFrameReg(frame: number, reg: number): boolean {
    return ((this.regs[frame]! >> reg) & 1) !== 0;
  }

  setFrameReg(frame: number, reg: number): void {
    this.regs[frame]! |= 1 << reg;
  }

  clearFrameReg(frame: number, reg: number): void {
    this.regs[frame]! &= ~(1 << reg);
  }

  setSlot(frame: number, spi: number): void {
    if (spi < 32) this.slotsLow[frame]! |= 1 << spi;
    else this.slotsHigh[frame]! |= 1 << (spi - 32);
  }

  clearSlot(frame: number, spi: number): void {
    if (spi < 32) this.slotsLow[frame]! &= ~(1 << spi);
    else this.slotsHigh[frame]! &= ~(1 << (spi - 32));
  }

  hasSlot(frame: number, spi: number): boolean {
    const word = spi < 32 ? this.slotsLow[frame]! : this.slotsHigh[frame]!;
    return ((word >> (spi & 31)) & 1) !== 0;
  }

  /** Stack slots are wanted in the running frame. */
  get hasSlots(): boolean {
    return (this.slotsLow[this.frame]! | this.slotsHigh[this.frame]!) !== 0;
  }
}
