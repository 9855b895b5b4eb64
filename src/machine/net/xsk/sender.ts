import { errnos } from '../../../abi/index.ts';
import { joinBytes } from '../../../base/index.ts';
import { fillChecksum, readRequest } from './metadata.ts';
import type { XskPool } from './pool.ts';
import type { Descriptor, Ring } from './ring.ts';

/** Options of a descriptor: the packet goes on in the next one; metadata are in front of it. */
export const XDP_PKT_CONTD = 1;
export const XDP_TX_METADATA = 2;

const KNOWN = XDP_PKT_CONTD | XDP_TX_METADATA;
/** Descriptors that one system call sends. */
const BATCH = 32;
/** Parts of a packet: the linear one and MAX_SKB_FRAGS. */
const MOST_PARTS = 18;

const no = (name: string): number => -errnos[name]!;
const EAGAIN = no('EAGAIN');
const EOVERFLOW = no('EOVERFLOW');

/** A checksum that is not complete: where the sum begins and where it goes. */
export interface PartialChecksum {
  readonly start: number;
  readonly at: number;
}

/** A packet that leaves. */
export interface Outgoing {
  readonly data: Uint8Array;
  /** What the device, or who receives it, has to complete. */
  readonly checksum: PartialChecksum | undefined;
  /** Where the time of sending is wanted, in the packet memory. */
  readonly timestamp: number | undefined;
  /** Entries of the completion ring that are its. */
  readonly parts: number;
}

/** A packet while its descriptors are gathered (xs->skb). */
interface Gathered {
  readonly checksum: PartialChecksum | undefined;
  readonly timestamp: number | undefined;
  readonly bytes: Uint8Array[];
}

/** What is kept of a sender in a file. */
export interface SenderParts {
  readonly packet: Gathered | undefined;
  readonly draining: boolean;
  readonly invalid: number;
  readonly empty: number;
}

/** What a socket sends (__xsk_generic_xmit), descriptor by descriptor. */
export class Sender {
  readonly #pool: XskPool;
  readonly #tx: Ring;
  #packet: Gathered | undefined;
  /** The rest of a packet that was given up goes too. */
  #draining = false;
  invalid = 0;
  empty = 0;

  constructor(pool: XskPool, tx: Ring) {
    this.#pool = pool;
    this.#tx = tx;
  }

  /** What was gathered so far. */
  get parts(): SenderParts {
    return {
      packet: this.#packet,
      draining: this.#draining,
      invalid: this.invalid,
      empty: this.empty,
    };
  }

  resume({ packet, draining, invalid, empty }: SenderParts): void {
    this.#packet = packet;
    this.#draining = draining;
    this.invalid = invalid;
    this.empty = empty;
  }

  /**
   * Sends what is in the ring, up to 32 descriptors or the first bad one. Returns 0, -EAGAIN (call
   * again), or the errno of what cannot be sent as it is.
   */
  run(send: (packet: Outgoing) => number): number {
    const tx = this.#tx;
    for (let budget = BATCH; ; budget--) {
      const next = tx.peek();
      if (!next) {
        this.empty++;
        return 0;
      }
      if (!isValid(this.#pool, next)) return this.#discard(next);
      if (budget === 0) return EAGAIN;
      const error = this.#draining ? this.#drain(next) : this.#one(next, send);
      if (error !== undefined) return error;
    }
  }

  /** A packet that was not whole when its socket closes. */
  forget(): void {
    this.#drop();
  }

  /** Undefined: go on. */
  #one(next: Descriptor, send: (packet: Outgoing) => number): number | undefined {
    if (!this.#pool.reserve(next)) return 0;
    const error = this.#gather(next);
    if (error === EOVERFLOW) {
      this.#tx.release();
      this.#draining = (next.options & XDP_PKT_CONTD) !== 0;
      return undefined;
    }
    if (error < 0) {
      this.#pool.cancel(1);
      return error;
    }
    this.#tx.release();
    if (next.options & XDP_PKT_CONTD) return undefined;
    const packet = this.#finished();
    return send(packet) < 0 ? no('EBUSY') : undefined;
  }

  /** xsk_build_skb */
  #gather(next: Descriptor): number {
    const { umem } = this.#pool;
    const at = next.address + next.offset;
    const data = umem.bytes.slice(at, at + next.length);
    if (this.#packet) {
      const { bytes } = this.#packet;
      const full = bytes.length === MOST_PARTS - 1 && (next.options & XDP_PKT_CONTD) !== 0;
      bytes.push(data);
      if (full) this.#drop();
      return full ? EOVERFLOW : 0;
    }
    const wants = (next.options & XDP_TX_METADATA) !== 0;
    if (wants && umem.metadataLength === 0) return no('EINVAL');
    const request = wants ? readRequest(umem, at, next.length) : undefined;
    if (wants && !request) return no('EINVAL');
    // Software sums what there is yet: of a packet in parts the first one.
    const software = request?.checksum !== undefined && umem.softwareChecksum;
    if (software) fillChecksum(data, request.checksum);
    this.#packet = {
      checksum: software ? undefined : request?.checksum,
      timestamp: request?.timestamp ? request.at : undefined,
      bytes: [data],
    };
    return 0;
  }

  #finished(): Outgoing {
    const { checksum, timestamp, bytes } = this.#packet!;
    this.#packet = undefined;
    const data = joinBytes(bytes);
    return { data, checksum, timestamp, parts: bytes.length };
  }

  /** What was gathered is given up: its chunks do not come back as sent. */
  #drop(): void {
    const parts = this.#packet?.bytes.length ?? 0;
    this.#packet = undefined;
    this.invalid += parts;
    this.#pool.cancel(parts);
  }

  #drain(next: Descriptor): number | undefined {
    if (!this.#pool.completeAlone(next)) return EAGAIN;
    this.invalid++;
    this.#tx.release();
    this.#draining = (next.options & XDP_PKT_CONTD) !== 0;
    return undefined;
  }

  /** A bad descriptor comes back as if it had been sent, and ends the call. */
  #discard(bad: Descriptor): number {
    const continues = (bad.options & XDP_PKT_CONTD) !== 0;
    const draining = this.#packet !== undefined || this.#draining || continues;
    this.#drop();
    if (!this.#pool.completeAlone(bad)) {
      this.#draining = draining;
      return EAGAIN;
    }
    this.invalid++;
    this.#tx.release();
    this.#draining = continues;
    return 0;
  }
}

/** xp_validate_desc */
function isValid({ umem }: XskPool, { address, offset, length, options }: Descriptor): boolean {
  const { chunkSize, metadataLength, unaligned, bytes } = umem;
  if (length === 0 || (options & ~KNOWN) !== 0) return false;
  const whole = length + metadataLength;
  const start = address + (unaligned ? offset : 0) - metadataLength;
  if (start < 0 || start >= bytes.length) return false;
  if (unaligned) return whole <= chunkSize && start + whole <= bytes.length;
  return offset === 0 && (start % chunkSize) + whole <= chunkSize;
}
