import { type Descriptor, Ring } from './ring.ts';
import { kept } from '../../objects/kept.ts';
import { checkEntries, type Umem } from './umem.ts';

/** Entries of the two rings, powers of 2. */
export interface PoolOptions {
  readonly fill?: number;
  readonly completion?: number;
}

/** A place in the packet memory for a packet that came in. */
export interface Buffer {
  /** Start of its chunk, and how far behind it the packet begins. */
  readonly chunk: number;
  readonly headroom: number;
}

/**
 * The chunks that one queue of a device works with (struct xsk_buff_pool): the user puts free ones
 * into `fill`, and gets those that were sent back from `completion`. Sockets of the queue share it.
 */
export class XskPool {
  readonly umem: Umem;
  readonly fill: Ring;
  readonly completion: Ring;
  /** Entries of the fill ring that named no chunk; times that it was empty. */
  invalid = 0;
  empty = 0;
  /** Taken from the fill ring, not needed after all: the next packets get them, the last first. */
  readonly #spare: Buffer[] = [];
  /** Entries of the completion ring that are written and not yet seen. */
  #reserved = 0;

  /** Throws KernelError EINVAL. */
  static of(umem: Umem, { fill = 2048, completion = 2048 }: PoolOptions = {}): XskPool {
    checkEntries(fill);
    checkEntries(completion);
    return new XskPool(umem, new Ring(fill, 'addresses'), new Ring(completion, 'addresses'));
  }

  static readonly kept = kept({
    name: 'pool',
    of: XskPool,
    save: (pool: XskPool) => ({ ...pool, spare: pool.#spare, reserved: pool.#reserved }),
    make: (ask) => new XskPool(ask('umem'), ask('fill'), ask('completion')),
    fill(pool, { invalid, empty, spare, reserved }) {
      Object.assign(pool, { invalid, empty });
      pool.#spare.push(...spare);
      pool.#reserved = reserved;
    },
  });

  private constructor(umem: Umem, fill: Ring, completion: Ring) {
    this.umem = umem;
    this.fill = fill;
    this.completion = completion;
  }

  /** xp_alloc: a free chunk; undefined: there is none. */
  take(): Buffer | undefined {
    const { umem, fill } = this;
    const spare = this.#spare.pop();
    if (spare) return spare;
    for (let tries = 0; tries < fill.entries; tries++) {
      const entry = fill.pop();
      if (!entry) break;
      const chunk = chunkOf(umem, entry);
      if (chunk !== undefined) return { chunk, headroom: umem.headroom };
      this.invalid++;
    }
    this.empty++;
    return undefined;
  }

  giveBack(buffer: Buffer): void {
    this.#spare.push(buffer);
  }

  /** xp_can_alloc: as far as one can know before taking them. */
  has(count: number): boolean {
    if (this.#spare.length >= count) return true;
    if (this.fill.filled === 0) this.empty++;
    return this.#spare.length + this.fill.filled >= count;
  }

  /** Keeps an entry of the completion ring for a packet to send; false: it is full. */
  reserve({ address, offset }: Descriptor): boolean {
    if (this.completion.free <= this.#reserved) return false;
    this.completion.write(this.#reserved++, address, 0, 0, offset);
    return true;
  }

  /** The oldest of those kept: their packets are sent. */
  complete(count: number): void {
    this.#reserved -= count;
    this.completion.publish(count);
  }

  /** The newest of those kept are not needed. */
  cancel(count: number): void {
    this.#reserved -= count;
  }

  /** An entry at once, if nothing is on its way (xsk_cq_submit_addr_single_locked). */
  completeAlone(descriptor: Descriptor): boolean {
    if (this.#reserved > 0 || !this.reserve(descriptor)) return false;
    this.complete(1);
    return true;
  }
}

/** xp_check_aligned, xp_check_unaligned */
function chunkOf({ unaligned, chunkSize, bytes }: Umem, entry: Descriptor): number | undefined {
  const { address, offset } = entry;
  if (unaligned) return address + chunkSize <= bytes.length ? address : undefined;
  const chunk = address - (address % chunkSize);
  return offset === 0 && chunk < bytes.length ? chunk : undefined;
}
