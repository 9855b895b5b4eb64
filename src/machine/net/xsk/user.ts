import { errnoName } from '../../../abi/names.ts';
import { joinBytes, KernelError } from '../../../base/index.ts';
import type {
  XskCompletion,
  XskPacket,
  XskSendOptions,
  XskShared,
  XskUser,
} from '../../../kernel/index.ts';
import { keptFields } from '../../objects/kept.ts';
import { askChecksum } from './ask-checksum.ts';
import { XDP_TXMD_FLAGS_CHECKSUM, XDP_TXMD_FLAGS_TIMESTAMP } from './metadata.ts';
import { changed, type Descriptor, Ring } from './ring.ts';
import { XDP_PKT_CONTD, XDP_TX_METADATA } from './sender.ts';
import { Umem } from './umem.ts';

/** Milliseconds between looks at whether one should stop. */
const PATIENCE = 50;

/** Chunks that are in no ring. Sockets with the same packet memory share them. */
export class Chunks {
  readonly free: number[];

  constructor(free: readonly number[]) {
    // The lowest one is used first.
    this.free = free.toSorted((one, other) => other - one);
  }
}

/** Rings and packet memory of a socket, as its user has them. */
export interface UserParts {
  readonly umem: Umem;
  readonly rx: Ring | undefined;
  readonly tx: Ring | undefined;
  readonly fill: Ring;
  readonly completion: Ring;
  readonly chunks: Chunks;
}

/** What is kept in a file of the user's half. */
export interface XskUserParts {
  readonly given: boolean;
  readonly timed: ReadonlySet<number>;
  readonly finished: XskCompletion[];
}

export const keptChunks = keptFields('chunks', Chunks);

/** The user's half of an AF_XDP socket. `call`: sendto(2), 0 or a negative errno. */
export class XskUserHalf implements XskUser {
  readonly #own: UserParts;
  readonly #call: () => number;
  #given = false;
  /** Packets on their way whose time of sending is wanted, by address. */
  readonly #timed = new Set<number>();
  /** Completions that were taken out because their chunks were needed. */
  #finished: XskCompletion[] = [];

  constructor(parts: UserParts, call: () => number) {
    this.#own = parts;
    this.#call = call;
  }

  /** What is kept in a file beside rings and memory. */
  protected get userParts(): XskUserParts {
    return { given: this.#given, timed: this.#timed, finished: this.#finished };
  }

  protected resumeUser({ given, timed, finished }: XskUserParts): void {
    this.#given = given;
    for (const address of timed) this.#timed.add(address);
    this.#finished = finished;
  }

  get #parts(): UserParts {
    if (this.#given) throw refusal('EBUSY', 16, 'another thread has the rings');
    return this.#own;
  }

  /** From now on the rings are another's. Throws KernelError EBUSY. */
  protected give(): UserParts {
    const parts = this.#parts;
    this.#given = true;
    return parts;
  }

  get waiting(): number {
    return this.#parts.rx?.filled ?? 0;
  }

  get free(): number {
    return this.#parts.chunks.free.length;
  }

  /** Puts free chunks into the fill ring, `count` at most. */
  offer(count: number): void {
    const { chunks, fill } = this.#parts;
    for (let i = 0; i < count && chunks.free.length > 0 && fill.free > 0; i++) {
      fill.push(chunks.free.pop()!);
    }
  }

  receive({ metadata = 0 }: { readonly metadata?: number } = {}): XskPacket | undefined {
    const first = this.#parts.rx?.pop();
    if (!first) return undefined;
    const { bytes } = this.#parts.umem;
    const at = placeOf(first);
    const front = bytes.slice(Math.max(0, at - metadata), at);
    const data = [bytes.slice(at, at + first.length)];
    this.#giveBack(first);
    for (let part = first; part.options & XDP_PKT_CONTD; ) {
      const next = this.#parts.rx!.pop();
      if (!next) break;
      const from = placeOf(next);
      data.push(bytes.slice(from, from + next.length));
      this.#giveBack(next);
      part = next;
    }
    return { data: joinBytes(data), metadata: front };
  }

  async *packets({
    metadata = 0,
    signal,
  }: {
    readonly metadata?: number;
    readonly signal?: AbortSignal;
  } = {}): AsyncGenerator<XskPacket> {
    while (!signal?.aborted) {
      const packet = this.receive({ metadata });
      if (packet) yield packet;
      else await this.#parts.rx?.filling(PATIENCE);
    }
  }

  /** As `packets` waits, and the thread sleeps: for workers. False: there is nothing. */
  sleep(ms: number): boolean {
    return this.#parts.rx?.sleep(ms) ?? false;
  }

  send(packet: Uint8Array, options: XskSendOptions = {}): number {
    const { tx, umem, chunks } = this.#parts;
    const { metadataLength, bytes } = umem;
    const asks = options.timestamp === true || (options.checksum ?? false) !== false;
    if (asks && metadataLength === 0) throw refusal('EINVAL', 22, 'no room for metadata');
    if (metadataLength + packet.length > umem.chunkSize || packet.length === 0) {
      throw refusal('EMSGSIZE', 90, `${packet.length} bytes: more than fit into a chunk, or none`);
    }
    if (!tx) throw refusal('ENOBUFS', 105, 'the socket has no send ring');
    if (tx.free === 0) throw refusal('ENOBUFS', 105, 'the send ring is full');
    if (chunks.free.length === 0) this.#collect();
    const chunk = chunks.free.pop();
    if (chunk === undefined) throw refusal('ENOBUFS', 105, 'no chunk is free');
    const address = chunk + metadataLength;
    bytes.set(packet, address);
    if (asks) this.#ask(address, packet.length, options);
    tx.push(address, packet.length, asks ? XDP_TX_METADATA : 0);
    if (!options.later) this.#flush(tx);
    return address;
  }

  /** Puts what is asked for in front of the packet (struct xsk_tx_metadata). */
  #ask(address: number, length: number, { checksum = false, timestamp }: XskSendOptions): void {
    const { umem, chunks } = this.#parts;
    const packet = umem.bytes.subarray(address, address + length);
    const sum = checksum === true ? askChecksum(packet) : checksum;
    if (sum === undefined) {
      chunks.free.push(address - umem.metadataLength);
      throw refusal('EINVAL', 22, 'the packet has no TCP or UDP checksum to complete');
    }
    const view = new DataView(umem.memory, address - umem.metadataLength, umem.metadataLength);
    const flags = (timestamp ? XDP_TXMD_FLAGS_TIMESTAMP : 0) | (sum ? XDP_TXMD_FLAGS_CHECKSUM : 0);
    view.setUint32(0, flags, true);
    view.setUint32(4, 0, true);
    view.setUint16(8, sum ? sum.start : 0, true);
    view.setUint16(10, sum ? sum.offset : 0, true);
    if (timestamp) this.#timed.add(address);
  }

