import { type Flow, loopOf } from './dominators.ts';
import { type Graph, NODE_CALL, NODE_COND, hasNext, nodeSize } from './graph.ts';
import { BPF_X } from '../../isa/index.ts';
import { lastInsn, NONE } from './program.ts';

/** Instructions of a loop after unrolling, and most copies of its body. */
const UNROLLED_SIZE = 128;
const MAX_COPIES = 8;
/** Larger loops stay as they are. */
const MAX_BODY = 64;
/** Instructions that unrolling may add to one function. */
const BUDGET = 2000;

/**
 * Repeats the bodies of small innermost loops, each copy with all its exits: engines check for
 * interrupts once in each pass of a wasm loop, which is a large part of a short one. Returns
 * whether the graph was changed (its flow must then be analysed again).
 */
export function unrollLoops(graph: Graph, flow: Flow): boolean {
  if (!flow.reducible) return false;
  let left = BUDGET;
  for (const [header, nodes] of innermostLoops(flow)) {
    const size = nodes.reduce((sum, n) => sum + nodeSize(graph, n), 0);
    if (size > MAX_BODY || nodes.some((n) => graph.kind[n] === NODE_CALL)) continue;
    const copies = copiesOf(graph, nodes, size);
    if (copies < 2 || size * (copies - 1) > left) continue;
    repeat(graph, header, nodes, copies);
    left -= size * (copies - 1);
  }
  return left < BUDGET;
}

/**
 * How often a body is repeated. Loops that count up to a constant mostly count to a multiple of a
 * power of two: repeated that often, only one copy in each pass can be the last, and the analysis
 * finds that the tests of the others have one outcome.
 */
function copiesOf(graph: Graph, nodes: readonly number[], size: number): number {
  const copies = Math.min(MAX_COPIES, Math.floor(UNROLLED_SIZE / Math.max(1, size)));
  return nodes.some((n) => testsConstant(graph, n)) ? 2 ** Math.round(Math.log2(copies)) : copies;
}

/** Whether node `n` ends in a comparison with a constant other than 0. */
function testsConstant({ program, block, kind }: Graph, n: number): boolean {
  const { code } = program;
  const last = lastInsn(program, block[n]);
  return kind[n] === NODE_COND && (code.op[last] & BPF_X) === 0 && code.imm[last] > 0;
}

/** Header node and all nodes of each loop that contains no other loop. */
function innermostLoops(flow: Flow): Map<number, number[]> {
  const loops = new Map<number, number[]>();
  const outer = new Set<number>();
  for (let r = 0; r < flow.order.length; r++) {
    const header = loopOf(flow, r);
    if (header === NONE) continue;
    if (flow.isHeader[r] !== 0 && flow.loop[r] !== NONE) outer.add(flow.loop[r]);
    const nodes = loops.get(header);
    if (nodes === undefined) loops.set(header, [flow.order[r]]);
    else nodes.push(flow.order[r]);
  }
  const inner = new Map<number, number[]>();
  for (const [header, nodes] of loops) if (!outer.has(header)) inner.set(flow.order[header], nodes);
  return inner;
}

/** Chains `copies` copies of the loop: what went back to the header goes on to the next copy. */
function repeat(graph: Graph, header: number, nodes: readonly number[], copies: number): void {
  const first = graph.block.length;
  const position = new Map(nodes.map((n, k) => [n, k]));
  const nodeOf = (copy: number, n: number) =>
    copy === 0 ? n : first + (copy - 1) * nodes.length + position.get(n)!;
  const target = (copy: number, to: number) => {
    if (to === header) return nodeOf((copy + 1) % copies, header);
    return position.has(to) ? nodeOf(copy, to) : to;
  };
  for (let copy = copies - 1; copy >= 0; copy--) {
    for (const n of nodes) {
      const to = nodeOf(copy, n);
      graph.block[to] = graph.block[n];
      graph.frame[to] = graph.frame[n];
      graph.kind[to] = graph.kind[n];
      graph.taken[to] = graph.kind[n] === NODE_COND ? target(copy, graph.taken[n]) : graph.taken[n];
      graph.next[to] = hasNext(graph, n) ? target(copy, graph.next[n]) : graph.next[n];
    }
  }
}
