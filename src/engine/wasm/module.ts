import {
  C_BATCH_INDEX,
  C_CTX,
  C_DEPTH,
  C_FAULT_ADDRESS,
  C_FAULT_ARGUMENT,
  C_FAULT_HELPER,
  C_FAULT_INSN,
  C_FAULT_KIND,
  C_FAULT_PROGRAM,
  C_FAULT_SIZE,
  C_FAULT_WRITE,
  C_FUEL,
  C_TAIL_CALLS,
  C_WATCH_INSN,
  C_WATCH_PROGRAM,
  CPU_REGIONS,
  FAULT_BAD_INSN,
  FAULT_FUEL,
  FAULT_HELPER_ARGUMENT,
  FAULT_OUT_OF_RANGE,
  FAULT_STACK,
  G_CLOCK,
  G_TIMER_DUE,
  GLOBALS,
  MAX_CALL_FRAMES,
  R_END,
  R_FLAGS,
  R_GUARD_END,
  R_GUARD_START,
  R_START,
  REGION_CTX,
  REGION_F_GUARD,
  REGION_PACKET,
  REGION_SIZE,
} from '../../runtime/layout.ts';
import { packetFields } from '../context.ts';
import { DEFAULT_FUEL } from '../types.ts';
import type { Draft } from './draft.ts';
import { I32, I64, type ModuleBuilder } from './encoder.ts';
import type { World } from './facts.ts';
import type { ModuleImports } from './imports.ts';
import * as W from './opcodes.ts';
import { NONE, type Program } from './program.ts';
import type { SubprogramInfo } from './subprograms.ts';
import { CodeWriter } from './writer.ts';

const PACKET_RECORD = CPU_REGIONS + REGION_PACKET * REGION_SIZE;
const CTX_RECORD = CPU_REGIONS + REGION_CTX * REGION_SIZE;

/** How a subprogram is called: which of r1..r5 are passed, and r10 after them if it has a frame. */
export interface Signature {
  readonly args: readonly number[];
  readonly usesStack: boolean;
  readonly index: number;
}

/** A part of a split function is given r0 to r9, then the context and the lowest stack address. */
export const PART_REGISTERS = 10;

/** Indices of everything the functions of one module refer to. */
export class ModuleContext {
  readonly builder: ModuleBuilder;
  readonly imports: ModuleImports;
  readonly world: World;
  readonly program: Program;
  /** Global: address of this CPU's block. */
  readonly cpu: number;
  /** Global: address of the counters; NONE when not profiling. */
  readonly counters: number;
  /** Global: 1 + the instruction that threw, while frames are given up; NONE if nothing can. */
  readonly thrown: number;
  /** (kind, insn, address, size, write): records a fault and traps. */
  readonly fault: number;
  /** (address, size, write, insn): returns if the access is right. */
  readonly check: number;
  /** Like `check`, but never returns. */
  readonly refuse: number;
  /** Type (i32) -> i64 of program entries. */
  readonly entryType: number;
  readonly entry: number;
  /** Whether calls must count frames at run time: recursion or callbacks. */
  readonly countsDepth: boolean;
  readonly infos: readonly SubprogramInfo[];
  private readonly signatures: (Signature | undefined)[] = [];
  private readonly openPacketFunction: number;
  private readonly openRegionsFunction: number;

  constructor(imports: ModuleImports, { world, program, infos }: Draft) {
    this.imports = imports;
    this.world = world;
    this.program = program;
    this.infos = infos;
    const { builder } = imports;
    this.builder = builder;
    this.cpu = imports.cpu;
    this.counters = imports.counters;
    this.thrown = imports.thrown;
    this.countsDepth =
      world.checks && (program.callbacks.size > 0 || infos[0].height >= MAX_CALL_FRAMES);
    const needsChecks = world.checks;
    this.entryType = builder.type([I32], [I64]);
    this.fault = this.defineFault();
    this.check = needsChecks ? this.defineCheck() : NONE;
    this.refuse = needsChecks ? this.defineRefuse() : NONE;
    this.openPacketFunction = needsChecks ? this.defineOpenPacket() : NONE;
    this.openRegionsFunction = needsChecks ? this.defineOpenRegions() : NONE;
    this.entry = builder.declare(this.entryType, program.subprograms[0].name);
  }

