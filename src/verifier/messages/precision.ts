import { defineMessages } from './message.ts';

const hex = (n: number): string => (n >>> 0).toString(16);

const hex64 = (low: number, high: number): string =>
  high ? hex(high) + hex(low).padStart(8, '0') : hex(low);

/** A mask of registers: 'r0,r2'. */
function regNames(mask: number): string {
  const names: string[] = [];
  for (let n = 0; n < 32; n++) if ((mask >>> n) & 1) names.push(`r${n}`);
  return names.join(',');
}

/** A mask of stack slots in two words: '-8,-24'. */
function slotNames(low: number, high: number): string {
  const names: string[] = [];
  for (let n = 0; n < 64; n++) {
    if (((n < 32 ? low : high) >>> (n & 31)) & 1) names.push(`${-(n + 1) * 8}`);
  }
  return names.join(',');
}

/** Words of precision backtracking. */
export const precision = defineMessages('precision', {
  range: (frame: number, last: number, first: number, subsequent: number) =>
    `mark_precise: frame${frame}: last_idx ${last} first_idx ${first} subseq_idx ${subsequent} `,
  older_range: (last: number, first: number) => `last_idx ${last} first_idx ${first}`,
  older_before: (regs: number, low: number, high: number, insn: number) =>
    `regs=${hex(regs)} stack=${hex64(low, high)} before ${insn}: `,
  older_parent: (isNew: boolean, regs: number, low: number, high: number) =>
    `parent ${isNew ? "didn't have" : 'already had'} ` +
    `regs=${hex(regs)} stack=${hex64(low, high)} marks:`,
  before: (frame: number, regs: number, low: number, high: number, insn: number) =>
    `mark_precise: frame${frame}: regs=${regNames(regs)} ` +
    `stack=${slotNames(low, high)} before ${insn}: `,
  parent: (frame: number, regs: number, low: number, high: number) =>
    `mark_precise: frame${frame}: parent state regs=${regNames(regs)} ` +
    `stack=${slotNames(low, high)}: `,
  all_precise: (frame: number) =>
    `mark_precise: frame${frame}: falling back to forcing all scalars precise`,
  forced_reg: (frame: number, reg: number) =>
    `force_precise: frame${frame}: forcing r${reg} to be precise`,
  forced_slot: (frame: number, off: number) =>
    `force_precise: frame${frame}: forcing fp${off} to be precise`,
  bug_regs: (mask: number) => `BUG regs ${hex(mask)}`,
  bug_slots: (low: number, high: number) => `BUG stack slots ${hex64(low, high)}`,
  bug_enter: (frame: number) => `BUG subprog enter from frame ${frame}`,
  bug_exit: (frame: number) => `BUG subprog exit from frame ${frame}`,
  bug_entry: (subprog: number, regs: number, low: number, high: number) =>
    `BUG backtracking func entry subprog ${subprog} reg_mask ${hex(regs)} ` +
    `stack_mask ${hex64(low, high)}`,
  bug_index: (insn: number) => `BUG backtracking idx ${insn}`,
  bug_slot: (slot: number, slots: number) =>
    `BUG backtracking (stack slot ${slot}, total slots ${slots})`,
});
