import { C_BATCH_INDEX, C_INTERPRETER } from '../../runtime/layout.ts';
import type { Runtime } from '../../runtime/types.ts';
import { addCallback, removeCallback } from '../callbacks.ts';
import { packetFields } from '../context.ts';
import { faultFrom, imagesOf, ProgramFaultError, ProgramStopped } from '../fault.ts';
import { restoreRun, saveRun } from '../run-state.ts';
import {
  type CompileOptions,
  DEFAULT_FUEL,
  type Engine,
  type LoadedCode,
  type ProgramImage,
  type StepState,
} from '../types.ts';
import {
  F_SIZE,
  FRAMES,
  INSN_BYTES,
  P_CHECKS,
  P_CODE,
  P_CONTEXT_SIZE,
  P_FUEL,
  P_GUARD_END,
  P_GUARD_START,
  P_ID,
  P_LISTENER,
  P_ORIGINS,
  P_PACKET_END,
  P_PACKET_META,
  P_PACKET_NETWORK,
  P_PACKET_START,
  P_SIZE,
} from './core/ops.ts';
import { type Plan, planProgram, type Places, writeProgram } from './decode.ts';
import { makeEntries } from './entries.ts';
import { type Interpreter, interpreterOf, type StepListener } from './module.ts';

/**
 * The referee: one switch over the opcode, exact rather than fast, able to step and to count. Its
 * results equal the WebAssembly compiler's bit for bit.
 */
export const interpreterEngine: Engine = {
  name: 'interpreter',
  load: (image, runtime, options) => new InterpretedCode(image, runtime, options),
};

/** A program as records of the interpreter. */
export class InterpretedCode implements LoadedCode {
  readonly image: ProgramImage;
  readonly entry: number;
  fault: ProgramFaultError | undefined;
  readonly #runtime: Runtime;
  readonly #interpreter: Interpreter;
  readonly #plan: Plan;
  /** Address of the program's descriptor; records, origins and counters follow it. */
  readonly #program: number;
  readonly #places: Places;
  #disposed = false;

