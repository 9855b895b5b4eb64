/** Which layer of a drawing a node stands in, and which edges go back up. */

/** By numbers of nodes. */
export interface Link {
  readonly from: number;
  readonly to: number;
}

export interface Layers {
  /** By node. */
  readonly layer: Int32Array;
  /** By link: true if it closes a loop. */
  readonly back: readonly boolean[];
  /** Nodes as a search in depth leaves them, last first: links that are not back go on in it. */
  readonly order: readonly number[];
}

/** Every node below all that lead to it; nodes are searched in the order of their numbers. */
export function layersOf(count: number, links: readonly Link[]): Layers {
  const out: number[][] = Array.from({ length: count }, () => []);
  links.forEach(({ from }, i) => out[from]!.push(i));
  const back = links.map(() => false);
  const order = orderOf(count, links, out, back);
  const layer = new Int32Array(count);
  for (const node of order) {
    for (const link of out[node]!) {
      const { to } = links[link]!;
      if (!back[link]) layer[to] = Math.max(layer[to]!, layer[node]! + 1);
    }
  }
  return { layer, back, order };
}

const NEW = 0;
const OPEN = 1;
const DONE = 2;

function orderOf(
  count: number,
  links: readonly Link[],
  out: readonly (readonly number[])[],
  back: boolean[],
): number[] {
  const state = new Uint8Array(count).fill(NEW);
  const next = new Int32Array(count);
  const order: number[] = [];
  for (let root = 0; root < count; root++) {
    if (state[root] !== NEW) continue;
    const path = [root];
    state[root] = OPEN;
    while (path.length > 0) {
      const node = path.at(-1)!;
      const link = out[node]![next[node]!++];
      if (link === undefined) {
        state[node] = DONE;
        order.push(node);
        path.pop();
        continue;
      }
      const { to } = links[link]!;
      if (state[to] === OPEN) back[link] = true;
      else if (state[to] === NEW) {
        state[to] = OPEN;
        path.push(to);
      }
    }
  }
  return order.reverse();
}
