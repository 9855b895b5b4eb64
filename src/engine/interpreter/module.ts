import { BugError } from '../../base/index.ts';
import type { Runtime } from '../../runtime/types.ts';
import { sharedWasm, wasm } from './generated/interpreter.ts';

/** Called before an instruction; `regs` is the address of its frame. Throws to stop the run. */
export type StepListener = (insn: number, regs: number) => void;

/** The interpreter's module over one runtime's memory and table. */
export interface Interpreter {
  program_entry(context: number, program: number): bigint;
  callback_entry(...args: (bigint | number)[]): bigint;
  program_run(context: number, program: number): number;
  program_resume(program: number, pc: number, base: number, regs: number): number;
  program_batch(
    contexts: number,
    stride: number,
    count: number,
    results: number,
    times: number,
    program: number,
  ): number;
  /** Step listeners by number; programs that are stepped know theirs. */
  readonly listeners: Map<number, StepListener>;
}

const instances = new WeakMap<Runtime, Interpreter>();
const modules = new Map<boolean, WebAssembly.Module>();

/** The one instance that belongs to a runtime. */
export function interpreterOf(runtime: Runtime): Interpreter {
  let instance = instances.get(runtime);
  if (!instance) instances.set(runtime, (instance = instantiate(runtime)));
  return instance;
}

function instantiate(runtime: Runtime): Interpreter {
  const listeners = new Map<number, StepListener>();
  const { memory, table } = runtime;
  const abort = (): never => {
    throw new BugError('the interpreter aborted');
  };
  const step = (listener: number, insn: number, regs: number): void => {
    listeners.get(listener)?.(insn, regs);
  };
  const imports = { env: { memory, table, abort }, host: { step } };
  const { exports } = new WebAssembly.Instance(moduleFor(runtime), imports);
  const functions = exports as unknown as Interpreter & { interpreter_enter(cpu: number): number };
  const block = functions.interpreter_enter(runtime.cpu) >>> 0;
  if (block !== runtime.cpuBlock) throw new BugError('the interpreter is on another CPU');
  return { ...functions, listeners };
}

function moduleFor(runtime: Runtime): WebAssembly.Module {
  const shared = runtime.options.shared === true;
  let module = modules.get(shared);
  if (!module) {
    const text = atob(shared ? sharedWasm : wasm);
    module = new WebAssembly.Module(Uint8Array.from(text, (c) => c.charCodeAt(0)));
    modules.set(shared, module);
  }
  return module;
}
