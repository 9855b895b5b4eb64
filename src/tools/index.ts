export { clangCandidates, type CompileOptions, compileArguments, knowsBpf } from './clang.ts';
