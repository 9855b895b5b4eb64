/** Moves through a recorded run by instructions and by lines. */
import type { CodeRow, LinePlace, RecordedRun } from '../protocol.ts';

export type Move = 'insn' | 'line' | 'over';

type Steps = Pick<RecordedRun, 'insns' | 'frames'>;

const keyOf = (line: LinePlace | undefined): string => (line ? `${line.file}:${line.line}` : '');

/** Lines by instruction, also of second halves of ld_imm64. */
export function lineKeys(rows: readonly CodeRow[], insns: number): string[] {
  const keys = Array.from({ length: insns }, () => '');
  for (const { insn, line } of rows) keys[insn] = keyOf(line);
  return keys;
}

/** Where a move from step `at` ends; the first or last step where there is no other line. */
export function moved(
  { insns, frames }: Steps,
  lines: readonly string[],
  at: number,
  move: Move,
  by: 1 | -1,
): number {
  const last = insns.length - 1;
  const inside = (i: number) => Math.max(0, Math.min(last, i));
  if (move === 'insn') return inside(at + by);
  const key = (i: number) => `${frames[i]} ${lines[insns[i]!] ?? ''}`;
  const differs = (i: number) =>
    key(i) !== key(at) &&
    (lines[insns[i]!] ?? '') !== '' &&
    !(move === 'over' && frames[i]! > frames[at]!);
  let i = at + by;
  while (i >= 0 && i <= last && !differs(i)) i += by;
  if (i < 0 || i > last) return inside(i);
  // Backwards to where that line begins.
  while (by < 0 && i > 0 && key(i - 1) === key(i)) i--;
  return i;
}

/** Times each instruction ran. */
export function heatOf({ insns }: Steps, count: number): Uint32Array {
  const heat = new Uint32Array(count);
  for (const insn of insns) if (insn >= 0) heat[insn]!++;
  return heat;
}

/** The same by line: the most often run instruction of each. */
export function lineHeat(rows: readonly CodeRow[], heat: ArrayLike<number>): Map<string, number> {
  const byLine = new Map<string, number>();
  for (const { insn, line } of rows) {
    const key = keyOf(line);
    if (key) byLine.set(key, Math.max(byLine.get(key) ?? 0, heat[insn]!));
  }
  return byLine;
}

/** Lines that have code, and those of them that ran. */
export function covered(
  rows: readonly CodeRow[],
  heat: ArrayLike<number>,
): { readonly lines: number; readonly ran: number } {
  const counts = [...lineHeat(rows, heat).values()];
  return { lines: counts.length, ran: counts.filter((count) => count > 0).length };
}
