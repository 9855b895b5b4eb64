import { errnos } from '../../../abi/index.ts';
import { fillChecksum, readRequest, type SendRequest, writeTimestamp } from './metadata.ts';
import { type Descriptor, Ring, XDP_RING_NEED_WAKEUP } from './ring.ts';
import { checkEntries, type Umem } from './umem.ts';

/** Options of a descriptor: the packet goes on in the next one; metadata are in front of it. */
export const XDP_PKT_CONTD = 1;
export const XDP_TX_METADATA = 2;

const KNOWN = XDP_PKT_CONTD | XDP_TX_METADATA;
/** Packets that one system call sends. */
const BATCH = 32;
/** Parts of a packet (MAX_SKB_FRAGS and the first). */
const MOST_PARTS = 18;

/** Counts of struct xdp_statistics, by their names there. */
export interface XskStatistics {
  readonly rxDropped: number;
  readonly rxInvalidDescs: number;
  readonly txInvalidDescs: number;
  readonly rxRingFull: number;
  readonly rxFillRingEmptyDescs: number;
  readonly txRingEmptyDescs: number;
}

export interface XskOptions {
  /** Entries of the rings, powers of 2; 0: none of the kind. Default 2048. */
  readonly rx?: number;
  readonly tx?: number;
  /** XDP_USE_SG: packets may take several chunks. */
  readonly multiBuffer?: boolean;
}

/** The queue of a device that a socket is bound to. */
export interface XskQueue {
  /** A packet leaves. Returns 0 or a negative errno. */
  send(packet: Uint8Array): number;
  /** International atomic time, for timestamps. */
  now(): bigint;
  /** The device computes checksums itself. */
  readonly offloadsChecksum: boolean;
}

/** An AF_XDP socket in copy mode: four rings over shared memory, bound to one queue of a device. */
export class XskSocket {
  readonly umem: Umem;
  readonly rx: Ring | undefined;
  readonly tx: Ring | undefined;
  readonly multiBuffer: boolean;
  #queue: XskQueue | undefined;
  readonly #count = { rxDropped: 0, rxRingFull: 0, txInvalid: 0, txEmpty: 0 };

  /** Throws KernelError EINVAL. */
  constructor(umem: Umem, { rx = 2048, tx = 2048, multiBuffer = false }: XskOptions = {}) {
    for (const entries of [rx, tx]) if (entries !== 0) checkEntries(entries);
    this.umem = umem;
    this.rx = rx === 0 ? undefined : new Ring(rx, 'descriptors');
    this.tx = tx === 0 ? undefined : new Ring(tx, 'descriptors');
    if (this.tx) this.tx.flags = XDP_RING_NEED_WAKEUP;
    this.multiBuffer = multiBuffer;
  }

  get bound(): boolean {
    return this.#queue !== undefined;
  }

  bind(queue: XskQueue): void {
    this.#queue = queue;
  }

  unbind(): void {
    this.#queue = undefined;
  }

  get statistics(): XskStatistics {
    const { rxDropped, rxRingFull, txInvalid, txEmpty } = this.#count;
    return {
      rxDropped,
      rxInvalidDescs: this.umem.invalid,
      txInvalidDescs: txInvalid,
      rxRingFull,
      rxFillRingEmptyDescs: this.umem.empty,
      txRingEmptyDescs: txEmpty,
    };
  }

