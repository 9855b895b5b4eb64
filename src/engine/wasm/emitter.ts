import {
  C_FUEL,
  C_STACK_TOP,
  FAULT_FUEL,
  FRAME_SIZE,
  GLOBALS,
  NULL_PAGE_END,
} from '../../runtime/layout.ts';
import type { Analysis } from './analysis.ts';
import { I32, I64 } from './encoder.ts';
import type { World } from './facts.ts';
import type { Graph } from './graph.ts';
import { HashLocals } from './hash-lookup.ts';
import { FP } from './insn.ts';
import type { ModuleContext } from './module.ts';
import * as W from './opcodes.ts';
import { NONE, type Program } from './program.ts';
import { RingLocals } from './ring.ts';
import { CTX_TAG, STACK_TAG } from './tags.ts';
import { isKnown } from './transfer.ts';
import {
  SHADOW,
  SHADOW_INDEX,
  SHADOW_NONE,
  SHADOW_OFFSET,
  type State,
  V_CONST,
  V_CTX,
  V_MAP_VALUE,
  V_STACK,
  WORDS,
} from './values.ts';
import { CodeWriter } from './writer.ts';

/** What the emitting functions of one BPF function share. */
export class Emitter extends CodeWriter {
  readonly world: World;
  readonly program: Program;
  readonly graph: Graph;
  readonly analysis: Analysis;
  readonly module: ModuleContext;
  /** Known values before the instruction at hand. */
  readonly state: State;
  /** i32 local: context (main function only). */
  context = NONE;
  /** i32 local: lowest address of all frames of this function. */
  stack = NONE;
  /** It calls code that may look at the state of the run (C_CTX, C_FUEL, …); it checks regions. */
  makesCalls = false;
  needsRegions = false;
  /** Program expanded in a batch loop: i64 local that takes the result, depth of its block. */
  result = NONE;
  exit = NONE;
  /** i64 local: fuel, when this function keeps it; NONE = it uses none. */
  fuel = NONE;
  /** i64 locals: first address of the packet, one past its last; NONE = not kept. */
  packetStart = NONE;
  packetEnd = NONE;
  /** Some access is compared with them. */
  testsPacket = false;
  /** Bytes of all frames of this function. */
  readonly extent: number;
  private readonly variables: Int32Array;
  private readonly shadows: Int32Array;
  private readonly mayGoto = new Map<number, number>();
  private lookup: HashLocals | undefined;
  private rings: RingLocals | undefined;
  private temporary = NONE;
  private address = NONE;
  private offset = NONE;
  private stackTop = NONE;

  constructor(params: number, world: World, analysis: Analysis, module: ModuleContext) {
    super(params);
    this.world = world;
    this.analysis = analysis;
    this.graph = analysis.graph;
    this.program = analysis.program;
    this.module = module;
    this.state = analysis.newState();
    const deepest = this.graph.frames.reduce((depth, f) => Math.max(depth, f.depth), 0);
    this.extent = (deepest + 1) * FRAME_SIZE;
    this.variables = new Int32Array(analysis.variables).fill(NONE);
    this.shadows = new Int32Array(analysis.variables).fill(NONE);
  }

  /** i64 local of a register or slot. */
  local(variable: number): number {
    const known = this.variables[variable];
    if (known !== NONE) return known;
    return (this.variables[variable] = this.addLocal(I64));
  }

  /** i32 local of a variable's shadow. */
  shadow(variable: number): number {
    const known = this.shadows[variable];
    if (known !== NONE) return known;
    return (this.shadows[variable] = this.addLocal(I32));
  }

  /** Makes `local` the place of a variable: parameters. */
  bind(variable: number, local: number): void {
    this.variables[variable] = local;
  }

  /** Scratch i64 and i32 locals, free between instructions. */
  scratch64(): number {
    if (this.temporary === NONE) this.temporary = this.addLocal(I64);
    return this.temporary;
  }

  scratchOffset(): number {
    if (this.offset === NONE) this.offset = this.addLocal(I64);
    return this.offset;
  }

  scratch32(): number {
    if (this.address === NONE) this.address = this.addLocal(I32);
    return this.address;
  }

  /** Locals of look-ups in hashes, free between instructions. */
  hashLocals(): HashLocals {
    return (this.lookup ??= new HashLocals(this));
  }

  /** Locals of ring buffers, free between instructions. */
  ringLocals(): RingLocals {
    return (this.rings ??= new RingLocals(this));
  }

