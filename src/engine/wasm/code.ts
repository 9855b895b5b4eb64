import { BugError } from '../../base/index.ts';
import { INSN_SIZE, LD_IMM64 } from '../../isa/index.ts';
import { C_BATCH_INDEX, C_STACK_END, C_STACK_TOP } from '../../runtime/layout.ts';
import type { Runtime } from '../../runtime/types.ts';
import { addCallback, removeCallback } from '../callbacks.ts';
import { faultFrom, imagesOf, ProgramFaultError } from '../fault.ts';
import { restoreRun, saveRun } from '../run-state.ts';
import type { LoadedCode, ProgramFault, ProgramImage } from '../types.ts';
import type { ModuleMetadata } from './draft.ts';
import type { ImportNames } from './names.ts';

type Run = (context: number) => number;
type Batch = (
  contexts: number,
  stride: number,
  count: number,
  results: number,
  times: number,
) => number;

/** The functions of a program in an instance of its module. */
interface Functions {
  readonly entry: unknown;
  readonly callbacks: readonly unknown[];
}

/**
 * A program on a runtime: its slots of the function table and its counters, which stay while the
 * code in them may be exchanged for another module's. It can be called once it has been given code.
 */
export class WasmCode implements LoadedCode {
  readonly image: ProgramImage;
  readonly entry: number;
  /** Address of the counters, 0 without. */
  readonly counters: number;
  /** Called once, when it is disposed of. */
  onDispose: (() => void) | undefined;
  private readonly runtime: Runtime;
  private readonly metadata: ModuleMetadata;
  /** Slot of each callback, in the order of the metadata. */
  private readonly slots: readonly number[];
  private functions: Functions | undefined;
  private lastFault: ProgramFault | undefined;
  private run32: Run = refuse;
  private runBatch: Batch = refuse;
  private words: Uint32Array;
  /** Index in `words` of C_STACK_TOP, and what is there while nothing runs. */
  private readonly stackTop: number;
  private readonly stackEnd: number;
  private disposed = false;

  /** Whether it was disposed of. */
  get gone(): boolean {
    return this.disposed;
  }

  constructor(image: ProgramImage, runtime: Runtime, metadata: ModuleMetadata) {
    this.image = image;
    this.runtime = runtime;
    this.metadata = metadata;
    const count = metadata.counters.length;
    this.counters = count === 0 ? 0 : runtime.allocateScratch(8 * count);
    this.words = runtime.u32();
    this.stackTop = (runtime.cpuBlock + C_STACK_TOP) >>> 2;
    this.stackEnd = runtime.cpuBlock + C_STACK_END;
    this.entry = runtime.functions.reserve();
    this.slots = metadata.callbacks.map(() => addCallback(runtime, image, metadata.fuel));
    imagesOf(runtime).set(image.id, image);
  }

  /** Slot of the callback that is subprogram `k`. */
  slotOf(k: number): number {
    return this.slots[this.metadata.callbacks.indexOf(k)];
  }

  /** Gives it the functions an instance has for it, in place of those it had. */
  install(exports: WebAssembly.Exports, { exported }: ImportNames): void {
    const old = this.functions;
    const next: Functions = {
      entry: exports[exported('entry')],
      callbacks: this.metadata.callbacks.map((k) => exports[exported(`callback${k}`)]),
    };
    const { functions } = this.runtime;
    const place = (slot: number, before: unknown, after: unknown) => {
      if (before) functions.replace(before, after);
      else functions.set(slot, after);
    };
    place(this.entry, old?.entry, next.entry);
    this.slots.forEach((slot, i) => place(slot, old?.callbacks[i], next.callbacks[i]));
    this.functions = next;
    this.run32 = exports[exported('run32')] as Run;
    this.runBatch = exports[exported('batch')] as Batch;
  }

  get fault(): ProgramFault | undefined {
    return this.lastFault;
  }

  run(context: number): number {
    if (this.isNested()) return this.runNested(context);
    try {
      return this.run32(context);
    } catch (error) {
      restoreRun(this.runtime, undefined);
      throw faultFrom(error, this.runtime, this.image);
    }
  }

  /**
   * Whether another run is going on. `memory.buffer` costs more than a small program, so the words
   * are kept; growing memory leaves them without length.
   */
  private isNested(): boolean {
    if (this.words.length === 0) this.words = this.runtime.u32();
    return this.words[this.stackTop] !== this.stackEnd;
  }

  private runNested(context: number): number {
    const saved = saveRun(this.runtime);
    try {
      return this.run32(context);
    } catch (error) {
      throw faultFrom(error, this.runtime, this.image);
    } finally {
      restoreRun(this.runtime, saved);
    }
  }

  batch(contexts: number, stride: number, count: number, results: number, times: number): number {
    const saved = saveRun(this.runtime);
    this.lastFault = undefined;
    try {
      return this.runBatch(contexts, stride, count, results, times);
    } catch (error) {
      const fault = faultFrom(error, this.runtime, this.image);
      if (!(fault instanceof ProgramFaultError)) throw fault;
      this.lastFault = fault;
      const index = this.runtime.u32()[(this.runtime.cpuBlock + C_BATCH_INDEX) >>> 2];
      restoreRun(this.runtime, undefined);
      return index;
    } finally {
      if (saved !== undefined) restoreRun(this.runtime, saved);
    }
  }

  counts(): Float64Array {
    const { insns } = this.image;
    const counts = new Float64Array(insns.length / INSN_SIZE);
    const view = this.runtime.view();
    this.metadata.counters.forEach(([start, end], k) => {
      const count = Number(view.getBigUint64(this.counters + 8 * k, true));
      for (let i = start; i < end; i += insns[i * INSN_SIZE] === LD_IMM64 ? 2 : 1)
        counts[i] = count;
    });
    return counts;
  }

  /** While a program runs nothing is taken away: perhaps it is this one. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    if (this.isNested())
      this.runtime.events.at(Number(this.runtime.clock), () => this.free(), true);
    else this.free();
  }

  private free(): void {
    const { runtime } = this;
    runtime.functions.release(this.entry);
    for (const slot of this.slots) removeCallback(runtime, slot);
    if (this.counters !== 0) runtime.release(this.counters);
    const images = imagesOf(runtime);
    if (images.get(this.image.id) === this.image) images.delete(this.image.id);
    this.functions = undefined;
    this.run32 = refuse;
    this.runBatch = refuse;
    this.onDispose?.();
    this.onDispose = undefined;
  }
}

function refuse(): never {
  throw new BugError('the program has no code: it is being loaded, or was disposed of');
}
