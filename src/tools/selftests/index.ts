/** The kernel's BPF selftests: what they say of themselves, and whether that is so. */
export {
  DEFAULT_FLAGS,
  type Expected,
  PRIVILEGED,
  type SelftestMode,
  type SelftestSpec,
  testSpecs,
  UNPRIVILEGED,
} from './annotations.ts';
export {
  judgeSelftest,
  type RunSelftest,
  selftestName,
  selftestsOf,
  type SelftestResult,
} from './judge.ts';
export { capabilitiesOf, OTHER_CAPABILITIES, selftestInput, type SelftestUnit } from './load.ts';
export { compilePattern, firstMissing } from './patterns.ts';
export { explained, selftestsJunit, selftestsTap } from './report.ts';
export { fillMaps, returnedBy, returnOf } from './returns.ts';