  /**
   * A packet that a program redirected here: it goes into chunks of the fill ring. `metadata`: bytes
   * that stand in front of it. Returns 0, -ENXIO (not bound), -ENOSPC (too long), -ENOMEM (no chunk),
   * -ENOBUFS (the ring is full).
   */
  deliver(packet: Uint8Array, metadata: Uint8Array = new Uint8Array()): number {
    const { rx, umem } = this;
    if (!this.#queue || !rx) return -errnos['ENXIO']!;
    const parts = Math.max(1, Math.ceil(packet.length / umem.frameSize));
    if (parts > 1 && !this.multiBuffer) return this.#drop('ENOSPC');
    if (umem.offered < parts) {
      if (umem.offered === 0) umem.empty++;
      return this.#drop('ENOMEM');
    }
    if (rx.free < parts) {
      this.#count.rxRingFull++;
      return -errnos['ENOBUFS']!;
    }
    const places = this.#places(parts);
    if (!places) return this.#drop('ENOMEM');
    places.forEach((address, i) => {
      const part = packet.subarray(i * umem.frameSize, (i + 1) * umem.frameSize);
      if (i === 0) umem.bytes.set(metadata, address - metadata.length);
      umem.bytes.set(part, address);
      rx.push(address, part.length, i + 1 < parts ? XDP_PKT_CONTD : 0);
    });
    return 0;
  }

  /** Free chunks; undefined when the fill ring held fewer good ones than it seemed. */
  #places(count: number): number[] | undefined {
    const places: number[] = [];
    while (places.length < count) {
      const address = this.umem.take();
      if (address === undefined) return undefined;
      places.push(address);
    }
    return places;
  }

  #drop(name: string): number {
    this.#count.rxDropped++;
    return -errnos[name]!;
  }

  /**
   * Sends what is in the send ring, as sendto(2) on the socket does: at most 32 packets. Returns 0,
   * -EAGAIN (there is more), -ENXIO, or the errno of a packet that cannot be sent as it is.
   */
  wake(): number {
    const { tx, umem } = this;
    const queue = this.#queue;
    if (!queue || !tx) return -errnos['ENXIO']!;
    for (let sent = 0; tx.filled > 0; sent++) {
      if (sent === BATCH) return -errnos['EAGAIN']!;
      const parts = this.#parts(tx);
      if (!parts) continue;
      if (umem.completion.free < parts.length) return 0;
      const error = this.#send(queue, parts);
      if (error < 0) return error;
      tx.release(parts.length);
    }
    this.#count.txEmpty++;
    return 0;
  }

  /** The descriptors of the next packet. Undefined: they were bad and are gone. */
  #parts(tx: Ring): Descriptor[] | undefined {
    const parts: Descriptor[] = [];
    for (let ahead = 0; ; ahead++) {
      const next = tx.peek(ahead);
      if (!next || !this.#isValid(next) || ahead === MOST_PARTS) {
        this.#discard(tx, ahead + (next ? 1 : 0));
        return undefined;
      }
      parts.push(next);
      if ((next.options & XDP_PKT_CONTD) === 0) return parts;
    }
  }

  /** Bad descriptors come back as if they had been sent. */
  #discard(tx: Ring, count: number): void {
    this.#count.txInvalid++;
    for (let i = 0; i < count; i++) this.umem.completion.push(tx.pop()!.address);
  }

  /** xp_validate_desc */
  #isValid({ address, length, options }: Descriptor): boolean {
    const { chunkSize, metadataLength, unaligned, bytes } = this.umem;
    const start = address - metadataLength;
    if (length === 0 || start < 0 || (options & ~KNOWN) !== 0) return false;
    const whole = length + metadataLength;
    if (unaligned) return whole <= chunkSize && start + whole <= bytes.length;
    return (start % chunkSize) + whole <= chunkSize && start < bytes.length;
  }

  #send(queue: XskQueue, parts: readonly Descriptor[]): number {
    const { umem } = this;
    const packet = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const { address, length } of parts) {
      packet.set(umem.bytes.subarray(address, address + length), at);
      at += length;
    }
    const [first] = parts;
    const request = this.#request(first!);
    if (typeof request === 'number') return request;
    if (request?.checksum && (umem.softwareChecksum || queue.offloadsChecksum)) {
      fillChecksum(packet, request.checksum);
    }
    const error = queue.send(packet);
    if (request?.timestamp) writeTimestamp(umem, request, queue.now());
    for (const { address } of parts) umem.completion.push(address);
    return error < 0 ? error : 0;
  }

  #request({ address, length, options }: Descriptor): SendRequest | undefined | number {
    if ((options & XDP_TX_METADATA) === 0) return undefined;
    if (this.umem.metadataLength === 0) return -errnos['EINVAL']!;
    return readRequest(this.umem, address, length) ?? -errnos['EINVAL']!;
  }
}
