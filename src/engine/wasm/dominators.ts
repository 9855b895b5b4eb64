import { type Graph, nodeCount, successorsOf } from './graph.ts';
import { NONE } from './program.ts';

/**
 * Reverse postorder, immediate dominators and loops of a graph. Everything here works in
 * positions of the reverse postorder ("ranks"), so that a forward edge goes from a lower to a
 * higher rank. Dominators after Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm".
 */
export interface Flow {
  /** Nodes by rank. */
  readonly order: Int32Array;
  /** Rank by node; NONE = unreachable. */
  readonly rank: Int32Array;
  /** Predecessors by rank, as ranks: predecessor k of r is preds[predStart[r] + k]. */
  readonly predStart: Int32Array;
  readonly preds: Int32Array;
  /** Immediate dominator by rank (of the entry: itself). */
  readonly idom: Int32Array;
  /** Rank of the header of the innermost loop around each rank, NONE = in no loop. */
  readonly loop: Int32Array;
  /** By rank: 1 = some edge goes back to it. */
  readonly isHeader: Uint8Array;
  /** False when an edge enters a loop past its header. */
  readonly reducible: boolean;
}

export function analyseFlow(graph: Graph): Flow {
  const { order, rank } = reversePostorder(graph);
  const { predStart, preds } = predecessors(graph, order, rank);
  const idom = immediateDominators(order.length, predStart, preds);
  const { isHeader, reducible } = findHeaders(predStart, preds, idom);
  const loop = reducible
    ? findLoops(predStart, preds, idom, isHeader)
    : new Int32Array(order.length).fill(NONE);
  return { order, rank, predStart, preds, idom, loop, isHeader, reducible };
}

/**
 * The jump target is visited before the block that follows, so in the result it comes after it:
 * code keeps the order the C compiler gave it.
 */
function reversePostorder(graph: Graph) {
  const total = nodeCount(graph);
  const state = new Uint8Array(total);
  const stack = [0];
  const post: number[] = [];
  const succ = [0, 0];
  state[0] = 1;
  while (stack.length > 0) {
    const node = stack[stack.length - 1];
    const count = successorsOf(graph, node, succ);
    let pushed = false;
    while (state[node] <= count && !pushed) {
      const child = succ[state[node]++ - 1];
      if (state[child] !== 0) continue;
      state[child] = 1;
      stack.push(child);
      pushed = true;
    }
    if (!pushed) post.push(stack.pop()!);
  }
  const order = Int32Array.from(post.reverse());
  const rank = new Int32Array(total).fill(NONE);
  order.forEach((node, r) => {
    rank[node] = r;
  });
  return { order, rank };
}

function predecessors(graph: Graph, order: Int32Array, rank: Int32Array) {
  const predStart = new Int32Array(order.length + 1);
  const succ = [0, 0];
  for (const node of order) {
    const count = successorsOf(graph, node, succ);
    for (let k = 0; k < count; k++) predStart[rank[succ[k]] + 1]++;
  }
  for (let r = 0; r < order.length; r++) predStart[r + 1] += predStart[r];
  const fill = predStart.slice();
  const preds = new Int32Array(predStart[order.length]);
  for (let r = 0; r < order.length; r++) {
    const count = successorsOf(graph, order[r], succ);
    for (let k = 0; k < count; k++) preds[fill[rank[succ[k]]]++] = r;
  }
  return { predStart, preds };
}

function immediateDominators(count: number, predStart: Int32Array, preds: Int32Array): Int32Array {
  const idom = new Int32Array(count).fill(NONE);
  if (count > 0) idom[0] = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (let r = 1; r < count; r++) {
      let common = NONE;
      for (let p = predStart[r]; p < predStart[r + 1]; p++) {
        const pred = preds[p];
        if (idom[pred] === NONE) continue;
        common = common === NONE ? pred : commonDominator(idom, pred, common);
      }
      if (idom[r] !== common) {
        idom[r] = common;
        changed = true;
      }
    }
  }
  return idom;
}

function commonDominator(idom: Int32Array, a: number, b: number): number {
  let x = a;
  let y = b;
  while (x !== y) {
    while (x > y) x = idom[x];
    while (y > x) y = idom[y];
  }
  return x;
}

/** Whether rank `a` dominates rank `b`. */
export function dominates(idom: Int32Array, a: number, b: number): boolean {
  let x = b;
  while (x > a) x = idom[x];
  return x === a;
}

function findHeaders(predStart: Int32Array, preds: Int32Array, idom: Int32Array) {
  const isHeader = new Uint8Array(idom.length);
  let reducible = true;
  for (let r = 0; r < idom.length; r++) {
    for (let p = predStart[r]; p < predStart[r + 1]; p++) {
      if (preds[p] < r) continue;
      isHeader[r] = 1;
      if (!dominates(idom, r, preds[p])) reducible = false;
    }
  }
  return { isHeader, reducible };
}

/** Innermost loops: headers from the last to the first, each claims what is not yet claimed. */
function findLoops(
  predStart: Int32Array,
  preds: Int32Array,
  idom: Int32Array,
  isHeader: Uint8Array,
): Int32Array {
  const loop = new Int32Array(idom.length).fill(NONE);
  const work: number[] = [];
  for (let header = idom.length - 1; header >= 0; header--) {
    if (isHeader[header] === 0) continue;
    for (let p = predStart[header]; p < predStart[header + 1]; p++) {
      if (preds[p] >= header) work.push(preds[p]);
    }
    claimLoop(header, work, loop, predStart, preds);
  }
  return loop;
}

/**
 * Walks from the sources of back edges (in `work`) to the header. An inner loop met on the way is
 * crossed by its outermost header. The entry of a header names the loop around it; `loopOf` gives
 * its own.
 */
function claimLoop(
  header: number,
  work: number[],
  loop: Int32Array,
  predStart: Int32Array,
  preds: Int32Array,
): void {
  for (let r = work.pop(); r !== undefined; r = work.pop()) {
    let outer = r;
    while (outer !== header && loop[outer] !== NONE && loop[outer] !== header) outer = loop[outer];
    if (outer === header || loop[outer] === header) continue;
    loop[outer] = header;
    for (let p = predStart[outer]; p < predStart[outer + 1]; p++) work.push(preds[p]);
  }
}

/** Header of the innermost loop that contains rank `r`, a header counting as inside its loop. */
export function loopOf(flow: Flow, r: number): number {
  return flow.isHeader[r] !== 0 ? r : flow.loop[r];
}

/** Whether rank `r` is in the loop with this header. */
export function inLoop(flow: Flow, r: number, header: number): boolean {
  let h = loopOf(flow, r);
  while (h !== NONE && h !== header) h = flow.loop[h];
  return h === header;
}
