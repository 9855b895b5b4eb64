import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_LD,
  BPF_LDX,
  BPF_MOV,
  BPF_ST,
  BPF_STX,
  BPF_X,
  LD_IMM64,
} from '../../isa/index.ts';
import {
  C_STACK,
  C_STACK_TOP,
  FAULT_BAD_INSN,
  FAULT_STACK,
  FRAME_SIZE,
  MAX_CALL_FRAMES,
  REGION_FUNCTION,
  TAG_BASE,
} from '../../runtime/layout.ts';
import { emitAlu } from './alu.ts';
import { Analysis } from './analysis.ts';
import { emitHelperCall } from './calls.ts';
import { choosePacketBounds, emitPacketBounds } from './checks.ts';
import { analyseFlow, type Flow } from './dominators.ts';
import { ByteSink, I32, I64 } from './encoder.ts';
import { findSlots } from './escape.ts';
import { Emitter } from './emitter.ts';
import {
  type Graph,
  isBackJump,
  NODE_CALL,
  NODE_COND,
  NODE_ENTER,
  NODE_GOTO,
  NODE_LEAVE,
  NODE_PART,
  NODE_RETURN,
  NODE_SELECT,
  NODE_STRAY,
  NODE_THROW,
  NODE_TRAP,
  nodeCount,
} from './graph.ts';
import { CALL, following, FP, isJump, MAY_GOTO } from './insn.ts';
import { emitCondition } from './jumps.ts';
import { emitAtomic, emitCount, emitLoad, emitPacketLoad, emitStore } from './memory.ts';
import { type ModuleContext, PART_REGISTERS } from './module.ts';
import * as W from './opcodes.ts';
import { splitGraph } from './parts.ts';
import { BLOCK_GOTO, lastInsn, NONE } from './program.ts';
import { convertToSelects, runsWhenTaken, skippedEnd } from './select.ts';
import { NO_SLOTS, Slots } from './slots.ts';
import { emitGraph, type NodeEmitter } from './structure.ts';
import { frameBase, isIndexOf, transfer } from './transfer.ts';
import { unrollLoops } from './unroll.ts';
import { setValue, SHADOW, SHADOW_NONE, V_CTX, V_FUNCTION, V_UNKNOWN, WORDS } from './values.ts';

const FUNCTION_TAG = (TAG_BASE + REGION_FUNCTION) | 0;

/** Emits one WebAssembly function: the nodes of a graph, in the order the structurer asks for. */
class FunctionEmitter extends Emitter implements NodeEmitter {
  private readonly known = new Int32Array(WORDS);
  /** Functions of the parts after the first, if this is part of a split function. */
  parts: readonly number[] = [];

  addLocalI32(): number {
    return this.addLocal(I32);
  }

  body(node: number): void {
    const { graph, program } = this;
    if (graph.kind[node] === NODE_PART) {
      this.analysis.before(node, this.state);
      this.nextPart(this.parts[graph.taken[node] - 1]);
      return;
    }
    if (graph.kind[node] === NODE_STRAY) {
      this.module.emitFault(this, FAULT_BAD_INSN, graph.next[node]);
      return;
    }
    const block = graph.block[node];
    const base = frameBase(graph.frame[node]);
    this.analysis.before(node, this.state);
    if (this.module.counters !== NONE) emitCount(this, block);
    const end = this.bodyEnd(node, block);
    for (let i = program.blocks.start[block]; i < end; i = following(program.code, i)) {
      this.insn(i, base, graph.frame[node]);
    }
    this.endOfNode(node, block, base);
  }

  /** One past the last instruction that the end of the node does not stand for. */
  private bodyEnd(node: number, block: number): number {
    const { blocks, code } = this.program;
    const last = lastInsn(this.program, block);
    if (this.graph.kind[node] === NODE_TRAP) return last;
    const goesOn =
      blocks.kind[block] === BLOCK_GOTO && !(isJump(code.op[last]) && code.op[last] !== CALL);
    return goesOn ? blocks.end[block] : last;
  }