  constructor(image: ProgramImage, runtime: Runtime, options: CompileOptions) {
    this.image = image;
    this.#runtime = runtime;
    this.#interpreter = interpreterOf(runtime);
    const { checks, profile = false, watch = false, onStep } = options;
    const plan = planProgram(image, { checks, profile, watch, steps: onStep !== undefined });
    this.#plan = plan;
    const records = P_SIZE + 8;
    const origins = records + plan.capacity * INSN_BYTES;
    const counters = origins + ((plan.capacity * 4 + 7) & ~7);
    const size = counters + (profile ? plan.code.length * 8 : 0);
    const program = runtime.allocateScratch(size);
    this.#program = program;
    const recordAt = (insn: number) => program + records + plan.recordOf[insn]! * INSN_BYTES;
    const entries = makeEntries(this.#interpreter, program, plan.callbacks.map(recordAt));
    const slots = entries.callbacks.map((fn) => addCallback(runtime, image, options.fuel, fn));
    this.entry = runtime.functions.reserve(entries.program);
    this.#places = {
      records: program + records,
      origins: program + origins,
      counters: program + counters,
      callbackSlots: new Map(plan.callbacks.map((insn, k) => [insn, slots[k]!])),
    };
    writeProgram(plan, image, runtime, this.#places);
    this.#describe(options);
    if (onStep) this.#interpreter.listeners.set(program, this.#listener(onStep));
    imagesOf(runtime).set(image.id, image);
  }

  #describe(options: CompileOptions): void {
    const { packet, size } = this.image.context;
    const view = this.#runtime.view();
    const set = (field: number, value: number): void =>
      view.setInt32(this.#program + field, value, true);
    set(P_ID, this.image.id);
    set(P_CODE, this.#places.records);
    set(P_ORIGINS, this.#places.origins);
    set(P_CHECKS, options.checks ? 1 : 0);
    set(P_CONTEXT_SIZE, size);
    set(P_PACKET_START, packet?.start ?? -1);
    set(P_PACKET_END, packet?.end ?? -1);
    set(P_PACKET_META, packet?.meta ?? -1);
    set(P_PACKET_NETWORK, packet?.network ?? -1);
    set(P_LISTENER, this.#program);
    const guard = packetFields(this.image.context);
    set(P_GUARD_START, guard?.start ?? 0);
    set(P_GUARD_END, guard?.end ?? 0);
    view.setBigInt64(this.#program + P_FUEL, BigInt(options.fuel ?? DEFAULT_FUEL), true);
  }

  #listener(onStep: NonNullable<CompileOptions['onStep']>) {
    return (insn: number, regs: number): void => {
      const state = new FrameState(this.#runtime, insn, regs);
      if (onStep(state) === true) throw new ProgramStopped(this.image, state);
    };
  }

  /** Goes on with a run that was left before `insn`; frames are addresses. See `Recording`. */
  resume(insn: number, base: number, frame: number): void {
    const record = this.#places.records + this.#plan.recordOf[insn]! * INSN_BYTES;
    this.#interpreter.program_resume(this.#program, record, base, frame);
  }

  /** Who is told of each step, in place of `onStep`: the instruction, the address of its frame. */
  listen(listener: StepListener): void {
    this.#interpreter.listeners.set(this.#program, listener);
  }

  run(context: number): number {
    const saved = saveRun(this.#runtime);
    try {
      const result = this.#interpreter.program_run(context, this.#program);
      if (saved) restoreRun(this.#runtime, saved);
      return result;
    } catch (error) {
      throw this.#ended(error, saved);
    }
  }

  batch(contexts: number, stride: number, count: number, results: number, times: number): number {
    const saved = saveRun(this.#runtime);
    this.fault = undefined;
    try {
      const program = this.#program;
      const done = this.#interpreter.program_batch(
        contexts,
        stride,
        count,
        results,
        times,
        program,
      );
      if (saved) restoreRun(this.#runtime, saved);
      return done >>> 0;
    } catch (error) {
      const runtime = this.#runtime;
      const reached = runtime.view().getUint32(runtime.cpuBlock + C_BATCH_INDEX, true);
      const ended = this.#ended(error, saved);
      if (!(ended instanceof ProgramFaultError)) throw ended;
      this.fault = ended;
      return reached;
    }
  }

  /** The error to report, after the CPU was brought back to where it was before the run. */
  #ended(error: unknown, saved: Uint32Array | undefined): unknown {
    const fault = faultFrom(error, this.#runtime, this.image);
    restoreRun(this.#runtime, saved);
    return fault;
  }

  counts(): Float64Array {
    const counts = new Float64Array(this.#plan.code.length);
    if (!this.#plan.probes.profile) return counts;
    const words = this.#runtime.u32();
    const first = this.#places.counters >>> 2;
    for (let i = 0; i < counts.length; i++) {
      counts[i] = words[first + 2 * i]! + words[first + 2 * i + 1]! * 2 ** 32;
    }
    return counts;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const slot of this.#places.callbackSlots.values()) removeCallback(this.#runtime, slot);
    this.#runtime.functions.release(this.entry);
    this.#interpreter.listeners.delete(this.#program);
    if (imagesOf(this.#runtime).get(this.image.id) === this.image) {
      imagesOf(this.#runtime).delete(this.image.id);
    }
    this.#runtime.release(this.#program);
  }
}

/** The state before an instruction: valid during the call of `onStep`. */
class FrameState implements StepState {
  readonly insn: number;
  readonly frame: number;
  readonly #runtime: Runtime;
  readonly #regs: number;

  constructor(runtime: Runtime, insn: number, regs: number) {
    this.insn = insn;
    this.frame = (regs - runtime.cpuBlock - C_INTERPRETER - FRAMES) / F_SIZE;
    this.#runtime = runtime;
    this.#regs = regs;
  }

  register(i: number): bigint {
    if (!(i >= 0 && i <= 10)) throw new RangeError(`there is no register r${i}`);
    return this.#runtime.view().getBigUint64(this.#regs + i * 8, true);
  }
}
