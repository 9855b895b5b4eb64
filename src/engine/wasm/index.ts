/**
 * The BPF to WebAssembly compiler. A program goes through these files:
 *
 *   draft.ts        an image read, before it has a place in a module
 *   program.ts      decoded code → subprograms, basic blocks
 *   subprograms.ts  what callers must know of each (arguments read, stack, size) → inline.ts
 *   graph.ts        one control flow graph per WebAssembly function, small calls expanded
 *   select.ts, unroll.ts     changes to the graph
 *   dominators.ts   order, dominators, loops
 *   analysis.ts     what is known of values (state.ts, values.ts, ranges.ts, transfer.ts)
 *   escape.ts       stack slots that can be locals (slots.ts)
 *   structure.ts    graph → blocks and loops; asks function.ts for the code of each node
 *   alu.ts memory.ts jumps.ts calls.ts checks.ts     one instruction → wasm (emitter.ts)
 *   imports.ts, module.ts, entries.ts    imports (names.ts), shared functions, run and batch
 *                   (writer.ts, encoder.ts)
 *   compile.ts      all of it: images + facts (facts.ts) → bytes. No runtime is touched.
 *   collect.ts, link.ts, code.ts, load.ts    a runtime's facts; bytes on a runtime
 *   tail-call.ts    the function that programs call others with
 *   code-memory.ts, pack.ts  many programs in few modules
 */
export { collectFacts, hasTailCalls } from './collect.ts';
export { cacheKey, type CompiledModule, compileToWasm } from './compile.ts';
export type { ModuleMetadata } from './draft.ts';
export type { Facts, HelperFacts, MapFacts } from './facts.ts';
export { keepingEngine } from './keeping.ts';
export { instantiate, instantiateAsync, wasmEngine } from './load.ts';
export { functionText, type WasmFunction, type WasmInsn, wasmFunctions } from './text.ts';
