import type { Backtrack } from './backtrack-state.ts';
import type { InsnHistory } from './history.ts';

const COUNT_BITS = 4;
const ENTRY_BITS = 10;
const ENTRY_MASK = 0x3ff;

/** Entry `n` of packed linked registers: bits 0..2 frame, 3..8 register or slot, 9 kind. */
function entryOf(low: number, high: number, n: number): number {
  const at = COUNT_BITS + n * ENTRY_BITS;
  if (at >= 32) return (high >>> (at - 32)) & ENTRY_MASK;
  return ((low >>> at) | (at + ENTRY_BITS > 32 ? high << (32 - at) : 0)) & ENTRY_MASK;
}

/**
 * If one of the registers that gained a range together at history entry `at` is wanted, all of them
 * are (bt_sync_linked_regs). `at` -1: there is no entry.
 */
export function syncLinkedRegs(wanted: Backtrack, history: InsnHistory, at: number): void {
  if (at < 0) return;
  const low = history.linkedLow[at]!;
  const high = history.linkedHigh[at]!;
  const count = low & ((1 << COUNT_BITS) - 1);
  if (count === 0) return;
  let found = false;
  for (let i = 0; i < count && !found; i++) found = isWanted(wanted, entryOf(low, high, i));
  if (!found) return;
  for (let i = 0; i < count; i++) {
    const entry = entryOf(low, high, i);
    if (entry >> 9) wanted.setFrameReg(entry & 7, (entry >> 3) & 0x3f);
    else wanted.setSlot(entry & 7, (entry >> 3) & 0x3f);
  }
}

function isWanted(wanted: Backtrack, entry: number): boolean {
  const frame = entry & 7;
  const index = (entry >> 3) & 0x3f;
  return entry >> 9 ? wanted.hasFrameReg(frame, index) : wanted.hasSlot(frame, index);
}