  private endOfNode(node: number, block: number, base: number): void {
    const last = lastInsn(this.program, block);
    switch (this.graph.kind[node]) {
      case NODE_TRAP:
        this.module.emitFault(this, FAULT_BAD_INSN, last);
        break;
      case NODE_RETURN:
        this.leave(base);
        break;
      case NODE_THROW:
        this.throwFrom(node, last, base);
        break;
      case NODE_CALL:
        this.localCall(node, last, base);
        break;
      case NODE_ENTER:
        this.enter(node, last, base);
        break;
      case NODE_SELECT:
        this.select(node, last, base);
        break;
      case NODE_LEAVE:
        this.leaveFrame(node, base);
        break;
    }
  }

  /** Executes the skipped instructions, then puts back what they wrote if they were skipped. */
  private select(node: number, last: number, base: number): void {
    const { graph, program } = this;
    const frame = graph.frame[node];
    const skipped = graph.taken[node];
    const condition = this.addLocal(I32);
    emitCondition(this, last, base, frame, runsWhenTaken(graph, node));
    this.with(W.LOCAL_SET, condition);
    const without = this.state.slice();
    const end = skippedEnd(graph, skipped);
    const olds = new Map<number, number>();
    for (
      let i = program.blocks.start[graph.block[skipped]];
      i < end;
      i = following(program.code, i)
    ) {
      const dst = base + program.code.dst[i];
      if (!olds.has(dst)) {
        olds.set(dst, this.addLocal(I64));
        this.get(dst);
        this.with(W.LOCAL_SET, olds.get(dst)!);
      }
      this.insn(i, base, frame);
    }
    for (const [dst, old] of olds) {
      this.with(W.LOCAL_GET, old);
      this.with(W.LOCAL_GET, this.local(dst));
      this.with(W.LOCAL_GET, condition);
      this.op(W.SELECT);
      this.set(dst);
    }
    this.analysis.joinSelect(this.state, without, node);
  }

  isDead(node: number): boolean {
    return !this.analysis.isReached(node);
  }

  outcome(node: number): boolean | undefined {
    return this.graph.kind[node] === NODE_COND
      ? this.analysis.outcome(this.state, node)
      : undefined;
  }

  condition(node: number, inverted: boolean): void {
    const last = lastInsn(this.program, this.graph.block[node]);
    const frame = this.graph.frame[node];
    emitCondition(this, last, frameBase(frame), frame, inverted);
  }

  hasEdgeCode(node: number, target: number): boolean {
    if (!this.world.checks) return false;
    const { graph } = this;
    const jumps = graph.kind[node] === NODE_GOTO || graph.taken[node] === target;
    return jumps && isBackJump(graph, node, target);
  }

  edgeCode(node: number): void {
    this.payFuel(lastInsn(this.program, this.graph.block[node]));
  }

  private insn(i: number, base: number, frame: number): void {
    const op = this.program.code.op[i];
    switch (op & 7) {
      case BPF_ALU:
      case BPF_ALU64:
        this.alu(i, base);
        return;
      case BPF_LD:
        if (op === LD_IMM64) this.constant(i, base);
        else emitPacketLoad(this, i, base, () => this.leave(base));
        break;
      case BPF_LDX:
        emitLoad(this, i, base);
        break;
      case BPF_ST:
        emitStore(this, i, base);
        break;
      case BPF_STX:
        if ((op & 0xe0) === BPF_ATOMIC) emitAtomic(this, i, base);
        else emitStore(this, i, base);
        break;
      default:
        emitHelperCall(this, i, base, frame);
    }
    transfer(this.analysis, this.state, i, base);
  }

