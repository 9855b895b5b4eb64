import { errnos } from '../../../abi/index.ts';
import type { XskStatistics } from '../../../kernel/index.ts';
import { writeTimestamp } from './metadata.ts';
import type { Buffer, XskPool } from './pool.ts';
import { Ring, XDP_RING_NEED_WAKEUP } from './ring.ts';
import { type PartialChecksum, type Outgoing, Sender, XDP_PKT_CONTD } from './sender.ts';
import type { PendingEvent } from '../../../runtime/events.ts';
import { kept } from '../../objects/kept.ts';
import { checkEntries } from './umem.ts';

const no = (name: string): number => -errnos[name]!;
const NOTHING = new Uint8Array(0);

/** Entries of a socket's own rings, powers of 2; 0: none of the kind. Default 2048. */
export interface RingSizes {
  readonly rx?: number;
  readonly tx?: number;
}

/** The queue of a device that a socket is bound to. */
export interface XskQueue {
  readonly up: boolean;
  /** A packet leaves. Returns 0 or a negative errno. */
  send(packet: Uint8Array, checksum: PartialChecksum | undefined): number;
  /** International atomic time, for timestamps. */
  now(): bigint;
  /** Does it when the device says that the packet is sent. */
  whenSent(run: () => void): PendingEvent | undefined;
}

interface OnWay {
  readonly timestamp: number | undefined;
  readonly parts: number;
  /** When the device calls it sent. */
  event: PendingEvent | undefined;
}

/** The kernel's half of an AF_XDP socket in copy mode, bound to one queue of a device. */
export class XskSocket {
  readonly pool: XskPool;
  readonly rx: Ring | undefined;
  readonly tx: Ring | undefined;
  readonly multiBuffer: boolean;
  /** International atomic time, also when its device has gone. */
  clock: () => bigint = () => 0n;
  readonly #sender: Sender | undefined;
  #queue: XskQueue | undefined;
  /** Packets that the device has and does not call sent yet. */
  readonly #onWay = new Set<OnWay>();
  #dropped = 0;
  #full = 0;

  /** `multiBuffer`: packets may take several chunks (XDP_USE_SG). Throws KernelError EINVAL. */
  static of(
    pool: XskPool,
    { rx = 2048, tx = 2048 }: RingSizes = {},
    multiBuffer = false,
  ): XskSocket {
    for (const entries of [rx, tx]) if (entries !== 0) checkEntries(entries);
    const ring = (entries: number) =>
      entries === 0 ? undefined : new Ring(entries, 'descriptors');
    return new XskSocket(pool, ring(rx), ring(tx), multiBuffer);
  }

