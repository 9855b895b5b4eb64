import type { Runtime } from '../../runtime/types.ts';
import type { CompileOptions, Engine, LoadedCode, ProgramImage } from '../types.ts';
import { WasmCode } from './code.ts';
import { WasmCodeMemory } from './code-memory.ts';
import { collectFacts } from './collect.ts';
import { type CompiledModule, compileToWasm } from './compile.ts';
import { compileError, importsOf, install, link } from './link.ts';

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
  let code: WasmCode | undefined;
  try {
    const module = new WebAssembly.Module(compiled.bytes);
    code = new WasmCode(image, runtime, compiled.metadata);
    link(module, [code], runtime);
    return code;
  } catch (error) {
    code?.dispose();
    throw compileError(image, error);
  }
}

/** As `instantiate`, without blocking. */
export async function instantiateAsync(
  image: ProgramImage,
  runtime: Runtime,
  compiled: CompiledModule,
): Promise<LoadedCode> {
  let code: WasmCode | undefined;
  try {
    const module = await WebAssembly.compile(compiled.bytes);
    code = new WasmCode(image, runtime, compiled.metadata);
    const imports = importsOf(module, [code], runtime);
    install(await WebAssembly.instantiate(module, imports), [code]);
    return code;
  } catch (error) {
    code?.dispose();
    throw compileError(image, error);
  }
}

function load(image: ProgramImage, runtime: Runtime, options: CompileOptions): LoadedCode {
  const compiled = compileToWasm(image, options, collectFacts(image, runtime));
  return instantiate(image, runtime, compiled);
}

/**
 * The BPF to WebAssembly compiler as an engine. `onStep` is not supported: the interpreter steps.
 */
export const wasmEngine: Engine = {
  name: 'wasm',
  load,
  codeMemory: (runtime, options) => new WasmCodeMemory(runtime, options),
};