  /** Results that are known are written as they are; otherwise the operation is done. */
  private alu(i: number, base: number): void {
    const dst = base + this.program.code.dst[i];
    const at = dst * WORDS;
    const { state, known } = this;
    for (let k = 0; k < WORDS; k++) known[k] = state[at + k];
    transfer(this.analysis, state, i, base);
    if (this.isKnown(dst)) {
      this.materialise(dst);
      this.set(dst);
      return;
    }
    for (let k = 0; k < WORDS; k++) {
      const after = state[at + k];
      state[at + k] = known[k];
      known[k] = after;
    }
    if (known[SHADOW] !== SHADOW_NONE) this.sumShadow(i, base, dst);
    emitAlu(this, i, base);
    for (let k = 0; k < WORDS; k++) state[at + k] = known[k];
  }

  /** The shadow of the result of a 64-bit addition or move. */
  private sumShadow(i: number, base: number, dst: number): void {
    const { code } = this.program;
    if ((code.op[i] & BPF_X) === 0) {
      if (this.word(dst, SHADOW) !== SHADOW_NONE) return;
      this.get32(dst);
      this.with(W.LOCAL_SET, this.shadow(dst));
      return;
    }
    const src = base + code.src[i];
    if ((code.op[i] & 0xf0) === BPF_MOV) {
      this.copyShadow(dst, src);
      return;
    }
    if (isIndexOf(this.state, src, dst)) this.pushShadowPart(src);
    else if (isIndexOf(this.state, dst, src)) this.pushShadowPart(dst);
    else {
      this.pushShadowPart(dst);
      this.pushShadowPart(src);
      this.op(W.I32_ADD);
    }
    this.with(W.LOCAL_SET, this.shadow(dst));
  }

  private constant(i: number, base: number): void {
    const { code } = this.program;
    const dst = base + code.dst[i];
    transfer(this.analysis, this.state, i, base);
    if (this.kind(dst) === V_FUNCTION) {
      this.with(W.GLOBAL_GET, this.module.imports.callbackSlot(this.word(dst, 1)));
      this.op(W.I64_EXTEND_I32_U);
      this.i64(0, FUNCTION_TAG);
      this.op(W.I64_OR);
    } else this.i64(code.imm[i], code.imm[i + 1]);
    this.set(dst);
  }

  private localCall(node: number, insn: number, base: number): void {
    const callee = this.module.signature(this.graph.taken[node]);
    this.payForCall(insn);
    for (const r of callee.args) this.get(base + r);
    this.makesCalls = true;
    this.saveFuel();
    if (callee.usesStack) this.frameTop(this.graph.frames[this.graph.frame[node]].depth + 1);
    this.with(W.CALL, callee.index);
    this.set(base);
    this.loadFuel();
    if (this.module.countsDepth) this.module.emitDepth(this, -1);
    if (this.module.infos[this.graph.taken[node]].throws) this.passThrown(node, base);
    emitPacketBounds(this);
  }

  /** After a call: if the callee has thrown, so does this function. The cookie is in r0. */
  private passThrown(node: number, base: number): void {
    this.with(W.GLOBAL_GET, this.module.thrown);
    this.start(W.IF);
    setValue(this.state, base, V_UNKNOWN);
    if (this.context !== NONE) this.module.emitCaught(this);
    this.unwind(node, base);
    this.op(W.END);
  }

  private throwFrom(node: number, insn: number, base: number): void {
    if (this.context === NONE) {
      this.i32(insn + 1);
      this.with(W.GLOBAL_SET, this.module.thrown);
    }
    this.unwind(node, base + 1);
  }

  /** Gives up all frames of this function; in the program itself, the exception is caught. */
  private unwind(node: number, cookie: number): void {
    const { depth } = this.graph.frames[this.graph.frame[node]];
    if (this.module.countsDepth && depth > 0) this.module.emitDepth(this, -depth);
    this.saveFuel();
    if (this.context === NONE || this.program.exceptionCallback === NONE) this.get(cookie);
    else this.callExceptionCallback(cookie);
    this.finishRun();
  }

  /** Pushes what the callback returns: it has the place and the stack of the program. */
  private callExceptionCallback(cookie: number): void {
    const { module } = this;
    const subprogram = this.program.exceptionCallback;
    const { args, usesStack, index } = module.signature(subprogram);
    this.makesCalls = true;
    for (const r of args) {
      if (r === 1) this.get(cookie);
      else this.i64(0);
    }
    if (usesStack) this.frameTop(0);
    this.with(W.CALL, index);
    if (module.infos[subprogram].throws) module.emitUncaught(this);
  }

