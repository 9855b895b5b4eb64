import { BugError, KernelError } from '../../base/index.ts';
import type { Runtime } from '../../runtime/types.ts';
import { type Callee, calleeOf } from '../callee.ts';
import { contractAddress } from '../contracts.ts';
import type { ProgramImage } from '../types.ts';
import type { WasmCode } from './code.ts';
import { namesFor, splitName } from './names.ts';
import { tailCallOf } from './tail-call.ts';

/** What a module of these programs imports, by the names it asks for. */
export function importsOf(
  module: WebAssembly.Module,
  codes: readonly WasmCode[],
  runtime: Runtime,
): WebAssembly.Imports {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  for (const { module: space, name } of WebAssembly.Module.imports(module)) {
    imports[space] ??= {};
    imports[space][name] = resolve(space, name, codes, runtime);
  }
  return imports;
}

function resolve(
  space: string,
  name: string,
  codes: readonly WasmCode[],
  runtime: Runtime,
): WebAssembly.ImportValue {
  if (space === 'runtime') return runtime.exports[name] as WebAssembly.ImportValue;
  const [member, own] = splitName(name);
  const code = codes[member];
  switch (space) {
    case 'env':
      return environment(own, code, runtime);
    case 'helper':
      return calleeNamed(own, code, runtime).fn as WebAssembly.ImportValue;
    case 'contract': {
      const { contract } = calleeNamed(own, code, runtime);
      return global(contractAddress(runtime, Number(own), contract));
    }
    case 'slot':
      return global(code.slotOf(Number(own)));
  }
  throw new BugError(`a compiled module imports ${space}.${name}`);
}

function calleeNamed(id: string, { image }: WasmCode, runtime: Runtime): Callee {
  return calleeOf(image, runtime, Number(id));
}

function environment(name: string, code: WasmCode, runtime: Runtime): WebAssembly.ImportValue {
  if (name === 'memory') return runtime.memory;
  if (name === 'tail_call') return tailCallOf(runtime);
  if (name === 'thrown') return new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
  return global(name === 'cpu' ? runtime.cpuBlock : code.counters);
}

function global(value: number): WebAssembly.Global {
  return new WebAssembly.Global({ value: 'i32', mutable: false }, value);
}

/** Gives programs the functions of a module that was compiled for them, in this order. */
export function link(
  module: WebAssembly.Module,
  codes: readonly WasmCode[],
  runtime: Runtime,
): void {
  install(new WebAssembly.Instance(module, importsOf(module, codes, runtime)), codes);
}

/** Gives programs their functions in the instance of their module. */
export function install({ exports }: WebAssembly.Instance, codes: readonly WasmCode[]): void {
  const names = namesFor(codes.map(({ image }) => image));
  codes.forEach((code, k) => code.install(exports, names[k]));
}

/** A module that does not validate is our mistake. */
export function compileError(image: ProgramImage, error: unknown): unknown {
  if (error instanceof KernelError || error instanceof BugError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new BugError(`${image.name}: compiled code is not accepted: ${reason}`, { cause: error });
}
