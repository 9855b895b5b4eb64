/** What a query says of a place with ordered programs (BPF_PROG_QUERY). */
export interface PresentOrder {
  readonly revision: number | bigint;
  /** Ids, in the order they run; `link`: the id of the link that holds it there. */
  readonly programs: readonly { readonly program: number; readonly link?: number }[];
}

/** One command. The revision is what the place has when its turn comes. */
export type OrderStep = { readonly program: number; readonly expectedRevision: bigint } & (
  | { readonly do: 'detach'; readonly link?: number }
  /** Takes the place of `replaces`; with a link that holds it by BPF_LINK_UPDATE. */
  | { readonly do: 'replace'; readonly replaces: number; readonly link?: number }
  /** Behind a program, in front of all, or (without either) as the only one. */
  | { readonly do: 'attach'; readonly after?: number; readonly before?: 'all' }
);

export interface PlanOptions {
  /** The revision goes on when the last program has left: netkit, or tcx beside a clsact qdisc. */
  readonly keepsRevision?: boolean;
}

type Change = 'keep' | 'leave' | 'come' | 'swap';

/**
 * A short way from one order of programs to another: the edits with the fewest commands, each with
 * the revision it expects, so that somebody else's change stops the plan (ESTALE). A program that
 * moves is detached and comes again: Linux has no other way. One command more is needed for each
 * circle of programs that would have to take each other's places. Throws RangeError for a program
 * that is wanted twice.
 *
 * @example
 * planOrder({ revision: 3, programs: [{ program: 1 }, { program: 2 }] }, [1, 5, 2]);
 * // [{ do: 'attach', program: 5, after: 1, expectedRevision: 3n }]
 */
export function planOrder(
  present: PresentOrder,
  wanted: readonly number[],
  options: PlanOptions = {},
): OrderStep[] {
  if (new Set(wanted).size !== wanted.length) throw new RangeError('a program is wanted twice');
  const from = present.programs.map(({ program }) => program);
  const cost = costs(from, wanted);
  let best: OrderStep[] | undefined;
  let tried = 0;
  for (const changes of edits(from, wanted, cost, 0, 0)) {
    const planner = new Planner(present, wanted, options.keepsRevision === true);
    const steps = planner.run(changes);
    if (!best || steps.length < best.length) best = steps;
    if (best.length === cost[0]![0] || ++tried === EDITS_TRIED) break;
  }
  return best!;
}

/** Of edits with equally many commands some have circles; the first without one will do. */
const EDITS_TRIED = 1000;

/** Edits from `from` to `to` with the fewest commands: 'keep' and 'swap' take one of each. */
function* edits(
  from: readonly number[],
  to: readonly number[],
  cost: readonly (readonly number[])[],
  i: number,
  j: number,
): Generator<Change[]> {
  if (i === from.length && j === to.length) {
    yield [];
    return;
  }
  const now = cost[i]![j]!;
  const ways: [Change, number, number, number][] = [
    [from[i] === to[j] ? 'keep' : 'swap', 1, 1, from[i] === to[j] ? 0 : 1],
    ['leave', 1, 0, 1],
    ['come', 0, 1, 1],
  ];
  for (const [change, left, right, commands] of ways) {
    if (cost[i + left]?.[j + right] !== now - commands) continue;
    for (const rest of edits(from, to, cost, i + left, j + right)) yield [change, ...rest];
  }
}

/** [i][j]: how many commands from the i-th on make what is wanted from the j-th on. */
function costs(from: readonly number[], to: readonly number[]): number[][] {
  const cost = Array.from({ length: from.length + 1 }, () => Array<number>(to.length + 1).fill(0));
  for (let i = from.length; i >= 0; i--) {
    for (let j = to.length; j >= 0; j--) {
      if (i === from.length || j === to.length) cost[i]![j] = from.length - i + to.length - j;
      else {
        const either = Math.min(cost[i + 1]![j]!, cost[i]![j + 1]!) + 1;
        cost[i]![j] = Math.min(either, cost[i + 1]![j + 1]! + (from[i] === to[j] ? 0 : 1));
      }
    }
  }
  return cost;
}

class Planner {
  readonly #steps: OrderStep[] = [];
  readonly #wanted: readonly number[];
  readonly #links: ReadonlyMap<number, number>;
  readonly #keepsRevision: boolean;
  #order: number[];
  #revision: bigint;

  constructor(present: PresentOrder, wanted: readonly number[], keepsRevision: boolean) {
    this.#wanted = wanted;
    this.#keepsRevision = keepsRevision;
    this.#revision = BigInt(present.revision);
    this.#order = present.programs.map(({ program }) => program);
    this.#links = new Map(
      present.programs.flatMap(({ program, link }) =>
        link === undefined || link === 0 ? [] : [[program, link] as const],
      ),
    );
  }

  run(changes: readonly Change[]): OrderStep[] {
    const leaving: number[] = [];
    const swaps = new Map<number, number>();
    let i = 0;
    let j = 0;
    for (const change of changes) {
      if (change === 'leave') leaving.push(this.#order[i]!);
      if (change === 'swap') swaps.set(this.#order[i]!, this.#wanted[j]!);
      if (change !== 'come') i++;
      if (change !== 'leave') j++;
    }
    for (const program of leaving) this.#detach(program);
    this.#swapAll(swaps);
    this.#attachMissing();
    return this.#steps;
  }

  /** A program comes only when it is nowhere else; a circle is opened by one that leaves. */
  #swapAll(swaps: Map<number, number>): void {
    while (swaps.size > 0) {
      const free = [...swaps].find(([, comes]) => !this.#order.includes(comes));
      if (free) this.#replace(...free);
      const [leaves] = free ?? [...swaps][0]!;
      if (!free) this.#detach(leaves);
      swaps.delete(leaves);
    }
  }

  #attachMissing(): void {
    for (const [i, program] of this.#wanted.entries()) {
      if (this.#order[i] === program) continue;
      const expectedRevision = this.#revision;
      const where =
        i > 0
          ? { after: this.#wanted[i - 1]! }
          : this.#order.length > 0
            ? ({ before: 'all' } as const)
            : {};
      this.#steps.push({ do: 'attach', program, ...where, expectedRevision });
      this.#becomes(this.#order.toSpliced(i, 0, program));
    }
  }

  #detach(program: number): void {
    const expectedRevision = this.#revision;
    this.#steps.push({ do: 'detach', program, ...this.#linkOf(program), expectedRevision });
    this.#becomes(this.#order.filter((one) => one !== program));
  }

  #replace(replaces: number, program: number): void {
    const expectedRevision = this.#revision;
    const link = this.#linkOf(replaces);
    this.#steps.push({ do: 'replace', program, replaces, ...link, expectedRevision });
    this.#becomes(this.#order.with(this.#order.indexOf(replaces), program));
  }

  #linkOf(program: number): { readonly link?: number } {
    const link = this.#links.get(program);
    return link === undefined ? {} : { link };
  }

  #becomes(order: number[]): void {
    this.#order = order;
    this.#revision = order.length === 0 && !this.#keepsRevision ? 1n : this.#revision + 1n;
  }
}
