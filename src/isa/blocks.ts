/** Basic blocks of a function. */
import type { Code } from './code.ts';
import { isConditional, jumpTarget } from './flow.ts';
import { insnSlots } from './lookup.ts';

/** A straight run of instructions: from `start` to before `end`. */
export interface BasicBlock {
  readonly start: number;
  readonly end: number;
}

/**
 * Blocks of the instructions from `start` to before `end`, in their order. As in bpftool's graphs
 * they begin where jumps lead to and behind conditional jumps.
 *
 * @example
 * basicBlocks(code, 0, code.length);  // [{ start: 0, end: 3 }, { start: 3, end: 9 }]
 */
export function basicBlocks(code: Code, start: number, end: number): BasicBlock[] {
  const heads = new Set([start]);
  for (let insn = start; insn < end; insn += insnSlots(code, insn)) {
    const target = jumpTarget(code, insn);
    if (target === undefined) continue;
    if (target >= start && target < end) heads.add(target);
    if (isConditional(code.op[insn]!) && insn + 1 < end) heads.add(insn + 1);
  }
  const sorted = [...heads].sort((a, b) => a - b);
  return sorted.map((head, i) => ({ start: head, end: sorted[i + 1] ?? end }));
}

/** Index of the block that `insn` is in; blocks go on to the next one's start. */
export function blockAt(blocks: readonly BasicBlock[], insn: number): number {
  let low = 0;
  let high = blocks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (blocks[middle]!.start <= insn) low = middle;
    else high = middle - 1;
  }
  return low;
}