  /** i32 local that counts the may_gotos of a frame. */
  mayGotoCounter(frame: number): number {
    const known = this.mayGoto.get(frame);
    if (known !== undefined) return known;
    const local = this.addLocal(I32);
    this.mayGoto.set(frame, local);
    return local;
  }

  kind(v: number): number {
    return this.state[v * WORDS];
  }

  /** Word a, b or c (1..3) of what is known of variable `v`. */
  word(v: number, k: number): number {
    return this.state[v * WORDS + k];
  }

  /** Pushes a variable as i64. */
  get(v: number): void {
    if (this.isPlain(v)) this.materialise(v);
    else this.with(W.LOCAL_GET, this.local(v));
  }

  /** Small constants are pushed rather than read; so is r10, which is in no local. */
  private isPlain(v: number): boolean {
    const kind = this.kind(v);
    if (kind === V_STACK) return this.isFramePointer(v);
    return kind === V_CONST && this.word(v, 2) === this.word(v, 1) >> 31;
  }

  private isFramePointer(v: number): boolean {
    return v < this.graph.frames.length * (FP + 1) && v % (FP + 1) === FP;
  }

  /** Pushes the low half of a variable as i32. */
  get32(v: number): void {
    const a = this.word(v, 1);
    switch (this.kind(v)) {
      case V_CONST:
        this.i32(a);
        return;
      case V_STACK:
        this.sum32(this.stack, this.extent + a);
        return;
      case V_CTX:
        this.sum32(this.context, a);
        return;
    }
    this.get(v);
    this.op(W.I32_WRAP_I64);
  }

  /** Pushes an i32 local plus a constant. */
  private sum32(local: number, offset: number): void {
    this.with(W.LOCAL_GET, local);
    if (offset === 0) return;
    this.i32(offset);
    this.op(W.I32_ADD);
  }

  set(v: number): void {
    this.with(W.LOCAL_SET, this.local(v));
  }

  /** Pushes the second operand of instruction `i` as i64 / i32. */
  operand(i: number, base: number, isRegister: boolean): void {
    if (isRegister) this.get(base + this.program.code.src[i]);
    else this.i64(this.program.code.imm[i]);
  }

  operand32(i: number, base: number, isRegister: boolean): void {
    if (isRegister) this.get32(base + this.program.code.src[i]);
    else this.i32(this.program.code.imm[i]);
  }

  /** Whether the value of `v` can be pushed from what is known of it. */
  isKnown(v: number): boolean {
    return isKnown(this.kind(v));
  }

  /** Pushes a known value. */
  materialise(v: number): void {
    const a = this.word(v, 1);
    switch (this.kind(v)) {
      case V_CONST:
        this.i64(a, this.word(v, 2));
        break;
      case V_STACK:
        this.tagged(this.stack, this.extent + a, STACK_TAG);
        break;
      case V_CTX:
        this.tagged(this.context, a, CTX_TAG);
        break;
    }
  }

  /** Pushes the pointer `local + offset` with this tag. */
  tagged(local: number, offset: number, tag: number): void {
    this.with(W.LOCAL_GET, local);
    this.op(W.I64_EXTEND_I32_U);
    this.i64(offset, (tag + (offset >> 31)) | 0);
    this.op(W.I64_ADD);
  }

  /**
   * Pushes the i32 address that `off` is relative to and returns the offset for the access itself.
   */
  pushAddress(v: number, off: number): number {
    const a = this.word(v, 1);
    switch (this.kind(v)) {
      case V_STACK:
        return this.basePlus(this.stack, this.extent + a + off);
      case V_CTX:
        return this.basePlus(this.context, a + off);
      case V_CONST:
        this.i32(a + off);
        return 0;
    }
    const shadow = this.word(v, SHADOW);
    if (shadow !== SHADOW_NONE) return this.pushShadowAddress(v, shadow, off);
    this.get(v);
    this.op(W.I32_WRAP_I64);
    return this.plus(off);
  }

  /**
   * Wasm adds an access's offset without wrapping around. So it may take the offset of a shadow
   * only if shadow + offset cannot wrap: small offsets (nothing lives below the first 64 KiB),
   * unsigned indices, and values of maps that are known to lie as far up as the offset is large.
   */
  private pushShadowAddress(v: number, shadow: number, off: number): number {
    const offset = (this.word(v, SHADOW_OFFSET) + off) | 0;
    this.with(W.LOCAL_GET, this.shadow(v));
    if (shadow === SHADOW_INDEX && off >= 0) return offset >>> 0;
    if (offset >= 0 && this.word(v, SHADOW_OFFSET) <= this.lowestAddress(v)) return offset;
    if (offset >= 0 && offset < NULL_PAGE_END / 2) return offset;
    this.i32(offset);
    this.op(W.I32_ADD);
    return 0;
  }

