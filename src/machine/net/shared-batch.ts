import type { Runtime } from '../../runtime/types.ts';

/** Bytes of one packet in all columns. */
const PACKET = 8 + 4 * 5 + 1;

/**
 * Columns of a batch in memory that several threads share: one thread writes which packets there
 * are, the CPUs find out whose they are.
 */
export class SharedBatch {
  readonly capacity: number;
  readonly address: number;
  /** Nanoseconds the clock shows while the packet runs. */
  readonly clock: Float64Array;
  /** First byte, counted from an address that goes with each batch. */
  readonly start: Uint32Array;
  readonly length: Uint32Array;
  readonly interfaceId: Uint32Array;
  /** Number of the step of time the packet belongs to. */
  readonly step: Uint32Array;
  /** Written by the CPUs: which of them runs the packet, where the packet is in that one's ring. */
  readonly lane: Uint8Array;
  readonly slot: Uint32Array;

  /** `address`: of one that another thread made with the same capacity. */
  constructor(runtime: Runtime, capacity: number, address?: number) {
    this.capacity = capacity;
    this.address = address ?? runtime.allocateScratch(capacity * PACKET, 64);
    const { buffer } = runtime.memory;
    const column = (k: number) =>
      new Uint32Array(buffer, this.address + capacity * (8 + 4 * k), capacity);
    this.clock = new Float64Array(buffer, this.address, capacity);
    this.start = column(0);
    this.length = column(1);
    this.interfaceId = column(2);
    this.step = column(3);
    this.slot = column(4);
    this.lane = new Uint8Array(buffer, this.address + capacity * (8 + 4 * 5), capacity);
  }
}
