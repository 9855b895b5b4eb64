/** Blocks that follow each other taken together, so that large graphs can be looked at. */
import type { Link } from './layers.ts';

/** A link between groups, and the links it stands for. */
export interface FoldedLink extends Link {
  readonly links: readonly number[];
}

export interface Folded {
  /** By group: nodes in the order they follow each other. */
  readonly groups: readonly (readonly number[])[];
  readonly links: readonly FoldedLink[];
}

/**
 * Groups of nodes. Without `fold` each stands alone. With it a node joins the one before if there
 * is no other way to it, and what leaves the group on the way all goes to one place: checks in a
 * row that share their way out.
 */
export function foldGraph(count: number, links: readonly Link[], fold: boolean): Folded {
  const next: Set<number>[] = Array.from({ length: count }, () => new Set());
  const before: Set<number>[] = Array.from({ length: count }, () => new Set());
  for (const { from, to } of links) {
    next[from]!.add(to);
    before[to]!.add(from);
  }
  const groups: number[][] = [];
  const groupOf = new Int32Array(count).fill(-1);
  for (let node = 0; node < count; node++) {
    if (groupOf[node] !== -1) continue;
    const group = [node];
    groupOf[node] = groups.length;
    if (fold) follow(group, next, before, (one) => groupOf[one] !== -1);
    for (const one of group) groupOf[one] = groups.length;
    groups.push(group);
  }
  return { groups, links: linksBetween(links, groupOf) };
}

/** Adds to a group all that may follow it. */
function follow(
  group: number[],
  next: readonly Set<number>[],
  before: readonly Set<number>[],
  isTaken: (node: number) => boolean,
): void {
  let shared: number | undefined;
  for (;;) {
    const tail = group.at(-1)!;
    const found = [...next[tail]!].find((node) => {
      if (node === 0 || before[node]!.size !== 1 || isTaken(node) || group.includes(node))
        return false;
      const others = [...next[tail]!].filter((other) => other !== node);
      return others.every((other) => (shared ?? other) === other && next[node]!.has(other));
    });
    if (found === undefined) return;
    shared ??= [...next[tail]!].find((other) => other !== found);
    group.push(found);
  }
}

function linksBetween(links: readonly Link[], groupOf: Int32Array): FoldedLink[] {
  const found = new Map<string, { from: number; to: number; links: number[] }>();
  links.forEach((link, i) => {
    const [from, to] = [groupOf[link.from]!, groupOf[link.to]!];
    // Within a group links go down the row; one that goes up is a loop.
    if (from === to && link.to > link.from) return;
    const key = `${from} ${to}`;
    const one = found.get(key) ?? { from, to, links: [] };
    one.links.push(i);
    found.set(key, one);
  });
  return [...found.values()];
}
