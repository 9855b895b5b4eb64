/** Observing virtual functions of SR-IOV cards: what each way sees, and what it misses. */
export { type DevlinkPort, readDevlinkPorts } from './devlink.ts';
export { type FoundFunction, functionsIn, scenarioLike } from './inventory.ts';
export { type Link, type LinkCounts, type LinkVf, readIpLink } from './ip-link.ts';
export { type VfView, VfPoller } from './methods.ts';
export {
  type BootCard,
  type ModeReport,
  REPORT_MODES,
  type ReportMode,
  sriovReport,
  type VfReport,
} from './report.ts';
export { BUILT_IN, type FlowOptions, readScenario, type SriovScenario } from './scenario.ts';