  exportFunction(name: string, index: number): void {
    this.builder.exportFunction(this.imports.names.exported(name), index);
  }

  /** Fuel of a run. */
  get fuel(): number {
    return this.world.options.fuel ?? DEFAULT_FUEL;
  }

  /** Declares the WebAssembly function of a subprogram when it is first called. */
  signature(subprogram: number): Signature {
    const known = this.signatures[subprogram];
    if (known !== undefined) return known;
    const info = this.infos[subprogram];
    const args = [1, 2, 3, 4, 5].filter((r) => (info.liveIn >> r) & 1);
    const params = args.map(() => I64);
    if (info.usesStack) params.push(I32);
    const type = this.builder.type(params, [I64]);
    const index = this.builder.declare(type, this.program.subprograms[subprogram].name);
    return (this.signatures[subprogram] = { args, usesStack: info.usesStack, index });
  }

  /** Functions for `count` parts after the first of a function that is split. */
  declareParts(count: number, name: string): number[] {
    const params = [...Array<number>(PART_REGISTERS).fill(I64), I32, I32];
    const type = this.builder.type(params, [I64]);
    return Array.from({ length: count }, (_, k) =>
      this.builder.declare(type, `${name} part ${k + 2}`),
    );
  }

  /** Subprograms that have been given a function. */
  declared(): number[] {
    return [...this.signatures.keys()].filter((k) => this.signatures[k] !== undefined);
  }

  // ---- Functions every module has ---------------------------------------------------------------

  /** Stores what `push` pushes in a field of the CPU block. */
  storeCpu(w: CodeWriter, field: number, push: () => void, opcode = W.I32_STORE): void {
    w.with(W.GLOBAL_GET, this.cpu);
    push();
    w.access(opcode, field, opcode === W.I64_STORE ? 3 : 2);
  }

  loadCpu(w: CodeWriter, field: number, opcode = W.I32_LOAD): void {
    w.with(W.GLOBAL_GET, this.cpu);
    w.access(opcode, field, 2);
  }

  /** Says in which call of which program this CPU is. */
  emitWatch(w: CodeWriter, insn: number): void {
    this.storeCpu(w, C_WATCH_PROGRAM, () => w.i32(this.world.image.id));
    this.storeCpu(w, C_WATCH_INSN, () => w.i32(insn));
  }

  /** Tells the runtime of a pointer that a call gave. */
  emitObtained(w: CodeWriter, pointer: () => void): void {
    pointer();
    w.with(W.CALL, this.imports.obtained);
  }

  private defineFault(): number {
    const { builder } = this;
    const index = builder.declare(builder.type([I32, I32, I64, I32, I32], []), 'fault');
    const w = new CodeWriter(5);
    const param = (k: number) => () => w.with(W.LOCAL_GET, k);
    this.storeCpu(w, C_FAULT_KIND, param(0));
    this.storeCpu(w, C_FAULT_INSN, param(1));
    this.storeCpu(w, C_FAULT_ADDRESS, param(2), W.I64_STORE);
    this.storeCpu(w, C_FAULT_SIZE, param(3));
    this.storeCpu(w, C_FAULT_WRITE, param(4));
    this.storeCpu(w, C_FAULT_PROGRAM, () => w.i32(this.world.image.id));
    this.storeCpu(w, C_FAULT_HELPER, () => w.i32(0));
    this.storeCpu(w, C_FAULT_ARGUMENT, () => w.i32(0));
    w.op(W.UNREACHABLE);
    builder.define(index, w.finish());
    return index;
  }