  private payForCall(insn: number): void {
    if (this.world.checks) this.payFuel(insn);
    if (this.module.countsDepth) this.module.emitDeeper(this, insn);
  }

  /** Copies what an expanded subprogram reads; what else it may read before writing is 0. */
  private enter(node: number, insn: number, base: number): void {
    const frame = this.graph.frame[this.graph.next[node]];
    const callee = this.graph.frames[frame].subprogram;
    const { liveIn } = this.module.infos[callee];
    this.payForCall(insn);
    for (let r = 0; r < FP; r++) {
      if (((liveIn >> r) & 1) === 0) continue;
      if (r >= 1 && r <= 5) this.get(base + r);
      else this.i64(0);
      this.set(frameBase(frame) + r);
    }
    if (!this.program.code.op.includes(MAY_GOTO)) return;
    this.i32(0);
    this.with(W.LOCAL_SET, this.mayGotoCounter(frame));
  }

  private leaveFrame(node: number, base: number): void {
    this.get(base);
    this.set(frameBase(this.graph.frame[this.graph.next[node]]));
    if (this.module.countsDepth) this.module.emitDepth(this, -1);
  }

  /** The rest of the function is another one, whose result is the result. */
  private nextPart(index: number): void {
    this.makesCalls = true;
    this.saveFuel();
    for (let r = 0; r < PART_REGISTERS; r++) this.get(r);
    for (const local of [this.context, this.stack]) {
      if (local === NONE) this.i32(0);
      else this.with(W.LOCAL_GET, local);
    }
    this.with(W.CALL, index);
    this.op(W.RETURN);
  }

  /** Start of a part after the first. */
  startPart(hasContext: boolean): void {
    for (let r = 0; r < PART_REGISTERS; r++) this.bind(r, r);
    if (hasContext) this.context = PART_REGISTERS;
    this.stack = PART_REGISTERS + 1;
    this.chooseFuel();
    this.loadFuel();
  }

  /** Functions that loop count fuel in a local. */
  private chooseFuel(): void {
    const { graph } = this;
    if (!this.world.checks) return;
    const loops = graph.kind.some((kind, n) => {
      if (kind === NODE_ENTER) return true;
      const { taken, next } = graph;
      if (kind === NODE_COND && isBackJump(graph, n, taken[n])) return true;
      return kind === NODE_GOTO && isBackJump(graph, n, next[n]);
    });
    if (loops) this.fuel = this.addLocal(I64);
  }

  /**
   * The program itself; `context` is an i32 local. The start is written after the rest, because
   * much of it is left out if nothing needs it, but stands before it.
   */
  main(context: number, emitProgram: () => void): void {
    const start = this.sink;
    this.context = context;
    this.chooseFuel();
    if (this.module.infos[0].usesStack) this.stack = this.addLocal(I32);
    choosePacketBounds(this);
    this.sink = new ByteSink(4096);
    emitProgram();
    const body = this.sink;
    this.sink = start;
    this.startMain();
    start.append(body.finish());
  }

  /** What the code of the program relies on. */
  private startMain(): void {
    const info = this.module.infos[0];
    const { module, context } = this;
    if (this.makesCalls || this.needsRegions) module.emitEntrySetup(this, context);
    this.startFuel();
    if (info.usesStack) {
      this.loadCpu(C_STACK_TOP);
      if (this.world.checks) this.checkRoom(info.height);
      this.i32(this.extent);
      this.op(W.I32_SUB);
      this.with(W.LOCAL_SET, this.stack);
    }
    if (this.testsPacket) emitPacketBounds(this);
    if (((info.liveIn >> 1) & 1) === 0) return;
    this.analysis.before(0, this.state);
    setValue(this.state, 1, V_CTX, 0);
    this.materialise(1);
    this.set(1);
  }

