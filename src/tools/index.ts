export {
  type BpfTypeScript,
  compileTypeScript,
  SourceError,
  type SourceProblem,
} from './bpf-ts/index.ts';
export { clangCandidates, type CompileOptions, compileArguments, knowsBpf } from './clang.ts';
