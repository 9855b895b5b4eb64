import { isJump } from './insn.ts';
import {
  BLOCK_CALL,
  BLOCK_COND,
  BLOCK_EXIT,
  BLOCK_GOTO,
  BLOCK_THROW,
  lastInsn,
  NONE,
  type Program,
} from './program.ts';

/**
 * The control flow graph of one WebAssembly function: nodes are copies of the program's basic
 * blocks. A subprogram expanded in place has a frame of its own (own r6..r9, own r10).
 */
export const NODE_GOTO = 0;
export const NODE_COND = 1;
export const NODE_RETURN = 2;
/** Calls another WebAssembly function, then goes on to `next`. */
export const NODE_CALL = 3;
/** Enters an expanded subprogram (frame of `next`): its arguments are copied. */
export const NODE_ENTER = 4;
/** Leaves an expanded subprogram for `next` in the calling frame: r0 is copied. */
export const NODE_LEAVE = 5;
/** Ends in something that cannot be executed. */
export const NODE_TRAP = 6;
/**
 * Does what node `taken` does if the conditional jump at its end goes there, as a select
 * (select.ts), and goes on to `next`.
 */
export const NODE_SELECT = 8;
/** No instructions: stands for a jump out of the subprogram; `next` is the faulting instruction. */
export const NODE_STRAY = 7;

/** No instructions: goes on in part `taken` of a function that is split (parts.ts). */
export const NODE_PART = 9;

/** Ends the program, from whatever frame (bpf_throw). */
export const NODE_THROW = 10;

/** One activation of a subprogram inside a WebAssembly function. Frame 0 is the function's own. */
export interface Frame {
  readonly subprogram: number;
  /** Calling frame, or NONE. */
  readonly parent: number;
  /** Distance from frame 0. */
  readonly depth: number;
}

export interface Graph {
  readonly program: Program;
  readonly frames: Frame[];
  /** Per node: block it copies, frame it runs in, NODE_*, successors (NONE = no such edge). */
  readonly block: number[];
  readonly frame: number[];
  readonly kind: number[];
  /** Conditional jump's target; subprogram number for NODE_CALL. */
  readonly taken: number[];
  readonly next: number[];
}

export function nodeCount(graph: Graph): number {
  return graph.block.length;
}

/** Instructions in node `n`. */
export function nodeSize(graph: Graph, n: number): number {
  if (graph.kind[n] === NODE_STRAY || graph.kind[n] === NODE_PART) return 0;
  const { start, end } = graph.program.blocks;
  return end[graph.block[n]] - start[graph.block[n]];
}

/** Whether control goes on to `next` (a stray node keeps something else there). */
export function hasNext(graph: Graph, n: number): boolean {
  return graph.next[n] !== NONE && graph.kind[n] !== NODE_STRAY;
}

/** Successors in the order jump target, following; at most two. */
export function successorsOf(graph: Graph, n: number, out: number[]): number {
  let count = 0;
  if (graph.kind[n] === NODE_COND) out[count++] = graph.taken[n];
  if (hasNext(graph, n)) out[count++] = graph.next[n];
  return count;
}

/** Says whether the call ending block `b`, made from a frame at `depth`, is expanded in place. */
export type InlinePolicy = (callee: number, graph: Graph, frame: number) => boolean;

interface Pending {
  readonly frame: number;
  readonly block: number;
  readonly node: number;
}

/** Builds graphs: one use per function. */
class GraphBuilder {
  readonly graph: Graph;
  private readonly policy: InlinePolicy;
  /** Per frame: node of each block of its subprogram. */
  private readonly nodes: Int32Array[] = [];
  /** Per frame: node control returns to. */
  private readonly continuation: number[] = [];
  private readonly pending: Pending[] = [];

  constructor(program: Program, policy: InlinePolicy) {
    this.policy = policy;
    this.graph = { program, frames: [], block: [], frame: [], kind: [], taken: [], next: [] };
  }

  build(subprogram: number): Graph {
    this.node(this.addFrame(subprogram, NONE, NONE), this.entryBlock(subprogram));
    for (let p = this.pending.pop(); p !== undefined; p = this.pending.pop()) this.connect(p);
    return this.graph;
  }

  private entryBlock(subprogram: number): number {
    return this.graph.program.subprograms[subprogram].entry;
  }

