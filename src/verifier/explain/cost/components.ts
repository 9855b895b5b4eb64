/**
 * The cycles among `nodes` (a subset of a graph): its strongly connected components of more than
 * one node, or of one that leads to itself. Tarjan's algorithm with a stack of its own, because
 * programs may be a million instructions deep.
 */
export function components(
  nodes: readonly number[],
  next: (node: number) => readonly number[],
): number[][] {
  const search = new Search(new Set(nodes), next);
  for (const node of nodes) search.from(node);
  return search.found;
}

interface Visit {
  readonly node: number;
  readonly next: readonly number[];
  at: number;
}

class Search {
  readonly found: number[][] = [];
  readonly #inside: ReadonlySet<number>;
  readonly #next: (node: number) => readonly number[];
  readonly #index = new Map<number, number>();
  readonly #low = new Map<number, number>();
  readonly #open = new Set<number>();
  readonly #order: number[] = [];

  constructor(inside: ReadonlySet<number>, next: (node: number) => readonly number[]) {
    this.#inside = inside;
    this.#next = next;
  }

  from(start: number): void {
    if (this.#index.has(start)) return;
    const path: Visit[] = [this.#enter(start)];
    for (let visit = path.at(-1); visit; visit = path.at(-1)) {
      const to = visit.next[visit.at++];
      if (to === undefined) {
        path.pop();
        this.#leave(visit.node, path.at(-1)?.node);
      } else if (!this.#index.has(to)) {
        if (this.#inside.has(to)) path.push(this.#enter(to));
      } else if (this.#open.has(to)) {
        this.#lower(visit.node, this.#index.get(to)!);
      }
    }
  }

  #enter(node: number): Visit {
    this.#index.set(node, this.#index.size);
    this.#low.set(node, this.#index.size - 1);
    this.#open.add(node);
    this.#order.push(node);
    return { node, next: this.#next(node), at: 0 };
  }

  #lower(node: number, to: number): void {
    if (to < this.#low.get(node)!) this.#low.set(node, to);
  }

  #leave(node: number, parent: number | undefined): void {
    const low = this.#low.get(node)!;
    if (parent !== undefined) this.#lower(parent, low);
    if (low !== this.#index.get(node)) return;
    const component = this.#order.splice(this.#order.lastIndexOf(node));
    for (const one of component) this.#open.delete(one);
    if (component.length > 1 || this.#next(node).includes(node)) this.found.push(component);
  }
}
