import { type TestProgram, withNops } from './program.ts';

const NOP = 0x05;

function isNop(program: TestProgram, i: number): boolean {
  const { op, off } = program.code;
  return op[i] === NOP && off[i] === 0;
}

/**
 * Replaces instructions by `goto +0`, in halves, quarters, … and one by one, as long as `fails`
 * stays true. Both slots of an ld_imm64 go together.
 */
export function shrink(
  program: TestProgram,
  fails: (candidate: TestProgram) => boolean,
): TestProgram {
  let best = program;
  for (let size = best.code.length >> 1; size >= 1; size >>= 1) {
    for (let from = 0; from < best.code.length; from += size) {
      const slots = removable(best, from, size);
      if (slots.length === 0) continue;
      const candidate = withNops(best, slots);
      if (fails(candidate)) best = candidate;
    }
  }
  return best;
}

function removable(program: TestProgram, from: number, size: number): number[] {
  const { op, length } = program.code;
  const slots: number[] = [];
  for (let i = from; i < Math.min(from + size, length); i++) {
    if (isNop(program, i)) continue;
    if (op[i] === 0x18 && i + 1 < length) slots.push(i, i + 1);
    else if (op[i] !== 0) slots.push(i);
  }
  return slots;
}