  /** In a batch, a program that calls nobody keeps all its fuel to itself. */
  private startFuel(): void {
    const inBatch = this.result !== NONE;
    if (inBatch && this.makesCalls) this.module.emitRunStart(this);
    if (this.fuel === NONE) return;
    if (!inBatch || this.makesCalls) this.loadFuel();
    else {
      const { fuel } = this.module;
      this.i64(fuel | 0, Math.floor(fuel / 2 ** 32));
      this.with(W.LOCAL_SET, this.fuel);
    }
  }

  /** The stack pointer is on the wasm stack, and stays there. */
  private checkRoom(height: number): void {
    const frames = Math.min(height + 1, MAX_CALL_FRAMES);
    this.with(W.LOCAL_TEE, this.stack);
    this.with(W.LOCAL_GET, this.stack);
    this.cpu();
    this.op(W.I32_SUB);
    this.i32(C_STACK + frames * FRAME_SIZE);
    this.op(W.I32_LT_U);
    this.start(W.IF);
    this.module.emitFault(this, FAULT_STACK, 0);
    this.op(W.END);
  }

  /** The loop over contexts, with the program in it. */
  chunk(emitProgram: () => void): void {
    const [context, stride, count, results, times, index] = [0, 1, 2, 3, 4, 5];
    const { module } = this;
    this.result = this.addLocal(I64);
    this.start(W.LOOP);
    const again = this.depth;
    this.start(W.BLOCK);
    this.exit = this.depth;
    module.emitPacketStart(this, index, times);
    this.clearRegisters();
    this.main(context, emitProgram);
    this.op(W.END);
    this.with(W.LOCAL_GET, results);
    this.with(W.LOCAL_GET, this.result);
    this.access(W.I64_STORE32, 0, 2);
    this.addTo(results, () => this.i32(4));
    this.addTo(context, () => this.with(W.LOCAL_GET, stride));
    this.addTo(index, () => this.i32(1));
    this.addTo(count, () => this.i32(-1));
    this.with(W.LOCAL_GET, count);
    if (module.stopsForTimers) {
      this.i32(0);
      this.op(W.I32_NE);
      module.emitIsTimerDue(this, () => {
        this.with(W.LOCAL_GET, times);
        this.i32(0);
        this.with(W.LOCAL_GET, count);
        this.op(W.SELECT);
      });
      this.op(W.I32_EQZ);
      this.op(W.I32_AND);
    }
    this.with(W.BR_IF, this.depth - again);
    this.op(W.END);
  }

  /** Registers read before they are written are 0 in every run, not what the last one left. */
  private clearRegisters(): void {
    const { liveIn } = this.module.infos[0];
    for (let r = 0; r < FP; r++) {
      if (r === 1 || ((liveIn >> r) & 1) === 0) continue;
      this.i64(0);
      this.set(r);
    }
    if (!this.program.code.op.includes(MAY_GOTO)) return;
    this.i32(0);
    this.with(W.LOCAL_SET, this.mayGotoCounter(0));
  }

  /** Start of a subprogram's function: arguments, then r10. */
  startSubprogram(args: readonly number[], usesStack: boolean): void {
    args.forEach((r, k) => this.bind(r, k));
    this.chooseFuel();
    this.loadFuel();
    if (usesStack) {
      this.stack = args.length;
      this.with(W.LOCAL_GET, this.stack);
      this.i32(this.extent);
      this.op(W.I32_SUB);
      this.with(W.LOCAL_SET, this.stack);
    }
    emitPacketBounds(this);
  }
}

/** Nodes up to which a function gets all optimisations; larger ones are to start quickly. */
const SMALL = 400;

function isSmall(graph: Graph): boolean {
  return nodeCount(graph) <= SMALL;
}

