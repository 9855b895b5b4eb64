import type { ChoicePoint, KernelMemory, ReuseEvent } from '../../kernel/index.ts';

/** One run of a scenario: what came of it, and the machine's memory afterwards. */
export interface Trial {
  /** Compared as JSON (with bigints): verdicts, contents of maps, whatever has to be the same. */
  readonly result: unknown;
  readonly memory: KernelMemory;
}

export interface ExploreOptions {
  /** Runs at most. Default 10,000. */
  readonly most?: number;
  /** Called before each run. */
  readonly onProgress?: (runs: number, known: number) => void;
}

/** Something that happens under some placements of grace periods: a result, a reuse. */
export interface Placement {
  /** What it is when no grace period ends: the one all others are compared with. */
  readonly isFirst: boolean;
  readonly result: unknown;
  /** The first reuse of an element under a reader's eyes, if there is one. */
  readonly reuse: ReuseEvent | undefined;
  /** The grace periods that end, in order; no shorter list leads here. */
  readonly schedule: readonly ChoicePoint[];
  /** The same as choices for `gracePeriods: { choices }`. */
  readonly choices: readonly boolean[];
  /** Placements that lead here, of those that were run. */
  count: number;
}

export interface Exploration {
  readonly runs: number;
  /** All placements were run; else there are more than `most`. */
  readonly complete: boolean;
  /** Most choices that one run asked for. */
  readonly choices: number;
  readonly placements: readonly Placement[];
}

/**
 * Runs a scenario over all placements of grace periods, those with the fewest ends first. What is
 * given makes a machine with `gracePeriods: { choices }` (and `detectReuse`, for reuses),
 * does the same each time, and returns what came of it. A choice is due after each invocation and
 * each command, and where a cache is refilled, if something waits for a grace period that may end
 * there.
 *
 * @example
 * const seen = await exploreGracePeriods(async (choices) => {
 *   const host = await createMachine({ gracePeriods: { choices }, detectReuse: true });
 *   const { programs } = await host.load('trie.bpf.o');
 *   const verdicts = packets.map((data) => programs.trie.run({ data }).verdict);
 *   return { result: verdicts, memory: host.memory };
 * });
 */
export async function exploreGracePeriods(
  scenario: (choices: readonly boolean[]) => Promise<Trial>,
  { most = 10_000, onProgress }: ExploreOptions = {},
): Promise<Exploration> {
  // Each list ends with a choice for an end, and is made by one with an end less: so none comes
  // twice, and they come by their number of ends.
  const todo: (readonly boolean[])[] = [[]];
  const placements = new Map<string, Placement>();
  let [runs, longest] = [0, 0];
  for (; runs < todo.length && runs < most; runs++) {
    onProgress?.(runs, todo.length);
    const choices = todo[runs]!;
    const { result, memory } = await scenario(choices);
    const { asked, points } = memory.choices;
    longest = Math.max(longest, asked);
    const [reuse] = memory.reuses;
    const key = JSON.stringify([result, reuse ? [reuse.name, reuse.obtained.insn] : 0], numbers);
    const known = placements.get(key);
    if (known) known.count++;
    else {
      const schedule = points.filter((_, i) => choices[i]);
      const isFirst = runs === 0;
      placements.set(key, { isFirst, result, reuse, schedule, choices, count: 1 });
    }
    for (let at = choices.length; at < asked && todo.length < most + 1; at++) {
      const more = Array.from({ length: at + 1 }, (_, i) => choices[i] ?? false);
      more[at] = true;
      todo.push(more);
    }
  }
  const complete = runs === todo.length;
  return { runs, complete, choices: longest, placements: [...placements.values()] };
}

function numbers(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
