import {
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP,
  BPF_JNE,
  BPF_X,
} from '../../isa/index.ts';
import { FRAME_SIZE } from '../../runtime/layout.ts';
import type { Flow } from './dominators.ts';
import type { World } from './facts.ts';
import {
  type Graph,
  NODE_CALL,
  NODE_COND,
  NODE_ENTER,
  NODE_LEAVE,
  NODE_PART,
  NODE_SELECT,
  NODE_STRAY,
  NODE_TRAP,
  hasNext,
} from './graph.ts';
import { following, FP, MAY_GOTO } from './insn.ts';
import { lastInsn, NONE } from './program.ts';
import { decideRanges, refineRanges, type Thresholds } from './ranges.ts';
import { skippedEnd } from './select.ts';
import type { Slots } from './slots.ts';
import { enterFrame, frameBase, passValue, transfer, type TransferContext } from './transfer.ts';
import {
  closeWindows,
  decideNull,
  forgetPlace,
  forgetPacket,
  isConst,
  joinState,
  setValue,
  type State,
  V_CONST,
  V_CTX,
  V_LOOKED_UP,
  V_MAYBE_PACKET,
  V_PACKET,
  V_PACKET_END,
  V_STACK,
  V_UNKNOWN,
  V_UNWRITTEN,
  WORDS,
  widenPacket,
} from './values.ts';

/** Times that what is known at a loop may shrink before its counters are given up. */
const MAX_GROWTH = 12;
/** Nodes of a large function. */
const LARGE = 800;
const NO_THRESHOLDS: Thresholds = new Float64Array(0);

/** What is known before each node of a graph. */
export class Analysis implements TransferContext {
  readonly world: World;
  readonly graph: Graph;
  readonly program: Graph['program'];
  readonly slots: Slots;
  /** Variables: registers of all frames, then slots. */
  readonly variables: number;
  seesPacket = false;
  readonly unwritten = new Set<number>();
  /** Words of one state. */
  private readonly width: number;
  private readonly states: Int32Array;
  private readonly rank: Int32Array;
  private dirty = new Uint8Array(0);
  private reached = new Uint8Array(0);
  private growth = new Uint32Array(0);
  /** By rank: 1 = one edge leads there. */
  private isOnlyWay = new Uint8Array(0);
  private resume = 0;
  private readonly isLarge: boolean;
  /** Trusted large functions start quickly: nothing is followed from one node to the next. */
  private readonly isLocal: boolean;
  private readonly thresholds: Thresholds;

  /** `isMain`: r1 is the context; otherwise nothing is known of the arguments. */
  constructor(world: World, graph: Graph, flow: Flow, slots: Slots, isMain: boolean) {
    this.world = world;
    this.graph = graph;
    this.program = graph.program;
    this.slots = slots;
    this.variables = frameBase(graph.frames.length) + slots.count;
    this.width = this.variables * WORDS;
    this.rank = flow.rank;
    this.isLarge = flow.order.length > LARGE;
    this.thresholds = world.thresholds(graph.program);
    this.isLocal = this.isLarge && !world.checks;
    this.states = new Int32Array((this.isLocal ? 1 : flow.order.length) * this.width);
    this.start(isMain && !this.isLocal);
    if (this.isLocal) this.assumeNothing();
    else this.solve(flow);
  }

  /** Only r10 is known at the start of every node. */
  private assumeNothing(): void {
    this.graph.frames.forEach(({ depth }, frame) => {
      setValue(this.states, frameBase(frame) + FP, V_STACK, -FRAME_SIZE * depth);
    });
  }

  /** Copies the state before node `n` to `into`, which must be `newState()`. */
  before(n: number, into: State): State {
    const { states } = this;
    const at = this.isLocal ? 0 : this.rank[n] * this.width;
    for (let k = 0; k < this.width; k++) into[k] = states[at + k];
    return into;
  }

  newState(): State {
    return new Int32Array(this.width);
  }

  /** Whether some path from the entry leads to node `n`. */
  isReached(n: number): boolean {
    return this.rank[n] >= 0 && (this.isLocal || this.reached[this.rank[n]] !== 0);
  }

