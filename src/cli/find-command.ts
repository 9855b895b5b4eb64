import type { CommandDef } from './command.ts';
import { COMMANDS } from './commands.ts';

/** bpftool's nouns in its order: where an abbreviation fits several words, the first is meant. */
const BPFTOOL_NOUNS = [
  'batch',
  'prog',
  'map',
  'link',
  'cgroup',
  'perf',
  'net',
  'feature',
  'btf',
  'gen',
  'struct_ops',
  'iter',
  'version',
  'token',
];

/**
 * The command that the first words call. Words may be abbreviated as bpftool's may: `p d x` is
 * `prog dump xlated`.
 */
export function findCommand(typed: readonly string[]): CommandDef | undefined {
  const { words, group } = groupOf(typed);
  return group.find(({ path }) => path.length === words.length);
}

/** The words that are understood, written out, and the commands that start with them. */
export function groupOf(typed: readonly string[]): {
  readonly words: readonly string[];
  readonly group: readonly CommandDef[];
  readonly nouns: readonly string[];
} {
  const words: string[] = [];
  let group: readonly CommandDef[] = COMMANDS;
  for (const word of typed) {
    const depth = words.length;
    const full = meant(word, depth, group);
    if (full === undefined) break;
    words.push(full);
    group = group.filter(({ path }) => path[depth] === full);
  }
  return { words, group, nouns: [...new Set(COMMANDS.map(({ path }) => path[0]!))] };
}

/** The word of the table that `typed` stands for at this depth. */
function meant(typed: string, depth: number, group: readonly CommandDef[]): string | undefined {
  const known = group.flatMap(({ path, alias }): [spelling: string, word: string][] => {
    const word = path[depth];
    if (word === undefined) return [];
    const last = depth === path.length - 1;
    return last && alias
      ? [
          [word, word],
          [alias, word],
        ]
      : [[word, word]];
  });
  const exact = known.find(([spelling]) => spelling === typed);
  if (exact || typed === '') return exact?.[1];
  const fitting = known.filter(([spelling]) => spelling.startsWith(typed)).map(([, word]) => word);
  const first = depth === 0 ? BPFTOOL_NOUNS.find((noun) => fitting.includes(noun)) : undefined;
  return first ?? fitting[0];
}
