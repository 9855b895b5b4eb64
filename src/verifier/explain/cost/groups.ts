/** What was counted by instruction, put together by source line: unrolled code repeats itself. */
import type { VerifierEnv } from '../../env.ts';
import { lineOf } from '../../../object/index.ts';
import { MAX_REGS } from '../../state/layout.ts';
import { describe, placeName } from '../insn.ts';
import { type CostCollector, PAIR } from './collector.ts';
import { NO_PLACE } from './compare.ts';
import { type Loop, loopsOf } from './loops.ts';
import type { Miss } from './misses.ts';
import type { LoopCost, MissCost, PairCost } from './types.ts';

/** Pairs of branches that are told; there may be thousands. */
const MOST_PAIRS = 64;
/** A miss farther behind a branch than this has other reasons. */
const NEAR = 256;

/** Names the source line of an instruction, or the instruction where there is none. */
export function lineKey(env: VerifierEnv, insn: number): string {
  const line = lineOf(env.input.lineInfo, insn);
  return line ? `${line.line} ${line.file}` : String(insn);
}

function grouped<T>(items: Iterable<T>, keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups.values()];
}

function total<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0);
}

/** Groups of misses, the most frequent first. */
export function missGroups(collector: CostCollector): Miss[][] {
  const all = [...collector.misses.misses.values()].sort((a, b) => b.count - a.count);
  const groups = grouped(all, ({ insn, kind, frame, record }) => {
    return `${kind} ${frame} ${record} ${lineKey(collector.env, insn)}`;
  });
  return groups.sort((a, b) => total(b, (one) => one.count) - total(a, (one) => one.count));
}

/** One row of a group; `loop`: index of the loop it is in. */
export function missCost(
  { env, missCount }: CostCollector,
  group: readonly Miss[],
  loop: number,
): MissCost {
  const [first] = group;
  const { insn, kind, frame, record, old, current } = first!;
  const isRegister = record < MAX_REGS;
  const askers = [...first!.askers].sort((a, b) => b[1] - a[1]);
  const asker = kind === 'range' || kind === 'ids' ? askers[0]?.[0] : undefined;
  const place = {
    frame,
    register: isRegister ? record : -1,
    slot: isRegister ? 0 : record - MAX_REGS,
  };
  return {
    at: describe(env, insn),
    kind,
    place: record === NO_PLACE ? '' : placeName(place),
    count: total(group, (one) => one.count),
    alone: total(group, (one) => one.alone),
    compared: total(group, (one) => missCount[one.insn]!),
    old,
    current,
    precise: asker === undefined ? undefined : describe(env, asker),
    loop,
  };
}

/** Loops by source line, the dearest first, with what belongs to each. */
export class LoopGroups {
  readonly costs: readonly LoopCost[];
  /** By instruction: index in `costs` of the innermost loop. */
  readonly #innermost = new Map<number, number>();

  constructor(collector: CostCollector) {
    const { env } = collector;
    const keyOf = (loop: Loop) => lineKey(env, loop.header);
    const loops = loopsOf(collector);
    // One in another of the same line is a part of it.
    const own = loops.filter((loop) => !outersOf(loop).some((one) => keyOf(one) === keyOf(loop)));
    const rows = grouped(own, keyOf)
      .map((group) => ({ key: keyOf(group[0]!), cost: loopCost(collector, group) }))
      .sort((a, b) => b.cost.processed - a.cost.processed);
    this.costs = rows.map(({ cost }) => cost);
    const indices = new Map(rows.map(({ key }, i) => [key, i]));
    for (const loop of loops) {
      for (const insn of loop.body) this.#innermost.set(insn, indices.get(keyOf(loop))!);
    }
  }

  /** Index in `costs` of the innermost loop `insn` is in, or -1. */
  indexAt(insn: number): number {
    return this.#innermost.get(insn) ?? -1;
  }
}

function outersOf(loop: Loop): Loop[] {
  return loop.outer ? [loop.outer, ...outersOf(loop.outer)] : [];
}

function loopCost({ env, processed, stateCount }: CostCollector, group: readonly Loop[]): LoopCost {
  const { header } = group[0]!;
  const index = env.subprogs.findLastIndex(({ start }) => start <= header);
  const count = (of: Uint32Array) => total(group, (loop) => total(loop.body, (insn) => of[insn]!));
  return {
    at: describe(env, header),
    copies: group.length,
    function: functionName(env, index),
    entered: total(group, (loop) => loop.entered),
    rounds: total(group, (loop) => loop.rounds),
    processed: count(processed),
    states: count(stateCount),
    iterator: group.some((loop) => loop.iterator),
  };
}

/** As BTF calls it; the program's name for its main function, a number for others. */
export function functionName(env: VerifierEnv, index: number): string {
  return env.subprogs[index]!.name || (index === 0 ? env.input.name : `func#${index}`);
}

interface Pair {
  readonly first: number;
  readonly second: number;
  readonly ways: [number, number];
}

/** Pairs of branches by source line, those that multiply most first. */
export function pairCosts(collector: CostCollector, misses: readonly Miss[][]): PairCost[] {
  const { env } = collector;
  const groups = grouped(
    pairsOf(collector),
    ({ first, second }) => `${lineKey(env, first)} ${lineKey(env, second)}`,
  );
  const least = (group: readonly Pair[]) => total(group, ({ ways }) => Math.min(...ways));
  return groups
    .sort((a, b) => least(b) - least(a))
    .slice(0, MOST_PAIRS)
    .map((group) => {
      const { first, second } = group[0]!;
      return {
        first: describe(env, first),
        second: describe(env, second),
        wentOn: total(group, ({ ways }) => ways[0]),
        jumped: total(group, ({ ways }) => ways[1]),
        because: reasonOf(group, misses),
      };
    });
}

/** Index of the group with most misses between the branches. */
function reasonOf(pairs: readonly Pair[], misses: readonly Miss[][]): number {
  const { first, second } = pairs[0]!;
  if (second - first > NEAR) return -1;
  return misses.findIndex((group) => group.some(({ insn }) => insn > first && insn <= second));
}

/** Pairs of which the second was gone both ways after both ways of the first. */
function pairsOf({ forks }: CostCollector): Pair[] {
  const pairs = new Map<number, Pair>();
  for (const [key, count] of forks) {
    const second = key % PAIR;
    const way = (key - second) / PAIR;
    const first = way >> 1;
    const id = first * PAIR + second;
    let pair = pairs.get(id);
    if (!pair) pairs.set(id, (pair = { first, second, ways: [0, 0] }));
    pair.ways[way & 1]! += count;
  }
  return [...pairs.values()]
    .filter(({ ways: [wentOn, jumped] }) => wentOn > 0 && jumped > 0)
    .sort((a, b) => Math.min(...b.ways) - Math.min(...a.ways));
}
