import type { Flow } from './dominators.ts';
import { type Graph, hasNext, NODE_COND, NODE_PART, NODE_STRAY, nodeSize } from './graph.ts';
import { NONE } from './program.ts';

/** Functions of more instructions are split, because optimising compilers take them as a whole. */
const SPLIT_ABOVE = 20_000;
/** Instructions of a part, at least. */
const PART = 10_000;

/**
 * Splits the graph of a large function into parts that run one after the other, each a graph whose
 * node 0 is its entry: where all control goes through one node and none comes back. Undefined for
 * functions that are not large or have no such places.
 */
export function splitGraph(graph: Graph, flow: Flow): Graph[] | undefined {
  const { order } = flow;
  let size = 0;
  for (const n of order) size += nodeSize(graph, n);
  if (size <= SPLIT_ABOVE) return undefined;
  const isCut = findCuts(graph, flow);
  const starts = [0];
  let sinceCut = 0;
  order.forEach((n, r) => {
    if (isCut[r] !== 0 && sinceCut >= PART) {
      starts.push(r);
      sinceCut = 0;
    }
    sinceCut += nodeSize(graph, n);
  });
  if (starts.length === 1) return undefined;
  return starts.map((start, k) => partOf(graph, flow, k, start, starts[k + 1] ?? order.length));
}

/** By rank: 1 = no edge jumps over it or back across it, and it is outside of expanded calls. */
function findCuts(graph: Graph, { order, predStart, preds }: Flow): Uint8Array {
  const count = order.length;
  const isCut = new Uint8Array(count);
  // Highest target of an edge from below each rank; lowest target of one from there on.
  const reach = new Int32Array(count + 1);
  const back = new Int32Array(count + 1).fill(count);
  for (let to = 0; to < count; to++) {
    for (let p = predStart[to]; p < predStart[to + 1]; p++) {
      const from = preds[p];
      reach[from + 1] = Math.max(reach[from + 1], to);
      back[from] = Math.min(back[from], to);
    }
  }
  for (let r = 1; r <= count; r++) reach[r] = Math.max(reach[r], reach[r - 1]);
  for (let r = count - 1; r >= 0; r--) back[r] = Math.min(back[r], back[r + 1]);
  for (let r = 1; r < count; r++) {
    if (reach[r] <= r && back[r] >= r && graph.frame[order[r]] === 0) isCut[r] = 1;
  }
  return isCut;
}

/** The nodes of ranks `start` up to `end`, and one that stands for the next part. */
function partOf(graph: Graph, flow: Flow, number: number, start: number, end: number): Graph {
  const { order, rank } = flow;
  const nodes = order.subarray(start, end);
  const part: Graph = {
    program: graph.program,
    frames: graph.frames,
    block: Array.from(nodes, (n) => graph.block[n]),
    frame: Array.from(nodes, (n) => graph.frame[n]),
    kind: Array.from(nodes, (n) => graph.kind[n]),
    taken: Array.from(nodes, (n) =>
      graph.kind[n] === NODE_COND ? rank[graph.taken[n]] - start : graph.taken[n],
    ),
    next: Array.from(nodes, (n) =>
      hasNext(graph, n) ? rank[graph.next[n]] - start : nextOfLast(graph, n),
    ),
  };
  if (end === order.length) return part;
  part.block.push(graph.block[order[end]]);
  part.frame.push(0);
  part.kind.push(NODE_PART);
  part.taken.push(number + 1);
  part.next.push(NONE);
  return part;
}

/** A stray node keeps an instruction where others have their successor. */
function nextOfLast(graph: Graph, n: number): number {
  return graph.kind[n] === NODE_STRAY ? graph.next[n] : NONE;
}
