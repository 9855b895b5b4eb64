import { kept } from '../../objects/kept.ts';

/** Rings of AF_XDP sockets: shared memory that one side fills and the other empties. */

/** Where the parts of a ring are in its memory (struct xdp_ring_offset). */
export const RING_OFFSETS = { producer: 0, consumer: 64, flags: 68, desc: 128 } as const;
/** In the flags: the other side sleeps and has to be woken. */
export const XDP_RING_NEED_WAKEUP = 1;

const PRODUCER = RING_OFFSETS.producer / 4;
const CONSUMER = RING_OFFSETS.consumer / 4;
const FLAGS = RING_OFFSETS.flags / 4;
const DESC = RING_OFFSETS.desc / 4;
const TWO_32 = 0x1_0000_0000;

/** Address, length and options of a packet (struct xdp_desc). */
export interface Descriptor {
  /** The lower 48 bits. */
  readonly address: number;
  /** The upper 16 bits: with unaligned chunks, how far behind the address the packet begins. */
  readonly offset: number;
  readonly length: number;
  readonly options: number;
}

/** A ring, as another thread is told of it. */
export interface SharedRing {
  readonly memory: SharedArrayBuffer;
  readonly entries: number;
  readonly kind: 'addresses' | 'descriptors';
}

/**
 * A ring of descriptors (16 bytes) or addresses (8 bytes) in shared memory. Counters run on and
 * wrap at 2^32, as in Linux; either side may be in another thread, and write what it wants.
 */
export class Ring {
  readonly memory: SharedArrayBuffer;
  readonly entries: number;
  readonly #words: Int32Array;
  /** Words of an entry. */
  readonly #stride: 2 | 4;

  /** `entries`: a power of 2. */
  constructor(entries: number, kind: SharedRing['kind'], memory?: SharedArrayBuffer) {
    this.#stride = kind === 'addresses' ? 2 : 4;
    this.entries = entries;
    const size = RING_OFFSETS.desc + entries * 4 * this.#stride;
    this.memory = memory ?? new SharedArrayBuffer(size);
    this.#words = new Int32Array(this.memory);
  }

  static readonly kept = kept({
    name: 'ring',
    of: Ring,
    save: (ring: Ring) => ring.share(),
    make: (ask) => new Ring(ask('entries'), ask('kind'), ask('memory')),
  });

  static open({ entries, kind, memory }: SharedRing): Ring {
    return new Ring(entries, kind, memory);
  }

  share(): SharedRing {
    const kind = this.#stride === 2 ? 'addresses' : 'descriptors';
    return { memory: this.memory, entries: this.entries, kind };
  }

  /** Entries that can be taken out. */
  get filled(): number {
    const produced = Atomics.load(this.#words, PRODUCER);
    const filled = (produced - Atomics.load(this.#words, CONSUMER)) >>> 0;
    // A producer that lies cannot make more of them than there are.
    return Math.min(filled, this.entries);
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
  push(address: number, length = 0, options = 0, offset = 0): boolean {
    if (this.free === 0) return false;
    this.write(0, address, length, options, offset);
    this.publish(1);
    return true;
  }

  /** Writes the entry `ahead` places behind the newest one; nobody sees it before `publish`. */
  write(ahead: number, address: number, length = 0, options = 0, offset = 0): void {
    const words = this.#words;
    const at = this.#at(Atomics.load(words, PRODUCER) + ahead);
    words[at] = address;
    words[at + 1] = (offset << 16) | ((address / TWO_32) & 0xffff);
    if (this.#stride === 2) return;
    words[at + 2] = length;
    words[at + 3] = options;
  }

  /** Entries that were written can be taken out; whoever waits for them wakes up. */
  publish(count: number): void {
    Atomics.add(this.#words, PRODUCER, count);
    Atomics.notify(this.#words, PRODUCER);
  }

  /** The entry `ahead` places from the oldest one. Undefined: there is none. */
  peek(ahead = 0): Descriptor | undefined {
    if (ahead >= this.filled) return undefined;
    const words = this.#words;
    const at = this.#at(Atomics.load(words, CONSUMER) + ahead);
    const high = words[at + 1]! >>> 0;
    const address = (high & 0xffff) * TWO_32 + (words[at]! >>> 0);
    const offset = high >>> 16;
    if (this.#stride === 2) return { address, offset, length: 0, options: 0 };
    return { address, offset, length: words[at + 2]! >>> 0, options: words[at + 3]! >>> 0 };
  }

  /** Takes the oldest entries out. */
  release(count = 1): void {
    Atomics.add(this.#words, CONSUMER, count);
  }

  /** The oldest entry, taken out. */
  pop(): Descriptor | undefined {
    const entry = this.peek();
    if (entry) this.release();
    return entry;
  }

  /** Waits until there is something to take out, at most `ms`. False: there is nothing. */
  async filling(ms: number): Promise<boolean> {
    if (this.filled > 0) return true;
    await changed(this.#words, PRODUCER, Atomics.load(this.#words, PRODUCER), ms);
    return this.filled > 0;
  }

  /** As `filling`, and the thread sleeps: for workers. */
  sleep(ms: number): boolean {
    const produced = Atomics.load(this.#words, PRODUCER);
    if (this.filled === 0) Atomics.wait(this.#words, PRODUCER, produced, ms);
    return this.filled > 0;
  }

  #at(counter: number): number {
    return DESC + (counter & (this.entries - 1)) * this.#stride;
  }
}

type WaitAsync = (
  words: Int32Array,
  index: number,
  value: number,
  timeout: number,
) => { readonly value: Promise<string> | string };

/** Waits until the word is no longer `value`, at most `ms`. */
export async function changed(
  words: Int32Array,
  index: number,
  value: number,
  ms: number,
): Promise<void> {
  const { waitAsync } = Atomics as { waitAsync?: WaitAsync };
  let timer: ReturnType<typeof setTimeout> | undefined;
  // Engines do not stay alive for the word alone; some cannot wait for it.
  const time = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitAsync ? ms : Math.min(ms, 1));
  });
  await (waitAsync ? Promise.race([time, waitAsync(words, index, value, ms).value]) : time);
  clearTimeout(timer);
}
