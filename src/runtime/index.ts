export { EndlessMoment, type EventSource } from './events.ts';
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
export { type CallListener, CallPlaces } from './host/call-places.ts';
export type { GracePeriods } from './host/grace-periods.ts';
export {
  type GracePeriodPolicy,
  LAZY_DELAY,
  type MemoryModelOptions,
  type MemoryOptions,
} from './host/memory-options.ts';
export {
  MemoryReader,
  type RawMemoryEvent,
  type RawPlace,
} from './host/memory-report.ts';
export { checkMapDefinition } from './host/map-check.ts';
export { mapHashes } from './host/map-hash.ts';
export { OwnerGone } from '../abi/live.ts';
export { storageOwners, storagePlace } from './host/live.ts';
export { UserMappings } from './host/user-pages.ts';
export { storageBytes } from './host/owner.ts';
export {
  type PerfEvents,
  type PerfHandlers,
  perfEventsConsume,
  perfEventsFound,
  perfEventsOpen,
} from './host/perf.ts';
export { objectPointer, packetPointer, showPacket, socketPointer } from './host/pointers.ts';
export { LOCAL_TABLE, lookupRoute, MAIN_TABLE } from './host/routes.ts';
export { missingHelpers } from './missing.ts';
export { missingKfuncs } from './missing-kfuncs.ts';
export { createRuntime } from './runtime.ts';
export type * from './types.ts';
