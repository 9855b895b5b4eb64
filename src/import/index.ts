export { CompileError } from './compile-error.ts';
export { compileObject } from './compile.ts';
export { type Compiler, findCompiler, MissingCompiler } from './compiler.ts';
export { cacheFolder, includeFolder } from './places.ts';