  static readonly kept = kept({
    name: 'xsk_kernel',
    of: XskSocket,
    save: (socket: XskSocket) => ({
      pool: socket.pool,
      rx: socket.rx,
      tx: socket.tx,
      multiBuffer: socket.multiBuffer,
      sender: socket.#sender?.parts,
      dropped: socket.#dropped,
      full: socket.#full,
      onWay: [...socket.#onWay],
    }),
    make: (ask) => new XskSocket(ask('pool'), ask('rx'), ask('tx'), ask('multiBuffer')),
    fill(socket, { sender, dropped, full, onWay }, thaw) {
      if (sender) socket.#sender?.resume(sender);
      socket.#dropped = dropped;
      socket.#full = full;
      for (const one of onWay) {
        socket.#onWay.add(one);
        thaw.armMember(one, 'event', () => socket.#sent(one));
      }
    },
  });

  private constructor(
    pool: XskPool,
    rx: Ring | undefined,
    tx: Ring | undefined,
    multiBuffer: boolean,
  ) {
    this.pool = pool;
    this.rx = rx;
    this.tx = tx;
    this.#sender = this.tx && new Sender(pool, this.tx);
    if (this.tx) this.tx.flags = XDP_RING_NEED_WAKEUP;
    this.multiBuffer = multiBuffer;
  }

  get bound(): boolean {
    return this.#queue !== undefined;
  }

  bind(queue: XskQueue): void {
    this.#queue = queue;
    this.clock = () => queue.now();
  }

  unbind(): void {
    this.#sender?.forget();
    this.#queue = undefined;
  }

  get statistics(): XskStatistics {
    return {
      rxDropped: this.#dropped,
      rxInvalidDescs: this.pool.invalid,
      txInvalidDescs: this.#sender?.invalid ?? 0,
      rxRingFull: this.#full,
      rxFillRingEmptyDescs: this.pool.empty,
      txRingEmptyDescs: this.#sender?.empty ?? 0,
    };
  }

  /**
   * A packet that a program redirected here goes into chunks of the fill ring (xsk_rcv).
   * `metadata`: bytes that stand in front of it. Returns 0, -ENXIO (not bound), -ENOSPC (too long),
   * -ENOMEM (no chunk), -ENOBUFS (the ring is full).
   */
  deliver(packet: Uint8Array, metadata: Uint8Array = NOTHING): number {
    const { rx, pool } = this;
    if (!this.#queue) return no('ENXIO');
    const { frameSize } = pool.umem;
    if (packet.length > frameSize && !this.multiBuffer) return this.#drop('ENOSPC');
    // Linux takes it for granted that sockets in maps have this ring.
    if (!rx) return this.#refuse();
    if (packet.length <= frameSize) return this.#single(rx, packet, metadata);
    return this.#inParts(rx, packet, metadata);
  }

  #single(rx: Ring, packet: Uint8Array, metadata: Uint8Array): number {
    const buffer = this.pool.take();
    if (!buffer) return this.#drop('ENOMEM');
    this.#place(buffer, packet, metadata);
    if (rx.free === 0) {
      this.pool.giveBack(buffer);
      return this.#refuse();
    }
    this.#describe(rx, 0, buffer, packet.length, 0);
    rx.publish(1);
    return 0;
  }

  #inParts(rx: Ring, packet: Uint8Array, metadata: Uint8Array): number {
    const { frameSize } = this.pool.umem;
    const count = Math.ceil(packet.length / frameSize);
    if (!this.pool.has(count)) return this.#drop('ENOMEM');
    if (rx.free < count) return this.#refuse();
    const buffers = this.#buffers(count);
    if (!buffers) return this.#drop('ENOMEM');
    for (const [i, buffer] of buffers.entries()) {
      const part = packet.subarray(i * frameSize, (i + 1) * frameSize);
      this.#place(buffer, part, i === 0 ? metadata : NOTHING);
      this.#describe(rx, i, buffer, part.length, i + 1 < count ? XDP_PKT_CONTD : 0);
    }
    rx.publish(count);
    return 0;
  }

  /** Free chunks; undefined when the fill ring held fewer good ones than it seemed. */
  #buffers(count: number): Buffer[] | undefined {
    const buffers: Buffer[] = [];
    while (buffers.length < count) {
      const buffer = this.pool.take();
      if (!buffer) {
        for (const one of buffers) this.pool.giveBack(one);
        return undefined;
      }
      buffers.push(buffer);
    }
    return buffers;
  }

  #place({ chunk, headroom }: Buffer, packet: Uint8Array, metadata: Uint8Array): void {
    const { bytes } = this.pool.umem;
    const at = chunk + headroom;
    if (metadata.length > 0) bytes.set(metadata, at - metadata.length);
    bytes.set(packet, at);
  }

  /** xp_get_handle: unaligned chunks keep their address, the packet's place is beside it. */
  #describe(rx: Ring, ahead: number, buffer: Buffer, length: number, options: number): void {
    const { chunk, headroom } = buffer;
    if (this.pool.umem.unaligned) rx.write(ahead, chunk, length, options, headroom);
    else rx.write(ahead, chunk + headroom, length, options);
  }

  #refuse(): number {
    this.#full++;
    return no('ENOBUFS');
  }

  #drop(name: string): number {
    this.#dropped++;
    return no(name);
  }

  /**
   * Sends what is in the send ring, as sendto(2) on the socket does: at most 32 descriptors.
   * Returns 0, -EAGAIN (call again), -ENXIO, -ENETDOWN, -ENOBUFS (no send ring), -EBUSY (the device
   * dropped it), or the errno of a packet that cannot be sent as it is.
   */
  wake(): number {
    const queue = this.#queue;
    if (!queue) return no('ENXIO');
    if (!queue.up) return no('ENETDOWN');
    if (!this.#sender) return no('ENOBUFS');
    return this.#sender.run((packet) => this.#send(queue, packet));
  }

  #send(queue: XskQueue, { data, checksum, timestamp, parts }: Outgoing): number {
    const error = queue.send(data, checksum);
    const one: OnWay = { timestamp, parts, event: undefined };
    // A packet that was dropped is done with.
    if (error < 0) {
      this.#sent(one);
      return error;
    }
    this.#onWay.add(one);
    one.event = queue.whenSent(() => this.#sent(one));
    return error;
  }

  #sent(one: OnWay): void {
    this.#onWay.delete(one);
    const { timestamp, parts } = one;
    if (timestamp !== undefined) writeTimestamp(this.pool.umem, timestamp, this.clock());
    this.pool.complete(parts);
  }
}