  private defineCheck(): number {
    const { builder } = this;
    const index = builder.declare(builder.type([I64, I32, I32, I32], []), 'check');
    const w = new CodeWriter(4);
    const kind = w.addLocal(I32);
    for (const k of [0, 1, 2]) w.with(W.LOCAL_GET, k);
    w.with(W.CALL, this.imports.regionCheck);
    w.with(W.LOCAL_TEE, kind);
    w.start(W.IF);
    for (const k of [kind, 3, 0, 1, 2]) w.with(W.LOCAL_GET, k);
    w.with(W.CALL, this.fault);
    w.op(W.END);
    builder.define(index, w.finish());
    return index;
  }

  /** As `check`, for an access that is wrong for sure: does not return. */
  private defineRefuse(): number {
    const { builder } = this;
    const index = builder.declare(builder.type([I64, I32, I32, I32], []), 'refuse');
    const w = new CodeWriter(4);
    const kind = w.addLocal(I32);
    for (const k of [0, 1, 2]) w.with(W.LOCAL_GET, k);
    w.with(W.CALL, this.imports.regionCheck);
    w.with(W.LOCAL_TEE, kind);
    w.i32(FAULT_OUT_OF_RANGE);
    w.with(W.LOCAL_GET, kind);
    w.op(W.SELECT);
    for (const k of [3, 0, 1, 2]) w.with(W.LOCAL_GET, k);
    w.with(W.CALL, this.fault);
    w.op(W.UNREACHABLE);
    builder.define(index, w.finish());
    return index;
  }

  /** Fills the packet's region record from the context at C_CTX. */
  private defineOpenPacket(): number {
    const { builder } = this;
    const index = builder.declare(builder.type([], []), 'open_packet');
    const w = new CodeWriter(0);
    const packet = this.world.image.context.packet;
    if (packet !== undefined) {
      const context = w.addLocal(I32);
      const start = w.addLocal(I32);
      const meta = w.addLocal(I32);
      this.loadCpu(w, C_CTX);
      w.with(W.LOCAL_TEE, context);
      w.access(W.I32_LOAD, packet.start);
      w.with(W.LOCAL_SET, start);
      if (packet.meta !== undefined) {
        w.with(W.LOCAL_GET, context);
        w.access(W.I32_LOAD, packet.meta);
        w.with(W.LOCAL_TEE, meta);
        w.with(W.LOCAL_GET, start);
        w.with(W.LOCAL_GET, meta);
        w.with(W.LOCAL_GET, start);
        w.op(W.I32_LT_U);
        w.op(W.SELECT);
        w.with(W.LOCAL_SET, start);
      }
      this.storeCpu(w, PACKET_RECORD + R_START, () => w.with(W.LOCAL_GET, start));
      this.storeCpu(w, PACKET_RECORD + R_END, () => {
        w.with(W.LOCAL_GET, context);
        w.access(W.I32_LOAD, packet.end);
      });
    }
    builder.define(index, w.finish());
    return index;
  }

  /** Pushes the packet's bounds as two i64; in the program itself they are in the context. */
  pushPacketBounds(w: CodeWriter, contextLocal: number): void {
    const { packet } = this.world.image.context;
    if (contextLocal !== NONE && packet !== undefined) {
      const field = (offset: number) => {
        w.with(W.LOCAL_GET, contextLocal);
        w.access(W.I64_LOAD32_U, offset);
      };
      field(packet.start);
      if (packet.meta !== undefined) {
        field(packet.meta);
        field(packet.start);
        field(packet.meta);
        w.op(W.I64_LT_U);
        w.op(W.SELECT);
      }
      field(packet.end);
      return;
    }
    this.loadCpu(w, PACKET_RECORD + R_START, W.I64_LOAD32_U);
    this.loadCpu(w, PACKET_RECORD + R_END, W.I64_LOAD32_U);
  }

