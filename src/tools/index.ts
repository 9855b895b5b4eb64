export {
  type BpfTypeScript,
  compileTypeScript,
  SourceError,
  type SourceProblem,
} from './bpf-ts/index.ts';
export {
  clangCandidates,
  type ClangMessage,
  clangMessages,
  type CompileOptions,
  compileArguments,
  knowsBpf,
} from './clang.ts';
export {
  type BeyondStandard,
  type CompatNeed,
  compatOf,
  type ObjectCompat,
  type Place,
  type ProgramCompat,
} from './compat/compat.ts';
export { groupsOf, parseSuiteTest, type SuiteTest } from './conformance/suite.ts';
export { exampleOf, type InsnExample } from './isa/examples.ts';
export {
  groupInstructions,
  instructionShape,
  instructionText,
  referencePages,
} from './isa/page.ts';
export {
  type Exploration,
  exploreGracePeriods,
  type Trial,
} from './grace-periods/index.ts';
export { kfuncHeader, kfuncStub } from './kfunc/index.ts';
export {
  constantText,
  insnsOf,
  type Listing,
  listingOf,
  protosOf,
  signed,
} from './listing/listing.ts';
export { isRefusal, type Loader, xlatedListing } from './listing/xlated.ts';
export {
  isExact,
  LIKELY_VERSIONS,
  MATRIX_VERSIONS,
  type MatrixCell,
  type MatrixRow,
  matrixRow,
  requirementText,
} from './matrix/matrix.ts';
export { type Requirement, requirementsOf } from './matrix/requirements.ts';
export {
  type AttachPoint,
  attachPointOf,
  type DescribedFunction,
  type Resolution,
  resolveFunction,
  type Traceable,
} from './resolve/resolve.ts';
export { type KernelSymbol, SymbolTable } from './resolve/symbols.ts';
