import type { ByteSink } from './encoder.ts';
import { type Flow, inLoop, loopOf } from './dominators.ts';
import { type Graph, hasNext, NODE_COND } from './graph.ts';
import {
  BLOCK,
  BR,
  BR_IF,
  BR_TABLE,
  END,
  IF,
  LOCAL_GET,
  LOCAL_SET,
  LOOP,
  I32_CONST,
  UNREACHABLE,
} from './opcodes.ts';
import { NONE } from './program.ts';

/** What the structurer needs to know of instructions. */
export interface NodeEmitter {
  readonly sink: ByteSink;
  /** Blocks, loops and ifs open around the next instruction. */
  readonly depth: number;
  /** Opens a block, loop or if. */
  start(opcode: number): void;
  /** Emits an instruction without operands; END closes what `start` opened. */
  op(opcode: number): void;
  /** Everything the node does before it hands over control; a return or trap included. */
  body(node: number): void;
  /** Whether control never comes here: its code is left out. */
  isDead(node: number): boolean;
  /** After the body: whether the node's conditional jump is always or never taken, if known. */
  outcome(node: number): boolean | undefined;
  /** Pushes 1 if the node's conditional jump is taken (or is not, if `inverted`). */
  condition(node: number, inverted: boolean): void;
  /** Whether code must run on the edge from node to target (fuel of a jump back). */
  hasEdgeCode(node: number, target: number): boolean;
  edgeCode(node: number, target: number): void;
  /** A fresh i32 local. */
  addLocalI32(): number;
}

/** Where a node's code stands. */
const PLACE_INLINE = 0;
/** After a block inside the dominator's code; reached by `br`. */
const PLACE_MERGE = 1;
/** After the end of a loop, outside of it; reached by `br`. */
const PLACE_AFTER = 2;

interface Placement {
  readonly kind: Uint8Array;
  /** Children lists by rank: first child and next sibling, in ascending order. */
  readonly mergeFirst: Int32Array;
  readonly afterFirst: Int32Array;
  readonly sibling: Int32Array;
}

/**
 * Places every node in the dominator tree (Ramsey: "Beyond Relooper", 2022), with one change: code
 * after a loop is placed outside of the `loop`, because engines optimise a loop by its extent.
 */
function placeNodes(flow: Flow): Placement {
  const count = flow.order.length;
  const kind = new Uint8Array(count);
  const mergeFirst = new Int32Array(count).fill(NONE);
  const afterFirst = new Int32Array(count).fill(NONE);
  const sibling = new Int32Array(count).fill(NONE);
  for (let r = count - 1; r > 0; r--) {
    const left = outermostLoopLeft(flow, flow.idom[r], r);
    if (left !== NONE) {
      kind[r] = PLACE_AFTER;
      sibling[r] = afterFirst[left];
      afterFirst[left] = r;
    } else if (forwardPreds(flow, r) > 1) {
      kind[r] = PLACE_MERGE;
      sibling[r] = mergeFirst[flow.idom[r]];
      mergeFirst[flow.idom[r]] = r;
    }
  }
  return { kind, mergeFirst, afterFirst, sibling };
}

/** Header of the outermost loop that holds rank `from` and not rank `to`. */
function outermostLoopLeft(flow: Flow, from: number, to: number): number {
  let left = NONE;
  for (let h = loopOf(flow, from); h !== NONE && !inLoop(flow, to, h); h = flow.loop[h]) left = h;
  return left;
}

function forwardPreds(flow: Flow, r: number): number {
  let count = 0;
  for (let p = flow.predStart[r]; p < flow.predStart[r + 1]; p++) if (flow.preds[p] < r) count++;
  return count;
}

// Steps on the structurer's work stack.
const STEP_TREE = 0;
const STEP_BODY = 1;
/** Ends the block of a merge or after node and continues with that node. */
const STEP_JOIN = 2;
const STEP_END = 3;