  /** Whether the jump at the end of node `n`, with `s` before it, is always or never taken. */
  outcome(s: State, n: number): boolean | undefined {
    const { code } = this.program;
    const i = lastInsn(this.program, this.graph.block[n]);
    const op = code.op[i];
    if (op === MAY_GOTO) return undefined;
    const base = frameBase(this.graph.frame[n]);
    const src = (op & BPF_X) !== 0 ? base + code.src[i] : NONE;
    const wide = (op & 7) === BPF_JMP;
    return decideRanges(s, op & 0xf0, base + code.dst[i], src, code.imm[i], wide);
  }

  private start(isMain: boolean): void {
    const s = this.states.subarray(0, this.width);
    const firstSlot = frameBase(this.graph.frames.length);
    for (let v = 0; v < firstSlot; v++) setValue(s, v, V_UNKNOWN);
    for (let v = firstSlot; v < this.variables; v++) setValue(s, v, V_UNWRITTEN);
    setValue(s, FP, V_STACK, 0);
    if (!isMain) return;
    for (let r = 0; r < FP; r++) setValue(s, r, V_CONST, 0, 0);
    setValue(s, 1, V_CTX, 0);
  }

  private solve(flow: Flow): void {
    const count = flow.order.length;
    this.dirty = new Uint8Array(count);
    this.reached = new Uint8Array(count);
    this.growth = new Uint32Array(count);
    const { predStart } = flow;
    this.isOnlyWay = Uint8Array.from(flow.order, (_, r) =>
      r > 0 && predStart[r + 1] - predStart[r] === 1 ? 1 : 0,
    );
    const scratch = this.newState();
    const refined = this.newState();
    this.dirty[0] = 1;
    this.reached[0] = 1;
    for (let r = 0; r < count; r = Math.min(r + 1, this.resume)) {
      this.resume = count;
      if (this.dirty[r] === 0) continue;
      this.dirty[r] = 0;
      const node = flow.order[r];
      this.before(node, scratch);
      this.throughNode(scratch, node);
      this.propagate(node, r, scratch, refined);
    }
  }

  /**
   * Sends the state after a node to its successors. Where a loop closes and something changed, it
   * is gone through again at once, before what follows it.
   */
  private propagate(node: number, r: number, after: State, refined: State): void {
    const { graph } = this;
    if (graph.kind[node] === NODE_COND) {
      const outcome = this.outcome(after, node);
      if (outcome !== false) {
        refined.set(after);
        this.refine(refined, node, true);
        this.send(graph.taken[node], r, refined);
      }
      if (outcome === true) return;
      this.refine(after, node, false);
    }
    if (hasNext(graph, node)) this.send(graph.next[node], r, after);
  }

  private send(target: number, from: number, s: State): void {
    const to = this.rank[target];
    const start = to * this.width;
    if (this.reached[to] === 0) {
      this.reached[to] = 1;
      this.states.set(s, start);
    } else if (this.isOnlyWay[to] !== 0) {
      if (!this.replace(start, s)) return;
    } else {
      const thresholds = to <= from ? this.limitsAt(to) : undefined;
      if (!joinState(this.states, start, s, thresholds)) return;
      if (to <= from) this.growth[to]++;
    }
    if (to <= from) this.resume = Math.min(this.resume, to);
    this.dirty[to] = 1;
  }

  /** What is known where only one edge leads is what is known after that edge's source. */
  private replace(start: number, s: State): boolean {
    const { states } = this;
    let changed = false;
    for (let k = 0; k < s.length; k++) {
      if (states[start + k] === s[k]) continue;
      states[start + k] = s[k];
      changed = true;
    }
    return changed;
  }

  /** Large functions are not worth many passes: their counters are given up at once. */
  private limitsAt(to: number): Thresholds | undefined {
    const grown = this.growth[to];
    if (this.isLarge || grown >= MAX_GROWTH) return NO_THRESHOLDS;
    return grown === 0 ? undefined : this.thresholds;
  }

