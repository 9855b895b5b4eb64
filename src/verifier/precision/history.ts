import type { VerifierEnv } from '../env.ts';

/** The instruction references a stack slot through a stack pointer. */
export const INSN_F_STACK_ACCESS = 1 << 9;
/** Conditional jumps: this side of the comparison is a stack pointer. */
export const INSN_F_DST_REG_STACK = 1 << 10;
export const INSN_F_SRC_REG_STACK = 1 << 11;

const SPI_SHIFT = 3;
const SPI_MASK = 0x3f;
const FRAME_MASK = 0x7;
/** Entries keep 20 bits of the previous index, so that -1 becomes out of range. */
const PREV_MASK = 0xfffff;
const INITIAL_ENTRIES = 256;

/** Flags of an access to stack slot `spi` of frame `frameno` (insn_stack_access_flags). */
export function insnStackAccessFlags(frameno: number, spi: number): number {
  return INSN_F_STACK_ACCESS | (spi << SPI_SHIFT) | frameno;
}

/** Slot of an access recorded in `flags`. */
export function accessedSlot(flags: number): number {
  return (flags >> SPI_SHIFT) & SPI_MASK;
}

/** Frame of an access recorded in `flags`. */
export function accessedFrame(flags: number): number {
  return flags & FRAME_MASK;
}

/**
 * Where a path jumped and which stack slots it touched (struct bpf_insn_hist_entry): one sequence
 * for the whole walk, of which each state owns a range.
 */
export class InsnHistory {
  insn: Int32Array = new Int32Array(INITIAL_ENTRIES);
  /** Index of the instruction before, low 20 bits. */
  prev: Int32Array = new Int32Array(INITIAL_ENTRIES);
  flags: Int32Array = new Int32Array(INITIAL_ENTRIES);
  /** Registers that gained a range together, packed as `linked_regs_pack` does; two words. */
  linkedLow: Int32Array = new Int32Array(INITIAL_ENTRIES);
  linkedHigh: Int32Array = new Int32Array(INITIAL_ENTRIES);
  /** Entry of the instruction in progress, or -1. */
  current = -1;

  /** Writes entry `at`. */
  set(at: number, insn: number, prev: number, flags: number, low: number, high: number): void {
    if (at >= this.insn.length) this.#grow();
    this.insn[at] = insn;
    this.prev[at] = prev & PREV_MASK;
    this.flags[at] = flags;
    this.linkedLow[at] = low;
    this.linkedHigh[at] = high;
  }

  #grow(): void {
    this.insn = doubled(this.insn);
    this.prev = doubled(this.prev);
    this.flags = doubled(this.flags);
    this.linkedLow = doubled(this.linkedLow);
    this.linkedHigh = doubled(this.linkedHigh);
  }
}

function doubled(words: Int32Array): Int32Array {
  const more = new Int32Array(words.length * 2);
  more.set(words);
  return more;
}

/**
 * Records the instruction in progress in the running path's history; a second call for the same
 * instruction adds its flags (push_insn_history). Linked registers are two packed words.
 */
export function pushInsnHistory(
  env: VerifierEnv,
  flags: number,
  linkedLow = 0,
  linkedHigh = 0,
): void {
  const history = env.history;
  const current = history.current;
  if (current >= 0) {
    history.flags[current]! |= flags;
    history.linkedLow[current] = linkedLow;
    history.linkedHigh[current] = linkedHigh;
    return;
  }
  const at = env.state.historyEnd++;
  history.set(at, env.insnIdx, env.prevInsnIdx, flags, linkedLow, linkedHigh);
  history.current = at;
}
