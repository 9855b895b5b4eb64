/** The source beside the code: a file as it was given, or the lines the object knows. */
import type { CodeRow, LinePlace, SourceText } from '../protocol.ts';

export interface SourceLine extends LinePlace {
  readonly text: string;
  /** First instruction of its code; undefined: it has none. */
  readonly insn?: number | undefined;
}

const sameName = (a: string, b: string): boolean => a.split('/').at(-1) === b.split('/').at(-1);

/** Rows of the source pane. `given`: text of the source whose name the object knows. */
export function sourceLines(
  rows: readonly CodeRow[],
  lines: readonly SourceText[],
  given?: { readonly name: string; readonly text: string },
): SourceLine[] {
  const starts = new Map<string, number>();
  for (const { insn, line } of rows) {
    const key = line && `${line.file}:${line.line}`;
    if (key && !starts.has(key)) starts.set(key, insn);
  }
  const main = given && lines.find(({ file }) => sameSource(file, given.name))?.file;
  const whole = main && given ? wholeFile(main, given.text) : [];
  const known = new Map<string, SourceText>();
  for (const one of lines) if (one.file !== main) known.set(`${one.file}:${one.line}`, one);
  const rest = [...known.values()].sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
  return [...whole, ...rest].map((one) => ({
    ...one,
    insn: starts.get(`${one.file}:${one.line}`),
  }));
}

/** Gallery files have the example's name before theirs: 'vitest-synlimit.bpf.c'. */
export const sameSource = (file: string, given: string): boolean =>
  sameName(file, given) || given.endsWith(`-${file.split('/').at(-1)}`);

function wholeFile(file: string, text: string): SourceText[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line, i) => ({ file, line: i + 1, text: line }));
}
