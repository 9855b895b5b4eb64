import type { KernelXsk, XskShared, XskStatistics } from '../../../kernel/index.ts';
import type { XskSocket } from './socket.ts';
import { kept } from '../../objects/kept.ts';
import type { NetNamespace } from '../namespace.ts';
import { answer, Chunks, type UserParts, XskUserHalf } from './user.ts';

/** What a socket is told when it is opened. */
export interface XskPlace {
  readonly number: number;
  readonly net: NetNamespace;
  readonly device: string;
  readonly queue: number;
  /** Takes it off its queue and out of all maps. */
  readonly leave: () => void;
}

/** An AF_XDP socket: both halves in one thread, until the user's half is given away. */
export class Xsk extends XskUserHalf implements KernelXsk {
  readonly number: number;
  readonly device: string;
  readonly queue: number;
  readonly socket: XskSocket;
  /** Free chunks of its packet memory, for sockets that share it. */
  readonly chunks: Chunks;
  readonly #place: XskPlace;
  readonly #bell = new SharedArrayBuffer(16);
  #open = true;

  constructor(socket: XskSocket, chunks: Chunks, place: XskPlace) {
    super(partsOf(socket, chunks), () => this.wake());
    this.socket = socket;
    this.chunks = chunks;
    this.number = place.number;
    this.device = place.device;
    this.queue = place.queue;
    this.#place = place;
  }

  static readonly kept = kept({
    name: 'xsk',
    of: Xsk,
    save: (one: Xsk) => ({
      number: one.number,
      device: one.device,
      queue: one.queue,
      socket: one.socket,
      chunks: one.chunks,
      net: one.#place.net,
      open: one.#open,
      user: one.userParts,
    }),
    make(ask) {
      const [net, device, queue] = [ask('net'), ask('device'), ask('queue')];
      const place = net.stack.xsk.placeOf(ask('number'), net, device, queue);
      return new Xsk(ask('socket'), ask('chunks'), place);
    },
    fill(one, { open, user }) {
      one.#open = open;
      one.resumeUser(user);
    },
  });

  get open(): boolean {
    return this.#open;
  }

  get statistics(): XskStatistics {
    return this.socket.statistics;
  }

  wake(): number {
    return this.socket.wake();
  }

  poll(): { readonly readable: boolean; readonly writable: boolean } {
    const { rx, tx } = this.socket;
    if (tx) this.wake();
    const writable = tx !== undefined && tx.filled <= tx.entries / 2;
    return { readable: rx !== undefined && rx.filled > 0, writable };
  }

  share(): XskShared {
    const { umem, rx, tx, fill, completion, chunks } = this.give();
    const free = chunks.free.splice(0);
    const rings = { rx: rx?.share(), tx: tx?.share() };
    const pool = { fill: fill.share(), completion: completion.share() };
    return { umem: umem.share(), ...rings, ...pool, chunks: free, bell: this.#bell };
  }

  async serve({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await answer(
      this.#bell,
      () => this.wake(),
      () => this.#open && !signal?.aborted,
    );
  }

  close(): void {
    if (this.#open) this.#place.leave();
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function partsOf({ pool, rx, tx }: XskSocket, chunks: Chunks): UserParts {
  return { umem: pool.umem, rx, tx, fill: pool.fill, completion: pool.completion, chunks };
}
