/**
 * The record that covers an instruction: the last one, of records ascending by `insn`, that starts
 * at or before it; undefined before the first.
 *
 * @example
 * lineOf(program.lines, 12)?.line; // of the source
 */
export function lineOf<Line extends { readonly insn: number }>(
  lines: readonly Line[],
  insn: number,
): Line | undefined {
  let low = -1;
  let high = lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lines[middle]!.insn <= insn) low = middle;
    else high = middle - 1;
  }
  return lines[low];
}
