import { BugError, KernelError } from '../../base/index.ts';
import { INSN_SIZE, LD_IMM64 } from '../../isa/index.ts';
import { C_BATCH_INDEX, C_STACK_END, C_STACK_TOP } from '../../runtime/layout.ts';
import type { Runtime } from '../../runtime/types.ts';
import { addCallback } from '../callbacks.ts';
import { type Callee, calleeOf } from '../callee.ts';
import { contractAddress } from '../contracts.ts';
import { faultFrom, imagesOf, ProgramFaultError } from '../fault.ts';
import { restoreRun, saveRun } from '../run-state.ts';
import type { CompileOptions, Engine, LoadedCode, ProgramFault, ProgramImage } from '../types.ts';
import { collectFacts } from './collect.ts';
import { type CompiledModule, compileToWasm, type ModuleMetadata } from './compile.ts';

interface Exports {
  readonly entry: (context: number) => bigint;
  readonly run32: (context: number) => number;
  readonly batch: (
    contexts: number,
    stride: number,
    count: number,
    results: number,
    times: number,
  ) => number;
}

/** Compiled bytes on a runtime: resolves what the module imports, by the names it asks for. */
class Linker {
  readonly image: ProgramImage;
  readonly runtime: Runtime;
  readonly slots = new Map<string, WebAssembly.Global>();
  counters = 0;

  constructor(image: ProgramImage, runtime: Runtime) {
    this.image = image;
    this.runtime = runtime;
  }

  imports(module: WebAssembly.Module, metadata: ModuleMetadata): WebAssembly.Imports {
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
    for (const { module: space, name } of WebAssembly.Module.imports(module)) {
      imports[space] ??= {};
      imports[space][name] = this.resolve(space, name, metadata);
    }
    return imports;
  }

  private resolve(space: string, name: string, metadata: ModuleMetadata): WebAssembly.ImportValue {
    switch (space) {
      case 'env':
        return this.environment(name, metadata);
      case 'runtime':
        return this.runtime.exports[name] as WebAssembly.ImportValue;
      case 'helper':
        return this.callee(name).fn as WebAssembly.ImportValue;
      case 'contract':
        return global(contractAddress(this.runtime, Number(name), this.callee(name).contract));
      case 'slot': {
        const slot = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
        this.slots.set(name, slot);
        return slot;
      }
    }
    throw new BugError(`a compiled module imports ${space}.${name}`);
  }

  private callee(id: string): Callee {
    return calleeOf(this.image, this.runtime, Number(id));
  }

  private environment(name: string, metadata: ModuleMetadata): WebAssembly.ImportValue {
    if (name === 'memory') return this.runtime.memory;
    if (name === 'table') return this.runtime.table;
    if (name === 'cpu') return global(this.runtime.cpuBlock);
    if (name === 'thrown') return new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
    this.counters = this.runtime.allocate(8 * Math.max(1, metadata.counters.length));
    return global(this.counters);
  }
}

function global(value: number): WebAssembly.Global {
  return new WebAssembly.Global({ value: 'i32', mutable: false }, value);
}

class WasmCode implements LoadedCode {
  readonly image: ProgramImage;
  readonly entry: number;
  private readonly runtime: Runtime;
  private readonly exports: Exports;
  private readonly metadata: ModuleMetadata;
  private readonly counters: number;
  private lastFault: ProgramFault | undefined;
  private readonly run32: Exports['run32'];
  private words: Uint32Array;
  /** Index in `words` of C_STACK_TOP, and what is there while nothing runs. */
  private readonly stackTop: number;
  private readonly stackEnd: number;

  constructor(linker: Linker, instance: WebAssembly.Instance, metadata: ModuleMetadata) {
    this.image = linker.image;
    this.runtime = linker.runtime;
    this.metadata = metadata;
    this.counters = linker.counters;
    this.exports = instance.exports as unknown as Exports;
    this.run32 = this.exports.run32;
    this.words = this.runtime.u32();
    this.stackTop = (this.runtime.cpuBlock + C_STACK_TOP) >>> 2;
    this.stackEnd = this.runtime.cpuBlock + C_STACK_END;
    this.entry = this.runtime.addFunction(this.exports.entry);
    for (const [name, slot] of linker.slots) {
      slot.value = addCallback(
        this.runtime,
        instance.exports[`callback${name}`],
        this.image,
        metadata.fuel,
      );
    }
    imagesOf(this.runtime).set(this.image.id, this.image);
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
      return this.exports.batch(contexts, stride, count, results, times);
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

  dispose(): void {
    imagesOf(this.runtime).delete(this.image.id);
    if (this.counters !== 0) this.runtime.release(this.counters);
  }
}

function link(
  image: ProgramImage,
  runtime: Runtime,
  module: WebAssembly.Module,
  metadata: ModuleMetadata,
) {
  const linker = new Linker(image, runtime);
  const imports = linker.imports(module, metadata);
  return { linker, imports };
}

/**
 * Makes compiled bytes runnable on `runtime`. They must have been compiled for this image and for
 * the facts of this runtime. Browsers refuse large modules here on the main thread: use
 * `instantiateAsync` there.
 */
export function instantiate(
  image: ProgramImage,
  runtime: Runtime,
  compiled: CompiledModule,
): LoadedCode {
  try {
    const module = new WebAssembly.Module(compiled.bytes);
    const { linker, imports } = link(image, runtime, module, compiled.metadata);
    return new WasmCode(linker, new WebAssembly.Instance(module, imports), compiled.metadata);
  } catch (error) {
    throw compileError(image, error);
  }
}

/** As `instantiate`, without blocking. */
export async function instantiateAsync(
  image: ProgramImage,
  runtime: Runtime,
  compiled: CompiledModule,
): Promise<LoadedCode> {
  try {
    const module = await WebAssembly.compile(compiled.bytes);
    const { linker, imports } = link(image, runtime, module, compiled.metadata);
    const instance = await WebAssembly.instantiate(module, imports);
    return new WasmCode(linker, instance, compiled.metadata);
  } catch (error) {
    throw compileError(image, error);
  }
}

/** A module that does not validate is our mistake. */
function compileError(image: ProgramImage, error: unknown): unknown {
  if (error instanceof KernelError || error instanceof BugError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new BugError(`${image.name}: compiled code is not accepted: ${reason}`, { cause: error });
}

function load(image: ProgramImage, runtime: Runtime, options: CompileOptions): LoadedCode {
  const compiled = compileToWasm(image, options, collectFacts(image, runtime));
  return instantiate(image, runtime, compiled);
}

/**
 * The BPF to WebAssembly compiler as an engine. `onStep` is not supported: the interpreter steps.
 */
export const wasmEngine: Engine = { name: 'wasm', load };