  callOpenPacket(w: CodeWriter): void {
    if (this.world.image.context.packet !== undefined) w.with(W.CALL, this.openPacketFunction);
  }

  /** Ends the run at `insn` for a reason that has no address. */
  emitFault(w: CodeWriter, kind: number, insn: number): void {
    w.i32(kind);
    w.i32(insn);
    w.i64(0);
    w.i32(0);
    w.i32(0);
    w.with(W.CALL, this.fault);
    w.op(W.UNREACHABLE);
  }

  /** Ends the run at the instruction that threw, if one did: there is nothing to unwind to. */
  emitUncaught(w: CodeWriter): void {
    w.with(W.GLOBAL_GET, this.thrown);
    w.start(W.IF);
    w.i32(FAULT_BAD_INSN);
    w.with(W.GLOBAL_GET, this.thrown);
    w.i32(1);
    w.op(W.I32_SUB);
    this.emitCaught(w);
    w.i64(0);
    w.i32(0);
    w.i32(0);
    w.with(W.CALL, this.fault);
    w.op(W.UNREACHABLE);
    w.op(W.END);
  }

  emitCaught(w: CodeWriter): void {
    w.i32(0);
    w.with(W.GLOBAL_SET, this.thrown);
  }

  /** After `check_call` has refused an argument: the rest of the record, and the trap. */
  emitArgumentFault(w: CodeWriter, insn: number): void {
    this.storeCpu(w, C_FAULT_KIND, () => w.i32(FAULT_HELPER_ARGUMENT));
    this.storeCpu(w, C_FAULT_INSN, () => w.i32(insn));
    this.storeCpu(w, C_FAULT_PROGRAM, () => w.i32(this.world.image.id));
    w.op(W.UNREACHABLE);
  }

  /** A fault that names a helper and one of its arguments (0 = none). */
  emitHelperFault(
    w: CodeWriter,
    kind: number,
    insn: number,
    helper: number,
    argument: number,
    pushAddress: () => void,
  ): void {
    this.storeCpu(w, C_FAULT_KIND, () => w.i32(kind));
    this.storeCpu(w, C_FAULT_INSN, () => w.i32(insn));
    this.storeCpu(w, C_FAULT_PROGRAM, () => w.i32(this.world.image.id));
    this.storeCpu(w, C_FAULT_ADDRESS, pushAddress, W.I64_STORE);
    this.storeCpu(w, C_FAULT_SIZE, () => w.i32(0));
    this.storeCpu(w, C_FAULT_WRITE, () => w.i32(0));
    this.storeCpu(w, C_FAULT_HELPER, () => w.i32(helper));
    this.storeCpu(w, C_FAULT_ARGUMENT, () => w.i32(argument));
    w.op(W.UNREACHABLE);
  }

  /**
   * `open_regions(context)`: what foreign code and region checks need to know of this run: the
   * context, its region, the packet's.
   */
  private defineOpenRegions(): number {
    const { builder } = this;
    const { context } = this.world.image;
    const index = builder.declare(builder.type([I32], []), 'open_regions');
    const w = new CodeWriter(1);
    const guard = packetFields(context);
    const plus = (offset: number) => () => {
      w.with(W.LOCAL_GET, 0);
      w.i32(offset);
      w.op(W.I32_ADD);
    };
    this.storeCpu(w, C_CTX, plus(0));
    this.storeCpu(w, CTX_RECORD + R_START, plus(0));
    this.storeCpu(w, CTX_RECORD + R_END, plus(context.size));
    this.storeCpu(w, CTX_RECORD + R_FLAGS, () => w.i32(guard ? REGION_F_GUARD : 0));
    this.storeCpu(w, CTX_RECORD + R_GUARD_START, plus(guard?.start ?? 0));
    this.storeCpu(w, CTX_RECORD + R_GUARD_END, plus(guard?.end ?? 0));
    this.callOpenPacket(w);
    builder.define(index, w.finish());
    return index;
  }

