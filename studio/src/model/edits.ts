/** The text in the editor: what changed, and where the compiler's words belong. */
import { sameSource } from './source.ts';

/** What `clang` says, as the server of the studio passes it on. */
export interface CompilerMessage {
  readonly severity: 'error' | 'warning' | 'note';
  readonly text: string;
  readonly file?: string;
  readonly line?: number;
  /** In bytes, from 1. */
  readonly column?: number;
  readonly from?: { readonly file: string; readonly line: number };
}

/** Something that is wrong, at a line of the source in the editor or at none of it. */
export interface Problem {
  readonly by: 'clang' | 'verifier';
  readonly severity: 'error' | 'warning' | 'note';
  readonly text: string;
  /** From 1; undefined: not in this source. */
  readonly line?: number;
  /** In letters, from 1. */
  readonly column?: number;
  /** 'own.h:3': where it is, if that is another file. */
  readonly place?: string;
}

/** Of headers the line of their `#include` is taken. */
export function problemOf(message: CompilerMessage, name: string, text: string): Problem {
  const { severity, text: words, file, line, column, from } = message;
  const problem = { by: 'clang', severity, text: words } as const;
  if (file === undefined || line === undefined) return problem;
  if (sameSource(file, name)) {
    const row = text.split('\n')[line - 1] ?? '';
    return { ...problem, line, column: lettersBefore(row, (column ?? 1) - 1) + 1 };
  }
  const place = `${file}:${line}`;
  const isFromHere = from && sameSource(from.file, name);
  return isFromHere ? { ...problem, place, line: from.line, column: 1 } : { ...problem, place };
}

/** Letters (of UTF-16) that so many bytes of UTF-8 are. */
function lettersBefore(row: string, bytes: number): number {
  return new TextDecoder().decode(new TextEncoder().encode(row).subarray(0, bytes)).length;
}

/** 'line 12, column 3: error: …', as it is read out. */
export function problemText({ by, severity, text, line, column, place }: Problem): string {
  const at =
    line === undefined ? '' : `line ${line}${by === 'clang' ? `, column ${column}` : ''}: `;
  const what = by === 'verifier' ? 'rejected' : severity;
  return `${at}${what}: ${text}${place === undefined ? '' : ` (${place})`}`;
}

/** '2 errors, 1 warning' */
export function countOf(messages: readonly Pick<CompilerMessage, 'severity'>[]): string {
  const counts = (['error', 'warning'] as const).flatMap((word) => {
    const count = messages.filter(({ severity }) => severity === word).length;
    return count === 0 ? [] : [`${count} ${word}${count === 1 ? '' : 's'}`];
  });
  return counts.join(', ');
}

/** The part in which two texts differ: what stands between what both begin and end with. */
export function changeOf(
  before: string,
  after: string,
): { readonly from: number; readonly to: number; readonly insert: string } {
  const most = Math.min(before.length, after.length);
  let from = 0;
  while (from < most && before[from] === after[from]) from++;
  let end = 0;
  while (end < most - from && before.at(-1 - end) === after.at(-1 - end)) end++;
  return { from, to: before.length - end, insert: after.slice(from, after.length - end) };
}
