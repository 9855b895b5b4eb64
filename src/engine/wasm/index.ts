export { collectFacts, hasTailCalls } from './collect.ts';
export { type CompiledModule, compileToWasm, type ModuleMetadata } from './compile.ts';
export type { Facts, HelperFacts, MapFacts } from './facts.ts';
export { instantiate, instantiateAsync, wasmEngine } from './load.ts';
