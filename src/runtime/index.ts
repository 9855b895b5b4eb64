export { ringbufConsume, ringbufWakeups } from './host/maps-ringbuf.ts';
export {
  type PerfEvents,
  type PerfHandlers,
  perfEventsConsume,
  perfEventsOpen,
} from './host/perf.ts';
export { missingHelpers } from './missing.ts';
export { missingKfuncs } from './missing-kfuncs.ts';
export { createRuntime } from './runtime.ts';
export type * from './types.ts';
