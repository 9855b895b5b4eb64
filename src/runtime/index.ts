export {
  ringbufConsume,
  ringbufWakeups,
  userRingReserve,
} from './host/maps-ringbuf.ts';
export {
  type Collisions,
  collidingKeys,
  type CollisionSearch,
  type KeyRange,
} from './host/collide.ts';
export type { EventQueue, PendingEvent } from './events.ts';
export { type HashStats, hashStats } from './host/hash-stats.ts';
export { mapHashes } from './host/map-hash.ts';
export { OwnerGone, storageBytes } from './host/owner.ts';
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
