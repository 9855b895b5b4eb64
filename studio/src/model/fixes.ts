/** Fixes of a rejected program, put into its source. */
import type { SourceFix, VerifiedFix } from 'beeyard/verify';
import { sameSource, type SourceLine } from './source.ts';

/** Lines of a fix are `added`, those they stand in the place of `removed`. */
export interface FixedLine extends SourceLine {
  readonly change?: 'added' | 'removed' | undefined;
}

/** The source with the lines of a fix in their place. */
export function fixedLines(lines: readonly SourceLine[], fix: SourceFix | undefined): FixedLine[] {
  if (!fix) return [...lines];
  const at = lines.findIndex(({ file, line }) => file === fix.file && line === fix.line);
  if (at < 0) return [...lines];
  const added = fix.lines.map((text): FixedLine => {
    return { file: fix.file, line: 0, text, change: 'added' };
  });
  const removes = fix.insert === 'instead';
  const there: FixedLine = removes ? { ...lines[at]!, change: 'removed' } : lines[at]!;
  const part = fix.insert === 'before' ? [...added, there] : [there, ...added];
  return [...lines.slice(0, at), ...part, ...lines.slice(at + 1)];
}

/** The places of a fix in a source; undefined: not all of them are in that file. */
export function placesIn(fix: VerifiedFix, name: string): SourceFix[] | undefined {
  const places = [fix, ...fix.also].map(({ source }) => source);
  const isOwn = (one: SourceFix | undefined): one is SourceFix =>
    one !== undefined && sameSource(one.file, name);
  return places.every(isOwn) ? places : undefined;
}

/** Lines around a change that `patch` looks for. */
const CONTEXT = 3;

/** A fix as `patch` and `git apply` take it; undefined: the text has not got that line. */
export function patchOf(name: string, text: string, fix: SourceFix): string | undefined {
  const lines = text.replace(/\n$/, '').split('\n');
  const at = fix.line - 1;
  if (at < 0 || at >= lines.length) return undefined;
  const start = fix.insert === 'after' ? at + 1 : at;
  const end = fix.insert === 'instead' ? at + 1 : start;
  const before = lines.slice(Math.max(0, start - CONTEXT), start);
  const removed = lines.slice(start, end);
  const after = lines.slice(end, end + CONTEXT);
  const first = start - before.length + 1;
  const rest = before.length + after.length;
  return `${[
    `--- a/${name}`,
    `+++ b/${name}`,
    `@@ -${first},${rest + removed.length} +${first},${rest + fix.lines.length} @@`,
    ...before.map((line) => ` ${line}`),
    ...removed.map((line) => `-${line}`),
    ...fix.lines.map((line) => `+${line}`),
    ...after.map((line) => ` ${line}`),
  ].join('\n')}\n`;
}
