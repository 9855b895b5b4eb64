export { type Compiler, findCompiler, MissingCompiler } from './compiler.ts';
export { cacheFolder, includeFolder } from './places.ts';