  /** What the address in variable `v` is at least. */
  private lowestAddress(v: number): number {
    if (this.kind(v) !== V_MAP_VALUE) return 0;
    const map = this.world.mapOfTag(this.word(v, 1));
    return map?.isArray === true ? map.values + this.word(v, 2) : 0;
  }

  /** Adds an offset that is negative to the address on the stack; returns what is left to add. */
  private plus(off: number): number {
    if (off >= 0) return off;
    this.i32(off);
    this.op(W.I32_ADD);
    return 0;
  }

  /** Pushes the part of variable `v` that a sum's shadow is made of. */
  pushShadowPart(v: number): void {
    const shadow = this.word(v, SHADOW);
    if (!this.isKnown(v) && shadow !== SHADOW_NONE) this.with(W.LOCAL_GET, this.shadow(v));
    else this.get32(v);
  }

  /** Gives `to` the shadow of `from`, if `from` has one. */
  copyShadow(to: number, from: number): void {
    if (this.isKnown(from) || this.word(from, SHADOW) === SHADOW_NONE) return;
    this.with(W.LOCAL_GET, this.shadow(from));
    this.with(W.LOCAL_SET, this.shadow(to));
  }

  private basePlus(local: number, offset: number): number {
    this.with(W.LOCAL_GET, local);
    return this.plus(offset);
  }

  /** Pushes the address of this CPU's block. */
  cpu(): void {
    this.with(W.GLOBAL_GET, this.module.cpu);
  }

  /** Pushes a field of the CPU block. */
  loadCpu(field: number): void {
    this.cpu();
    this.access(W.I32_LOAD, field, 2);
  }

  /** Pushes a 64-bit global of the machine. */
  loadGlobal64(field: number): void {
    this.i32(GLOBALS);
    this.access(W.I64_LOAD, field, 3);
  }

  /**
   * Foreign code that needs stack of its own finds it below r10 of a frame at this depth, until
   * `restoreStackTop`.
   */
  lowerStackTop(depth: number): void {
    if (this.stackTop === NONE) this.stackTop = this.addLocal(I32);
    this.loadCpu(C_STACK_TOP);
    this.with(W.LOCAL_SET, this.stackTop);
    this.cpu();
    this.frameTop(depth);
    this.access(W.I32_STORE, C_STACK_TOP, 2);
  }

  restoreStackTop(): void {
    this.cpu();
    this.with(W.LOCAL_GET, this.stackTop);
    this.access(W.I32_STORE, C_STACK_TOP, 2);
  }

  /** Foreign code counts fuel in memory. */
  saveFuel(): void {
    if (this.fuel === NONE) return;
    this.cpu();
    this.with(W.LOCAL_GET, this.fuel);
    this.access(W.I64_STORE, C_FUEL, 3);
  }

  loadFuel(): void {
    if (this.fuel === NONE) return;
    this.cpu();
    this.access(W.I64_LOAD, C_FUEL, 3);
    this.with(W.LOCAL_SET, this.fuel);
  }

  /** Takes one from the fuel; a fault at `insn` when there is none. */
  payFuel(insn: number): void {
    if (this.fuel === NONE) {
      this.module.emitPayFuel(this, insn);
      return;
    }
    this.with(W.LOCAL_GET, this.fuel);
    this.i64(1);
    this.op(W.I64_SUB);
    this.with(W.LOCAL_TEE, this.fuel);
    this.i64(0);
    this.op(W.I64_LT_S);
    this.start(W.IF);
    this.module.emitFault(this, FAULT_FUEL, insn);
    this.op(W.END);
  }

  /** Returns r0 of the frame whose r0 is variable `base` from the WebAssembly function. */
  leave(base: number): void {
    if (this.result === NONE) this.saveFuel();
    this.get(base);
    this.finishRun();
  }

  /** The result is on the wasm stack: gives it to whoever called the program. */
  finishRun(): void {
    if (this.result === NONE) {
      this.op(W.RETURN);
      return;
    }
    this.with(W.LOCAL_SET, this.result);
    this.branch(this.exit);
  }

  /** Pushes r10 (as i32) of the frame at this depth, or of one called from the deepest. */
  frameTop(depth: number): void {
    this.sum32(this.stack, this.extent - depth * FRAME_SIZE);
  }
}