  /** At a program's entry, if it needs it: C_CTX, and the regions of checked code. */
  emitEntrySetup(w: CodeWriter, contextLocal: number): void {
    if (this.world.checks) this.callOpenRegions(w, contextLocal);
    else this.storeCpu(w, C_CTX, () => w.with(W.LOCAL_GET, contextLocal));
  }

  callOpenRegions(w: CodeWriter, contextLocal: number): void {
    w.with(W.LOCAL_GET, contextLocal);
    w.with(W.CALL, this.openRegionsFunction);
  }

  /**
   * State of a whole run, reset before it starts, as far as this program or one it calls uses it.
   */
  emitRunStart(w: CodeWriter): void {
    const { fuel } = this;
    const tailCalls = this.infos.some((info) => info.tailCalls);
    if (this.world.checks || tailCalls) {
      this.storeCpu(w, C_FUEL, () => w.i64(fuel | 0, Math.floor(fuel / 2 ** 32)), W.I64_STORE);
      this.storeCpu(w, C_DEPTH, () => w.i32(0));
    }
    if (tailCalls) this.storeCpu(w, C_TAIL_CALLS, () => w.i32(0));
  }

  /**
   * Before the run of packet `index`. `times`: address of its time (moved on to the next), or 0.
   * Both are i32 locals.
   */
  emitPacketStart(w: CodeWriter, index: number, times: number): void {
    this.storeCpu(w, C_BATCH_INDEX, () => w.with(W.LOCAL_GET, index));
    w.with(W.LOCAL_GET, times);
    w.start(W.IF);
    w.i32(GLOBALS);
    w.with(W.LOCAL_GET, times);
    w.access(W.I64_LOAD, 0, 3);
    w.access(W.I64_STORE, G_CLOCK, 3);
    w.addTo(times, () => w.i32(8));
    w.op(W.END);
  }

  /** Whether batches of the program end where a timer is due: it may start one, or run who does. */
  get stopsForTimers(): boolean {
    const { helpers } = this.world.facts;
    return (
      this.infos.some((info) => info.tailCalls) ||
      Object.values(helpers).some(({ armsTimers }) => armsTimers)
    );
  }

  /** Whether a timer is due before the packet whose time is at the address, which may be 0. */
  emitIsTimerDue(w: CodeWriter, address: () => void): void {
    w.i32(GLOBALS);
    w.access(W.I64_LOAD, G_TIMER_DUE, 3);
    address();
    w.access(W.I64_LOAD, 0, 3);
    w.op(W.I64_LE_S);
    address();
    w.i32(0);
    w.op(W.I32_NE);
    w.op(W.I32_AND);
  }

  /** Takes one from the fuel in memory; a fault at `insn` when there is none. */
  emitPayFuel(w: CodeWriter, insn: number): void {
    this.loadCpu(w, C_FUEL, W.I64_LOAD);
    w.op(W.I64_EQZ);
    w.start(W.IF);
    this.emitFault(w, FAULT_FUEL, insn);
    w.op(W.END);
    this.storeCpu(
      w,
      C_FUEL,
      () => {
        this.loadCpu(w, C_FUEL, W.I64_LOAD);
        w.i64(1);
        w.op(W.I64_SUB);
      },
      W.I64_STORE,
    );
  }

  /** One frame deeper; a fault at `insn` when that is too deep. */
  emitDeeper(w: CodeWriter, insn: number): void {
    this.loadCpu(w, C_DEPTH);
    w.i32(MAX_CALL_FRAMES - 1);
    w.op(W.I32_GE_U);
    w.start(W.IF);
    this.emitFault(w, FAULT_STACK, insn);
    w.op(W.END);
    this.emitDepth(w, 1);
  }

  emitDepth(w: CodeWriter, change: number): void {
    this.storeCpu(w, C_DEPTH, () => {
      this.loadCpu(w, C_DEPTH);
      w.i32(change);
      w.op(W.I32_ADD);
    });
  }
}
