/** Rings of AF_XDP sockets: shared memory that one side fills and the other empties. */

/** Where the parts of a ring are in its memory (struct xdp_ring_offset). */
export const RING_OFFSETS = { producer: 0, consumer: 64, flags: 68, desc: 128 } as const;
/** In the flags: the other side sleeps and has to be woken. */
export const XDP_RING_NEED_WAKEUP = 1;

const PRODUCER = RING_OFFSETS.producer / 4;
const CONSUMER = RING_OFFSETS.consumer / 4;
const FLAGS = RING_OFFSETS.flags / 4;

/** Address, length and options of a packet (struct xdp_desc). */
export interface Descriptor {
  readonly address: number;
  readonly length: number;
  readonly options: number;
}

/**
 * A ring of descriptors (16 bytes) or addresses (8 bytes) in shared memory. Counters run on and wrap
 * at 2^32, as in Linux; either side may be in another thread.
 */
export class Ring {
  readonly memory: SharedArrayBuffer;
  readonly entries: number;
  readonly #words: Int32Array;
  readonly #longs: BigUint64Array;
  readonly #stride: 1 | 2;

  /** `entries`: a power of 2. */
  constructor(entries: number, kind: 'addresses' | 'descriptors', memory?: SharedArrayBuffer) {
    this.#stride = kind === 'addresses' ? 1 : 2;
    this.entries = entries;
    const size = RING_OFFSETS.desc + entries * 8 * this.#stride;
    this.memory = memory ?? new SharedArrayBuffer(size);
    this.#words = new Int32Array(this.memory);
    this.#longs = new BigUint64Array(this.memory, RING_OFFSETS.desc);
  }

  /** Entries that can be taken out. */
  get filled(): number {
    const produced = Atomics.load(this.#words, PRODUCER);
    return (produced - Atomics.load(this.#words, CONSUMER)) >>> 0;
  }

  /** Entries that can be put in. */
  get free(): number {
    return this.entries - this.filled;
  }

  get flags(): number {
    return Atomics.load(this.#words, FLAGS);
  }

  set flags(value: number) {
    Atomics.store(this.#words, FLAGS, value);
  }

  /** Puts an entry in; false if there is no room. */
  push(address: number, length = 0, options = 0): boolean {
    if (this.free === 0) return false;
    const produced = Atomics.load(this.#words, PRODUCER);
    const at = (produced & (this.entries - 1)) * this.#stride;
    this.#longs[at] = BigInt(address);
    if (this.#stride === 2) this.#setLength(at, length, options);
    Atomics.store(this.#words, PRODUCER, produced + 1);
    return true;
  }

  /** The entry `ahead` places from the oldest one. Undefined: there is none. */
  peek(ahead = 0): Descriptor | undefined {
    if (ahead >= this.filled) return undefined;
    const consumed = Atomics.load(this.#words, CONSUMER) + ahead;
    const at = (consumed & (this.entries - 1)) * this.#stride;
    // Addresses beyond 2^53 are beyond every memory: what is lost of them does not matter.
    const address = Number(this.#longs[at]);
    if (this.#stride === 1) return { address, length: 0, options: 0 };
    const word = RING_OFFSETS.desc / 4 + at * 2 + 2;
    return { address, length: this.#words[word]! >>> 0, options: this.#words[word + 1]! >>> 0 };
  }

  /** Takes the oldest entries out. */
  release(count = 1): void {
    Atomics.store(this.#words, CONSUMER, Atomics.load(this.#words, CONSUMER) + count);
  }

  /** The oldest entry, taken out. */
  pop(): Descriptor | undefined {
    const entry = this.peek();
    if (entry) this.release();
    return entry;
  }

  #setLength(at: number, length: number, options: number): void {
    const word = RING_OFFSETS.desc / 4 + at * 2 + 2;
    this.#words[word] = length;
    this.#words[word + 1] = options;
  }
}