/** Emits a reducible graph as nested blocks and loops. */
class Structurer {
  private readonly graph: Graph;
  private readonly flow: Flow;
  private readonly place: Placement;
  private readonly emitter: NodeEmitter;
  private readonly sink: ByteSink;
  /** Nesting depth inside the label of a block ending before rank r, of the loop at rank r. */
  private readonly blockDepth: Int32Array;
  private readonly loopDepth: Int32Array;
  private readonly steps: number[] = [];

  constructor(graph: Graph, flow: Flow, emitter: NodeEmitter) {
    this.graph = graph;
    this.flow = flow;
    this.place = placeNodes(flow);
    this.emitter = emitter;
    this.sink = emitter.sink;
    this.blockDepth = new Int32Array(flow.order.length);
    this.loopDepth = new Int32Array(flow.order.length);
  }

  run(): void {
    this.push(STEP_TREE, 0);
    while (this.steps.length > 0) {
      const rank = this.steps.pop()!;
      this.step(this.steps.pop()!, rank);
    }
    this.sink.byte(UNREACHABLE);
  }

  private push(step: number, rank: number): void {
    this.steps.push(step, rank);
  }

  private step(step: number, rank: number): void {
    switch (step) {
      case STEP_TREE:
        this.tree(rank);
        break;
      case STEP_BODY:
        this.bodyAndEdges(rank);
        break;
      case STEP_JOIN:
        this.close();
        this.tree(rank);
        break;
      default:
        this.close();
    }
  }

  private open(opcode: number): number {
    this.emitter.start(opcode);
    return this.emitter.depth;
  }

  private close(): void {
    this.emitter.op(END);
  }

  /** Opens the labels a node needs and schedules its body and what follows each label. */
  private tree(rank: number): void {
    const after = this.children(this.place.afterFirst[rank]);
    const merges = this.children(this.place.mergeFirst[rank]);
    const isLoop = this.flow.isHeader[rank] !== 0;
    for (let k = after.length - 1; k >= 0; k--) this.push(STEP_JOIN, after[k]);
    if (isLoop) this.push(STEP_END, rank);
    for (let k = merges.length - 1; k >= 0; k--) this.push(STEP_JOIN, merges[k]);
    this.push(STEP_BODY, rank);
    for (let k = after.length - 1; k >= 0; k--) this.blockDepth[after[k]] = this.open(BLOCK);
    if (isLoop) this.loopDepth[rank] = this.open(LOOP);
    for (let k = merges.length - 1; k >= 0; k--) this.blockDepth[merges[k]] = this.open(BLOCK);
  }

  private children(first: number): number[] {
    const list: number[] = [];
    for (let r = first; r !== NONE; r = this.place.sibling[r]) list.push(r);
    return list;
  }

  private bodyAndEdges(rank: number): void {
    const { graph, flow, emitter } = this;
    const node = flow.order[rank];
    if (emitter.isDead(node)) {
      emitter.op(UNREACHABLE);
      return;
    }
    emitter.body(node);
    if (!hasNext(graph, node)) return;
    const next = flow.rank[graph.next[node]];
    const taken = graph.kind[node] === NODE_COND ? flow.rank[graph.taken[node]] : next;
    const outcome = taken === next ? false : emitter.outcome(node);
    if (outcome !== undefined) this.jump(rank, outcome ? taken : next);
    else if (!this.isInline(rank, taken)) this.branch(rank, node, false, taken, next);
    else if (!this.isInline(rank, next)) this.branch(rank, node, true, next, taken);
    else this.fork(node, taken, next);
  }

  private isInline(from: number, to: number): boolean {
    return to > from && this.place.kind[to] === PLACE_INLINE;
  }

  private labelOf(from: number, to: number): number {
    return this.emitter.depth - (to <= from ? this.loopDepth[to] : this.blockDepth[to]);
  }

  private jump(from: number, to: number): void {
    const { order } = this.flow;
    if (this.emitter.hasEdgeCode(order[from], order[to])) {
      this.emitter.edgeCode(order[from], order[to]);
    }
    if (this.isInline(from, to)) {
      this.push(STEP_TREE, to);
      return;
    }
    this.sink.byte(BR);
    this.sink.u32(this.labelOf(from, to));
  }