  private addFrame(subprogram: number, parent: number, continuation: number): number {
    const { frames, program } = this.graph;
    const depth = parent === NONE ? 0 : frames[parent].depth + 1;
    const following = program.subprograms[subprogram + 1];
    const blocks = (following?.entry ?? program.blocks.count) - this.entryBlock(subprogram);
    this.nodes.push(new Int32Array(blocks).fill(NONE));
    this.continuation.push(continuation);
    return frames.push({ subprogram, parent, depth }) - 1;
  }

  /** The node of `block` in `frame`, made if it does not exist yet. NONE gives a trap. */
  private node(frame: number, block: number): number {
    const first = this.entryBlock(this.graph.frames[frame].subprogram);
    const known = this.nodes[frame][block - first];
    if (known !== NONE) return known;
    const node = this.append(frame, block, NODE_TRAP);
    this.nodes[frame][block - first] = node;
    this.pending.push({ frame, block, node });
    return node;
  }

  private append(frame: number, block: number, kind: number): number {
    const { graph } = this;
    graph.frame.push(frame);
    graph.kind.push(kind);
    graph.taken.push(NONE);
    graph.next.push(NONE);
    return graph.block.push(block) - 1;
  }

  /** An edge to `block`, or to a fault when it leads out of the subprogram from block `from`. */
  private edge(frame: number, block: number, from: number, jumps = false): number {
    if (block !== NONE) return this.node(frame, block);
    const node = this.append(frame, from, NODE_STRAY);
    const { program } = this.graph;
    this.graph.next[node] = jumps ? lastInsn(program, from) : program.blocks.end[from];
    return node;
  }

  private connect({ frame, block, node }: Pending): void {
    const { blocks } = this.graph.program;
    const next = blocks.next[block];
    switch (blocks.kind[block]) {
      case BLOCK_GOTO:
        this.finish(node, NODE_GOTO, NONE, this.edge(frame, next, block, this.jumps(block)));
        break;
      case BLOCK_COND: {
        const following = this.edge(frame, next, block);
        this.finish(node, NODE_COND, this.edge(frame, blocks.taken[block], block, true), following);
        break;
      }
      case BLOCK_EXIT:
        this.connectExit(frame, node);
        break;
      case BLOCK_THROW:
        this.finish(node, NODE_THROW, NONE, NONE);
        break;
      case BLOCK_CALL:
        if (blocks.taken[block] !== NONE) this.connectCall(frame, block, node);
        break;
    }
  }

  private jumps(block: number): boolean {
    const { program } = this.graph;
    return isJump(program.code.op[lastInsn(program, block)]);
  }

  private finish(node: number, kind: number, taken: number, next: number): void {
    this.graph.kind[node] = kind;
    this.graph.taken[node] = taken;
    this.graph.next[node] = next;
  }

  private connectExit(frame: number, node: number): void {
    if (frame === 0) this.finish(node, NODE_RETURN, NONE, NONE);
    else this.finish(node, NODE_LEAVE, NONE, this.continuation[frame]);
  }

  private connectCall(frame: number, block: number, node: number): void {
    const { blocks } = this.graph.program;
    const callee = blocks.taken[block];
    const after = this.edge(frame, blocks.next[block], block);
    if (!this.policy(callee, this.graph, frame)) {
      this.finish(node, NODE_CALL, callee, after);
      return;
    }
    const inner = this.addFrame(callee, frame, after);
    this.finish(node, NODE_ENTER, NONE, this.node(inner, this.entryBlock(callee)));
  }
}

/** The graph of `subprogram`; node 0 is its entry. Unreachable blocks are left out. */
export function buildGraph(program: Program, subprogram: number, policy: InlinePolicy): Graph {
  return new GraphBuilder(program, policy).build(subprogram);
}

/** Whether `callee` is already active in `frame` or one of its callers. */
export function isActive(graph: Graph, frame: number, callee: number): boolean {
  for (let f = frame; f !== NONE; f = graph.frames[f].parent) {
    if (graph.frames[f].subprogram === callee) return true;
  }
  return false;
}

/**
 * Whether the edge from `n` to its jump target (or, for a `ja`, to `next`) goes back in the code.
 */
export function isBackJump(graph: Graph, n: number, target: number): boolean {
  const { program, block, frame } = graph;
  if (frame[n] !== frame[target] || graph.kind[target] === NODE_STRAY) return false;
  const last = lastInsn(program, block[n]);
  return isJump(program.code.op[last]) && program.blocks.start[block[target]] <= last;
}
