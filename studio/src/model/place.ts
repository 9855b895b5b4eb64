/** Order and place of nodes within the layers of a drawing. */

/** A node, or a bend of an edge that passes through a layer. */
export interface Item {
  readonly layer: number;
  readonly width: number;
  /** Items in the layers above and below that edges connect it with. */
  readonly above: number[];
  readonly below: number[];
  /** Edges through bends are to be straight. */
  readonly isBend: boolean;
}

const GAP = 28;
const BEND_GAP = 14;
const SWEEPS = 8;
const PASSES = 12;

/** Items of each layer from left to right so that few edges cross (by medians, up and down). */
export function orderLayers(items: readonly Item[], layers: number[][]): void {
  const place = new Float64Array(items.length);
  const note = (layer: readonly number[]) => layer.forEach((item, i) => (place[item] = i));
  layers.forEach(note);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      const wanted = new Map(
        layer.map((item) => {
          const near = down ? items[item]!.above : items[item]!.below;
          return [item, near.length > 0 ? median(near.map((one) => place[one]!)) : place[item]!];
        }),
      );
      layer.sort((a, b) => wanted.get(a)! - wanted.get(b)! || place[a]! - place[b]!);
      note(layer);
    }
  }
}

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  const middle = values.length >> 1;
  if (values.length % 2 === 1) return values[middle]!;
  return (values[middle - 1]! + values[middle]!) / 2;
}

/** Centres of items: each near those it is connected with, none over its neighbour. */
export function placeLayers(items: readonly Item[], layers: readonly number[][]): Float64Array {
  const x = new Float64Array(items.length);
  for (const layer of layers) settle(items, layer, x, () => 0);
  for (let pass = 0; pass < PASSES; pass++) {
    const down = pass % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      // Both sides count: by one alone long graphs would drift away, layer by layer.
      settle(items, layer, x, (item) => {
        const { above, below } = items[item]!;
        const count = above.length + below.length;
        if (count === 0) return x[item]!;
        const sum = above.reduce((all, other) => all + x[other]!, 0);
        return below.reduce((all, other) => all + x[other]!, sum) / count;
      });
    }
  }
  return x;
}

/** Least distance between the centres of neighbours. */
function apart(a: Item, b: Item): number {
  const gap = a.isBend && b.isBend ? BEND_GAP : GAP;
  return (a.width + b.width) / 2 + gap;
}

interface Run {
  sum: number;
  weight: number;
  count: number;
}

/** The places nearest to the wanted ones that keep order and distance (pooled where they clash). */
function settle(
  items: readonly Item[],
  layer: readonly number[],
  x: Float64Array,
  wanted: (item: number) => number,
): void {
  const offsets: number[] = [];
  const runs: Run[] = [];
  let offset = 0;
  layer.forEach((item, i) => {
    if (i > 0) offset += apart(items[layer[i - 1]!]!, items[item]!);
    offsets.push(offset);
    const weight = items[item]!.isBend ? 2 : 1;
    let run: Run = { sum: weight * (wanted(item) - offset), weight, count: 1 };
    for (let last = runs.at(-1); last && last.sum / last.weight > run.sum / run.weight; ) {
      run = {
        sum: run.sum + last.sum,
        weight: run.weight + last.weight,
        count: run.count + last.count,
      };
      runs.pop();
      last = runs.at(-1);
    }
    runs.push(run);
  });
  let i = 0;
  for (const { sum, weight, count } of runs) {
    for (const end = i + count; i < end; i++) x[layer[i]!] = sum / weight + offsets[i]!;
  }
}
