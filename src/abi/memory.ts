/** Types of what a model of the kernel's allocator tells. */

/** Items of one size: the elements of a map, or the objects of a type. */
export interface PoolReport {
  /** Name of the map or type. */
  readonly name: string;
  /** 'map': elements; 'percpu': the per-CPU values of elements, or per-CPU objects; 'object'. */
  readonly kind: 'map' | 'percpu' | 'object';
  readonly id: number;
  /** Bytes of an item as Linux counts them, the allocator's own 8 with it. */
  readonly unit: number;
  /** Items in use, and at most. */
  readonly live: number;
  readonly peak: number;
  /** Items taken from the heap: in use, in caches and waiting; and at most. */
  readonly held: number;
  readonly heldPeak: number;
  /** Free items in the cache of each CPU, which it keeps between these two numbers. */
  readonly cached: readonly number[];
  readonly low: number;
  readonly high: number;
  /** Items that wait for a grace period of RCU, of RCU tasks trace. */
  readonly waitingRcu: number;
  readonly waitingTrace: number;
  /** Allocations that failed; reuses under a reader's eyes that were noticed. */
  readonly failed: number;
  readonly reused: number;
}

export interface MemoryReport {
  readonly pools: readonly PoolReport[];
  /** Bytes taken from the heap, at most, and the most there may be (0: no limit). */
  readonly bytes: number;
  readonly peakBytes: number;
  readonly limit: number;
  /** Allocations asked for, and those that failed. */
  readonly requests: number;
  readonly failed: number;
}

/** A moment at which a grace period could end or not, or a program begin on another CPU. */
export interface ChoicePoint {
  /** Which reader had begun last: invocations of programs and commands, counted from 1. */
  readonly reader: number;
  /** While it ran (the grace period had begun before it); else after it. */
  readonly inside: boolean;
  readonly kind: 'rcu' | 'rcu tasks trace' | 'cpu';
}