  /** Runs all of a node on the state, what its end does included. */
  private throughNode(s: State, node: number): void {
    const { graph, program } = this;
    if (graph.kind[node] === NODE_STRAY || graph.kind[node] === NODE_PART) return;
    const block = graph.block[node];
    const base = frameBase(graph.frame[node]);
    const end =
      graph.kind[node] === NODE_TRAP ? lastInsn(program, block) : program.blocks.end[block];
    for (let i = program.blocks.start[block]; i < end; i = following(program.code, i)) {
      transfer(this, s, i, base);
    }
    this.leaveNode(s, node, base);
  }

  private leaveNode(s: State, node: number, base: number): void {
    const { graph } = this;
    const target = graph.frame[graph.next[node]];
    switch (graph.kind[node]) {
      case NODE_CALL:
        setValue(s, base, V_UNKNOWN);
        forgetPacket(s);
        closeWindows(s);
        break;
      case NODE_ENTER:
        enterFrame(s, base, frameBase(target), graph.frames[target].depth);
        break;
      case NODE_SELECT:
        this.throughSelect(s, node, base);
        break;
      case NODE_LEAVE:
        passValue(s, frameBase(target), base);
        break;
    }
  }

  /** The skipped instructions may or may not be executed. */
  private throughSelect(s: State, node: number, base: number): void {
    const without = s.slice();
    const { code, blocks } = this.program;
    const skipped = this.graph.taken[node];
    const end = skippedEnd(this.graph, skipped);
    for (let i = blocks.start[this.graph.block[skipped]]; i < end; i = following(code, i)) {
      transfer(this, s, i, base);
    }
    this.joinSelect(s, without, node);
  }

  /** Joins the states with (`s`) and without the skipped instructions of select node `node`. */
  joinSelect(s: State, without: State, node: number): void {
    joinState(s, 0, without, undefined);
    const { code, blocks } = this.program;
    const skipped = this.graph.taken[node];
    const end = skippedEnd(this.graph, skipped);
    const base = frameBase(this.graph.frame[node]);
    for (let i = blocks.start[this.graph.block[skipped]]; i < end; i = following(code, i)) {
      const dst = base + code.dst[i];
      forgetPlace(s, dst);
      // Where pointers meet in a select has no name of its own.
      if (s[dst * WORDS] === V_PACKET) setValue(s, dst, V_MAYBE_PACKET);
    }
  }

  /** What the outcome of a node's condition tells. */
  private refine(s: State, node: number, taken: boolean): void {
    const { code } = this.program;
    const i = lastInsn(this.program, this.graph.block[node]);
    const op = code.op[i];
    if (op === MAY_GOTO) return;
    const base = frameBase(this.graph.frame[node]);
    const dst = base + code.dst[i];
    const operation = op & 0xf0;
    const wide = (op & 7) === BPF_JMP;
    const src = (op & BPF_X) !== 0 ? base + code.src[i] : NONE;
    if (wide && src !== NONE) refineBounds(s, operation, dst, src, taken);
    const isZero = src === NONE ? code.imm[i] === 0 : isConst(s, src, 0, 0);
    if (wide && isZero) refineNull(s, operation, dst, taken);
    refineRanges(s, operation, taken, dst, src, code.imm[i], wide);
  }
}

function refineNull(s: State, operation: number, v: number, taken: boolean): void {
  if (s[v * WORDS] !== V_LOOKED_UP) return;
  if (operation === BPF_JEQ) decideNull(s, v, taken);
  else if (operation === BPF_JNE) decideNull(s, v, !taken);
}

/**
 * A comparison that shows `pointer <= end of packet` makes what is below the pointer accessible.
 */
function refineBounds(s: State, operation: number, a: number, b: number, taken: boolean): void {
  const upTo = (pointer: number, end: number) =>
    s[pointer * WORDS] === V_PACKET && s[end * WORDS] === V_PACKET_END;
  const below = operation === BPF_JLE || operation === BPF_JLT;
  const above = operation === BPF_JGT || operation === BPF_JGE;
  if (!below && !above) return;
  const firstIsLower = below === taken;
  if (firstIsLower && upTo(a, b)) widenPacket(s, s[a * WORDS + 2], s[a * WORDS + 1]);
  if (!firstIsLower && upTo(b, a)) widenPacket(s, s[b * WORDS + 2], s[b * WORDS + 1]);
}
