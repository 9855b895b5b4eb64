import type { Runtime } from '../../runtime/types.ts';
import type { PacketHook } from './hook.ts';
import {
  ETHERNET_HEADER,
  FRAME_BYTES,
  type Frame,
  HEADROOM,
  type Ingress,
  type PacketColumns,
  SHARED_INFO,
} from './packets.ts';

const CACHE_LINE = 64;
/**
 * Frames of a page each would all start in the same few cache sets; three more lines between them
 * spread their headers.
 */
const STAGGER = 3 * CACHE_LINE;
const TWO_32 = 0x1_0000_0000;

export interface RingOptions {
  /** Packets at a time. */
  readonly capacity: number;
  /** Bytes for frames. At least two of the largest packet. */
  readonly bytes: number;
  /**
   * Give frames the room a driver's page has, because a program may resize packets. Without, frames
   * are packed densely, which is kinder to the cache and cannot be noticed.
   */
  readonly roomy: boolean;
  /**
   * Run packets where they are, if they are in linear memory already. The program may then change
   * the capture's own bytes. Not together with `roomy`.
   */
  readonly inPlace?: boolean;
  /** The memory of a ring that another thread made with the same options. */
  readonly memory?: RingMemory;
}

/** Addresses: contexts, i32 results, u64 clock values, frames. */
export interface RingMemory {
  readonly contexts: number;
  readonly results: number;
  readonly times: number;
  readonly frames: number;
}

function allocateRing(runtime: Runtime, hook: PacketHook, options: RingOptions): RingMemory {
  const { capacity, bytes } = options;
  return {
    contexts: runtime.allocateScratch(capacity * hook.contextSize, CACHE_LINE),
    results: runtime.allocateScratch(capacity * 4, CACHE_LINE),
    times: runtime.allocateScratch(capacity * 8, CACHE_LINE),
    frames: runtime.allocateScratch(bytes, CACHE_LINE),
  };
}

/** Packets in linear memory with their contexts: what one CPU runs a batch over. */
export class PacketRing {
  readonly runtime: Runtime;
  readonly hook: PacketHook;
  readonly capacity: number;
  /** Bytes for frames. */
  readonly bytes: number;
  /** Addresses: contexts, i32 results, u64 clock values. */
  readonly contexts: number;
  readonly results: number;
  readonly times: number;
  /** Packets in it. */
  count = 0;
  readonly memory: RingMemory;
  readonly #frames: number;
  readonly #framesEnd: number;
  readonly #roomy: boolean;
  readonly #inPlace: boolean;
  #next = 0;
  readonly #frame: Frame = { hardStart: 0, data: 0, dataEnd: 0, hardEnd: 0, ifindex: 0, queue: 0 };

  constructor(runtime: Runtime, hook: PacketHook, options: RingOptions) {
    this.runtime = runtime;
    this.hook = hook;
    this.capacity = options.capacity;
    this.bytes = options.bytes;
    this.#roomy = options.roomy;
    this.#inPlace = options.inPlace === true && !options.roomy;
    this.memory = options.memory ?? allocateRing(runtime, hook, options);
    this.contexts = this.memory.contexts;
    this.results = this.memory.results;
    this.times = this.memory.times;
    this.#frames = this.memory.frames;
    this.#framesEnd = this.#frames + options.bytes;
    this.#next = this.#frames;
  }

  /** Forgets the packets. */
  clear(): void {
    this.count = 0;
    this.#next = this.#frames;
  }

  /**
   * Puts packet `i` into the next frame and makes its context. `clock` is what bpf_ktime_get_ns
   * will say. Returns false, and does nothing, if the ring is full.
   */
  place(
    u8: Uint8Array,
    u32: Uint32Array,
    columns: PacketColumns,
    i: number,
    ingress: Ingress,
    queue: number,
    clock: number,
  ): boolean {
    const slot = this.count;
    if (slot >= this.capacity) return false;
    const frame = this.#frame;
    if (!this.#frameFor(u8, columns, i, ingress)) return false;
    frame.ifindex = ingress.ifindex;
    frame.queue = queue;
    this.hook.prepare(u32, u8, this.contexts + slot * this.hook.contextSize, frame);
    const time = (this.times >>> 2) + 2 * slot;
    u32[time] = clock % TWO_32;
    u32[time + 1] = clock / TWO_32;
    this.count = slot + 1;
    return true;
  }

  /** Fills `#frame`, with the packet in it; false if there is no room. */
  #frameFor(u8: Uint8Array, columns: PacketColumns, i: number, ingress: Ingress): boolean {
    const frame = this.#frame;
    const length = columns.length[i]!;
    if (ingress.etherType) return this.#behindEthernet(u8, columns, i, ingress);
    if (columns.address === undefined) {
      if (!this.#take(frame, length)) return false;
      const from = columns.start[i]!;
      u8.set(columns.bytes.subarray(from, from + length), frame.data);
      return true;
    }
    const from = columns.address + columns.start[i]!;
    if (this.#inPlace) {
      frame.hardStart = from;
      frame.data = from;
      frame.dataEnd = from + length;
      frame.hardEnd = from + length;
      return true;
    }
    if (!this.#take(frame, length)) return false;
    u8.copyWithin(frame.data, from, from + length);
    return true;
  }

  /** Copies a packet without Ethernet header behind one made for it (addresses zero). */
  #behindEthernet(u8: Uint8Array, columns: PacketColumns, i: number, ingress: Ingress): boolean {
    const frame = this.#frame;
    const payload = Math.max(0, columns.length[i]! - ingress.headerSize);
    if (!this.#take(frame, ETHERNET_HEADER + payload)) return false;
    const { bytes } = columns;
    const from = columns.start[i]!;
    const type = payload > 0 ? ingress.etherType!(bytes, from) : 0;
    u8.fill(0, frame.data, frame.data + 12);
    u8[frame.data + 12] = type >>> 8;
    u8[frame.data + 13] = type;
    const start = from + ingress.headerSize;
    u8.set(bytes.subarray(start, start + payload), frame.data + ETHERNET_HEADER);
    return true;
  }

  /** Most bytes that packet `i` takes of those for frames. */
  room(columns: PacketColumns, i: number, ingress: Ingress): number {
    const { length } = columns;
    if (ingress.etherType) return this.#lines(ETHERNET_HEADER + length[i]!);
    return this.#inPlace && columns.address !== undefined ? 0 : this.#lines(length[i]!);
  }

  /** Bytes of the frame of a packet of `size` bytes. */
  #lines(size: number): number {
    if (!this.#roomy) return (HEADROOM + size + CACHE_LINE - 1) & -CACHE_LINE;
    const need = HEADROOM + size + SHARED_INFO;
    return Math.max(FRAME_BYTES, (need + CACHE_LINE - 1) & -CACHE_LINE) + STAGGER;
  }

  /** Finds room for a packet of `size` bytes. */
  #take(frame: Frame, size: number): boolean {
    const start = this.#next;
    const lines = this.#lines(size);
    if (start + lines > this.#framesEnd) return false;
    this.#next = start + lines;
    frame.hardStart = start;
    frame.data = start + HEADROOM;
    frame.dataEnd = frame.data + size;
    frame.hardEnd = this.#roomy ? start + lines - STAGGER - SHARED_INFO : frame.dataEnd;
    return true;
  }
}
