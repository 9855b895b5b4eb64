/** Moves over the verifier's walk. */
import type { WalkSteps } from '../protocol.ts';

export const KEPT = 1;
export const PRUNED = 2;

/** Number of the path a step is on. */
export function pathAt({ paths }: WalkSteps, step: number): number {
  let low = 0;
  let high = paths.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (paths[middle]!.start <= step) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The step a path ends with. */
export function endOfPath({ paths, insns }: WalkSteps, path: number): number {
  return (paths[path + 1]?.start ?? insns.length) - 1;
}

/** Steps shown of the way to a step, from there backwards. */
const LONGEST_WAY = 20_000;

/**
 * How the walk came to a step from where its function begins: steps of this path, of the one it was
 * put aside on, and so on; latest first.
 */
export function wayTo(steps: WalkSteps, step: number): number[] {
  const way: number[] = [];
  let path = pathAt(steps, step);
  for (let at = step; at >= 0 && way.length < LONGEST_WAY; ) {
    way.push(at);
    const { start, from } = steps.paths[path]!;
    if (at > start) at--;
    else {
      at = from;
      if (at >= 0) path = pathAt(steps, at);
    }
  }
  return way;
}

/** The end of this path, or of the next one; back: of the one before. */
export function pathEndBy(steps: WalkSteps, step: number, by: 1 | -1): number {
  const path = pathAt(steps, step);
  const end = endOfPath(steps, path);
  if (by < 0) return path === 0 ? 0 : endOfPath(steps, path - 1);
  return step < end ? end : endOfPath(steps, Math.min(path + 1, steps.paths.length - 1));
}

/** Steps in which a block was come to: the one after `step`, or the first. */
export function nextAt(steps: WalkSteps, blocks: readonly number[], step: number): number {
  const wanted = new Set(blocks);
  const from = steps.blocks.findIndex((block, i) => i > step && wanted.has(block));
  return from >= 0 ? from : steps.blocks.findIndex((block) => wanted.has(block));
}

/** Why a path goes no further. */
export function endWord(steps: WalkSteps, step: number, ok: boolean): string | undefined {
  if (steps.marks[step]! & PRUNED) return 'pruned';
  if (endOfPath(steps, pathAt(steps, step)) !== step) return undefined;
  return !ok && step === steps.insns.length - 1 ? 'rejected' : 'done';
}

export interface StateDifference {
  readonly name: string;
  readonly now: string;
  /** In the state it is compared with. */
  readonly other: string;
  readonly differs: boolean;
}

interface Named {
  readonly name: string;
  readonly value: string;
}

/** Two states side by side, by register and slot. Ids count afresh in each: they do not differ. */
export function compareStates(now: readonly Named[], other: readonly Named[]): StateDifference[] {
  const values = new Map(other.map(({ name, value }) => [name, value]));
  const names = new Set([...now, ...other].map(({ name }) => name));
  const mine = new Map(now.map(({ name, value }) => [name, value]));
  return [...names].sort(byName).map((name) => {
    const [a, b] = [mine.get(name) ?? '', values.get(name) ?? ''];
    return { name, now: a, other: b, differs: plain(a) !== plain(b) };
  });
}

/** Without what never makes states differ: ids, and 'P' for numbers that must be exact. */
const plain = (value: string): string =>
  value
    .replace(/^P(?=-?\d|scalar)/, '')
    .replace(/\bid=\d+(?:[+-]\d+)?,?/g, '')
    .replace('()', '');

/** R2 before R10, and the stack below them. */
function byName(a: string, b: string): number {
  const rank = (name: string): number =>
    name.startsWith('R') ? Number(name.slice(1)) : 100 - Number(name.slice(2));
  return rank(a) - rank(b);
}
