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
}

/** Packets in linear memory with their contexts: what one CPU runs a batch over. */
export class PacketRing {
  readonly runtime: Runtime;
  readonly hook: PacketHook;
  readonly capacity: number;
  /** Addresses: contexts, i32 results, u64 clock values. */
  readonly contexts: number;
  readonly results: number;
  readonly times: number;
  /** Packets in it. */
  count = 0;
  readonly #frames: number;
  readonly #framesEnd: number;
  readonly #roomy: boolean;
  #next = 0;
  readonly #frame: Frame = { hardStart: 0, data: 0, dataEnd: 0, hardEnd: 0, ifindex: 0, queue: 0 };

  constructor(runtime: Runtime, hook: PacketHook, options: RingOptions) {
    this.runtime = runtime;
    this.hook = hook;
    this.capacity = options.capacity;
    this.#roomy = options.roomy;
    this.contexts = runtime.allocate(options.capacity * hook.contextSize, CACHE_LINE);
    this.results = runtime.allocate(options.capacity * 4, CACHE_LINE);
    this.times = runtime.allocate(options.capacity * 8, CACHE_LINE);
    this.#frames = runtime.allocate(options.bytes, CACHE_LINE);
    this.#framesEnd = this.#frames + options.bytes;
    this.#next = this.#frames;
  }

  /** Forgets the packets. */
  clear(): void {
    this.count = 0;
    this.#next = this.#frames;
  }

  /**
   * Copies packet `i` into the next frame and makes its context. `clock` is what bpf_ktime_get_ns
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
    const length = columns.length[i]!;
    const etherType = ingress.etherType;
    const size = etherType ? length - ingress.headerSize + ETHERNET_HEADER : length;
    const frame = this.#frame;
    if (!this.#take(frame, size < 0 ? 0 : size)) return false;
    const from = columns.start[i]!;
    if (etherType) {
      placeBehindEthernet(u8, frame, columns.bytes, from, length, ingress);
    } else {
      u8.set(columns.bytes.subarray(from, from + length), frame.data);
    }
    frame.ifindex = ingress.ifindex;
    frame.queue = queue;
    this.hook.prepare(u32, u8, this.contexts + slot * this.hook.contextSize, frame);
    const time = (this.times >>> 2) + 2 * slot;
    u32[time] = clock % TWO_32;
    u32[time + 1] = clock / TWO_32;
    this.count = slot + 1;
    return true;
  }

  /** Finds room for a packet of `size` bytes. */
  #take(frame: Frame, size: number): boolean {
    const start = this.#next;
    const need = HEADROOM + size + SHARED_INFO;
    const lines = this.#roomy
      ? Math.max(FRAME_BYTES, (need + CACHE_LINE - 1) & -CACHE_LINE) + STAGGER
      : (HEADROOM + size + CACHE_LINE - 1) & -CACHE_LINE;
    if (start + lines > this.#framesEnd) return false;
    this.#next = start + lines;
    frame.hardStart = start;
    frame.data = start + HEADROOM;
    frame.dataEnd = frame.data + size;
    frame.hardEnd = this.#roomy ? start + lines - STAGGER - SHARED_INFO : frame.dataEnd;
    return true;
  }
}

/** Copies a packet without Ethernet header behind one made for it (addresses zero). */
function placeBehindEthernet(
  u8: Uint8Array,
  frame: Frame,
  bytes: Uint8Array,
  from: number,
  length: number,
  ingress: Ingress,
): void {
  const type = length > ingress.headerSize ? ingress.etherType!(bytes, from) : 0;
  const at = frame.data;
  u8.fill(0, at, at + 12);
  u8[at + 12] = type >>> 8;
  u8[at + 13] = type;
  if (length > ingress.headerSize) {
    u8.set(bytes.subarray(from + ingress.headerSize, from + length), at + ETHERNET_HEADER);
  }
}