  /** System calls until the ring is empty, or nothing moves any more. */
  #flush(tx: Ring): void {
    for (let left = tx.filled; left > 0; left = tx.filled) {
      const error = this.#call();
      if (error < 0 && error !== EAGAIN) throw refusal(errnoName(error), -error, 'cannot send');
      // The completion ring may be full.
      if (tx.filled === left) return;
    }
  }

  completed(): XskCompletion[] {
    const done = this.#finished;
    this.#finished = [];
    return this.#collect(done);
  }

  #collect(into = this.#finished): XskCompletion[] {
    const { completion, umem, chunks } = this.#parts;
    for (let entry = completion.pop(); entry; entry = completion.pop()) {
      const { address } = entry;
      const timed = this.#timed.delete(address);
      const at = address - umem.metadataLength;
      const timestamp = timed
        ? new DataView(umem.memory, at, umem.metadataLength).getBigUint64(8, true)
        : undefined;
      into.push({ address, timestamp });
      chunks.free.push(address - (address % umem.chunkSize));
    }
    return into;
  }

  /** The chunk of a packet that was read is free for the next one. */
  #giveBack({ address }: Descriptor): void {
    const { umem, fill, chunks } = this.#parts;
    const chunk = address - (address % umem.chunkSize);
    if (!fill.push(chunk)) chunks.free.push(chunk);
  }
}

const EAGAIN = -11;

const placeOf = ({ address, offset }: Descriptor): number => address + offset;

function refusal(code: string, errno: number, why: string): KernelError {
  return new KernelError(code, errno, `AF_XDP: ${why}`);
}

/** Places in the memory of a bell. */
export const BELL = { asked: 0, done: 1, result: 2 } as const;

/**
 * The user's half of a socket in another thread. Its system calls are answered where the machine
 * is, by `serve()` of the socket; the thread sleeps meanwhile, so it must be a worker.
 *
 * @example
 * // worker: const socket = openXsk(shared);
 * // for (;;) if (socket.sleep(100)) socket.send(socket.receive()!.data);
 */
export function openXsk(shared: XskShared): XskUserHalf {
  const parts: UserParts = {
    umem: Umem.open(shared.umem),
    rx: shared.rx && Ring.open(shared.rx),
    tx: shared.tx && Ring.open(shared.tx),
    fill: Ring.open(shared.fill),
    completion: Ring.open(shared.completion),
    chunks: new Chunks(shared.chunks),
  };
  const bell = new Int32Array(shared.bell);
  return new XskUserHalf(parts, () => {
    const call = Atomics.add(bell, BELL.asked, 1) + 1;
    Atomics.notify(bell, BELL.asked);
    for (;;) {
      const done = Atomics.load(bell, BELL.done);
      if (done === call) return Atomics.load(bell, BELL.result);
      Atomics.wait(bell, BELL.done, done, PATIENCE);
    }
  });
}

/** Answers the calls of `openXsk` as long as `goesOn` says so. */
export async function answer(
  memory: SharedArrayBuffer,
  call: () => number,
  goesOn: () => boolean,
): Promise<void> {
  const bell = new Int32Array(memory);
  while (goesOn()) {
    const asked = Atomics.load(bell, BELL.asked);
    if (asked === Atomics.load(bell, BELL.done)) await changed(bell, BELL.asked, asked, PATIENCE);
    else {
      Atomics.store(bell, BELL.result, call());
      Atomics.store(bell, BELL.done, asked);
      Atomics.notify(bell, BELL.done);
    }
  }
}
