/** Breakpoints as words: 'x.bpf.c:38', '*12', 'bpf_map_update_elem', 'watch:seen'. */
import type { CodeRow } from '../protocol.ts';

/** Before the name of a map: a program changes it. */
export const WATCH = 'watch:';

/** At a line of a file, by the file's own name. */
export const lineStop = ({ file, line }: { file: string; line: number }): string =>
  `${file.split('/').at(-1)}:${line}`;

export const insnStop = (insn: number): string => `*${insn}`;

/** A breakpoint in words for people. */
export function stopWords(stop: string): string {
  if (stop.startsWith(WATCH)) return `write to map ${stop.slice(WATCH.length)}`;
  if (stop.startsWith('*')) return `instruction ${stop.slice(1)}`;
  return /:\d+$/.test(stop) ? `line ${stop}` : `call of ${stop}`;
}

/** The command of `beeyard debug` that sets it. */
export const stopCommand = (stop: string): string =>
  stop.startsWith(WATCH) ? `watch ${stop.slice(WATCH.length)}` : `break ${stop}`;

/** With it, or without if it was there. */
export const toggled = (stops: readonly string[], stop: string): string[] =>
  stops.includes(stop) ? stops.filter((one) => one !== stop) : [...stops, stop];

/** Helpers and kernel functions that the listing calls: 'call bpf_map_lookup_elem#1'. */
export function calledNames(rows: readonly CodeRow[]): string[] {
  const names = rows.flatMap(({ text }) => /^\(?.*\bcall (bpf_\w+)/.exec(text)?.[1] ?? []);
  return [...new Set(names)].sort();
}
