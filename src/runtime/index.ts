export { ringbufConsume, ringbufWakeups } from './host/maps-ringbuf.ts';
export { missingHelpers } from './missing.ts';
export { createRuntime } from './runtime.ts';
export type * from './types.ts';