  /** Branches to `target` on the condition, else goes to `other`. */
  private branch(from: number, node: number, inverted: boolean, target: number, other: number) {
    const { order } = this.flow;
    this.emitter.condition(node, inverted);
    if (this.emitter.hasEdgeCode(node, order[target])) {
      this.open(IF);
      this.jump(from, target);
      this.close();
    } else {
      this.sink.byte(BR_IF);
      this.sink.u32(this.labelOf(from, target));
    }
    this.jump(from, other);
  }

  /** Both ways stand here: one in an `if`, the other behind it. */
  private fork(node: number, taken: number, next: number): void {
    const target = this.flow.order[taken];
    this.emitter.condition(node, false);
    this.open(IF);
    if (this.emitter.hasEdgeCode(node, target)) this.emitter.edgeCode(node, target);
    this.push(STEP_TREE, next);
    this.push(STEP_END, taken);
    this.push(STEP_TREE, taken);
  }
}

/** Emits a graph that no nesting fits: a loop around a `br_table` over all nodes. */
class Dispatcher {
  private readonly graph: Graph;
  private readonly flow: Flow;
  private readonly emitter: NodeEmitter;
  private readonly sink: ByteSink;
  private readonly next: number;

  constructor(graph: Graph, flow: Flow, emitter: NodeEmitter) {
    this.graph = graph;
    this.flow = flow;
    this.emitter = emitter;
    this.sink = emitter.sink;
    this.next = emitter.addLocalI32();
  }

  run(): void {
    const count = this.flow.order.length;
    // Expanded in the batch loop, this code runs more than once.
    this.sink.byte(I32_CONST);
    this.sink.s32(0);
    this.local(LOCAL_SET);
    this.open(LOOP);
    for (let r = 0; r < count; r++) this.open(BLOCK);
    this.local(LOCAL_GET);
    this.sink.byte(BR_TABLE);
    this.sink.u32(count - 1);
    for (let r = 0; r < count; r++) this.sink.u32(r);
    for (let r = 0; r < count; r++) this.node(r, count - 1 - r);
    this.emitter.op(END);
    this.emitter.op(UNREACHABLE);
  }

  private open(opcode: number): void {
    this.emitter.start(opcode);
  }

  private local(opcode: number): void {
    this.sink.byte(opcode);
    this.sink.u32(this.next);
  }

  private node(rank: number, loopLabel: number): void {
    const { graph, emitter } = this;
    const node = this.flow.order[rank];
    this.emitter.op(END);
    if (emitter.isDead(node)) {
      emitter.op(UNREACHABLE);
      return;
    }
    emitter.body(node);
    if (!hasNext(graph, node)) return;
    const outcome = graph.kind[node] === NODE_COND ? emitter.outcome(node) : false;
    if (outcome === true) {
      this.jump(node, graph.taken[node], loopLabel);
      return;
    }
    if (outcome === undefined) {
      emitter.condition(node, false);
      this.open(IF);
      this.jump(node, graph.taken[node], loopLabel + 1);
      this.emitter.op(END);
    }
    this.jump(node, graph.next[node], loopLabel);
  }

  private jump(node: number, target: number, loopLabel: number): void {
    if (this.emitter.hasEdgeCode(node, target)) this.emitter.edgeCode(node, target);
    this.sink.byte(I32_CONST);
    this.sink.s32(this.flow.rank[target]);
    this.local(LOCAL_SET);
    this.sink.byte(BR);
    this.sink.u32(loopLabel);
  }
}

/** Emits the code of a whole graph, ending in `unreachable` (every path returns before). */
export function emitGraph(graph: Graph, flow: Flow, emitter: NodeEmitter): void {
  if (flow.reducible) new Structurer(graph, flow, emitter).run();
  else new Dispatcher(graph, flow, emitter).run();
}