/** What is known of values, with as many stack slots in locals as can be. */
function analyse(module: ModuleContext, graph: Graph, flow: Flow, isEntry: boolean): Analysis {
  const { world, infos } = module;
  const plain = new Analysis(world, graph, flow, NO_SLOTS, isEntry);
  if (!isSmall(graph) || !infos[graph.frames[0].subprogram].usesStack) return plain;
  let list = findSlots(plain, module);
  while (list.length > 0) {
    const slots = new Slots(list, frameBase(graph.frames.length));
    const analysis = new Analysis(world, graph, flow, slots, isEntry);
    const { unwritten } = analysis;
    if (unwritten.size === 0) return analysis;
    list = list.filter(({ offset, size }) => !unwritten.has(slots.variable(offset, size)));
  }
  return plain;
}

/** Nodes up to which a program is expanded in the batch loop. */
const SMALL_PROGRAM = 150;

/**
 * The body of a function (contexts, stride, count, results, times, index) that runs the program
 * `count` (at least 1) times, expanded in a loop: calling it would cost as much as a small program.
 * Undefined when the program is large.
 */
export function compileChunk(module: ModuleContext, graph: Graph): Uint8Array | undefined {
  if (nodeCount(graph) > SMALL_PROGRAM) return undefined;
  const flow = optimise(module, graph, true);
  const analysis = analyse(module, graph, flow, true);
  const e = new FunctionEmitter(6, module.world, analysis, module);
  e.chunk(() => emitGraph(graph, flow, e));
  return e.finish();
}

function optimise(module: ModuleContext, graph: Graph, inBatch: boolean): Flow {
  // Counters are per block, so all blocks must stay. Within the loop over packets, loops with a
  // select at their end came out slower than with the branch.
  if (module.counters === NONE && isSmall(graph)) {
    convertToSelects(graph, inBatch || module.world.checks);
  }
  const flow = analyseFlow(graph);
  return isSmall(graph) && unrollLoops(graph, flow) ? analyseFlow(graph) : flow;
}

/**
 * Compiles the graph of a subprogram to a function body: as the program's entry (`isEntry`) or as
 * something that local calls reach.
 */
export function compileFunction(module: ModuleContext, graph: Graph, isEntry: boolean): Uint8Array {
  const parts = module.program.code.op.includes(MAY_GOTO)
    ? undefined
    : splitGraph(graph, analyseFlow(graph));
  if (parts !== undefined) return compileParts(module, parts, isEntry);
  const flow = optimise(module, graph, false);
  return compileBody(module, graph, flow, analyse(module, graph, flow, isEntry), [], isEntry);
}

/** Compiles a split function; returns the body of its first part. */
function compileParts(module: ModuleContext, graphs: Graph[], isEntry: boolean): Uint8Array {
  const { builder, world, program } = module;
  const { name } = program.subprograms[graphs[0].frames[0].subprogram];
  const parts = module.declareParts(graphs.length - 1, name);
  const [first, ...others] = graphs.map((graph, k) => {
    const flow = analyseFlow(graph);
    // Registers may hold anything at the start of a later part.
    const analysis = new Analysis(world, graph, flow, NO_SLOTS, isEntry && k === 0);
    if (k === 0) return compileBody(module, graph, flow, analysis, parts, isEntry);
    const e = new FunctionEmitter(PART_REGISTERS + 2, world, analysis, module);
    e.parts = parts;
    e.startPart(isEntry);
    emitGraph(graph, flow, e);
    return e.finish();
  });
  others.forEach((body, k) => builder.define(parts[k], body));
  return first;
}

function compileBody(
  module: ModuleContext,
  graph: Graph,
  flow: Flow,
  analysis: Analysis,
  parts: readonly number[],
  isEntry: boolean,
): Uint8Array {
  if (isEntry) {
    const e = new FunctionEmitter(1, module.world, analysis, module);
    e.parts = parts;
    e.main(0, () => emitGraph(graph, flow, e));
    return e.finish();
  }
  const { args, usesStack } = module.signature(graph.frames[0].subprogram);
  const params = args.length + (usesStack ? 1 : 0);
  const e = new FunctionEmitter(params, module.world, analysis, module);
  e.parts = parts;
  e.startSubprogram(args, usesStack);
  emitGraph(graph, flow, e);
  return e.finish();
}
