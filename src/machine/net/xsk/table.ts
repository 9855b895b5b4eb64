import { KernelError } from '../../../base/index.ts';
import type { XskMemoryOptions, XskOptions } from '../../../kernel/index.ts';
import { G_TAI_OFFSET, GLOBALS } from '../../../runtime/layout.ts';
import { errnos } from '../../../abi/index.ts';
import type { Device } from '../device.ts';
import { FROM_XSK, Packet } from '../stack/packet.ts';
import type { NetNamespace } from '../namespace.ts';
import type { Stack } from '../stack/stack.ts';
import { XskPool } from './pool.ts';
import { XskSocket, type XskQueue } from './socket.ts';
import {
  Umem,
  XDP_UMEM_TX_METADATA_LEN,
  XDP_UMEM_TX_SW_CSUM,
  XDP_UMEM_UNALIGNED_CHUNK_FLAG,
} from './umem.ts';
import { Chunks } from './user.ts';
import { Xsk, type XskPlace } from './xsk.ts';

const DEFAULT_SIZE = 1 << 20;
/** struct xsk_tx_metadata */
const TX_METADATA = 16;

/** What is kept in a file. */
export interface XskParts {
  readonly next: number;
  readonly sockets: ReadonlyMap<number, Xsk>;
  readonly bound: readonly Xsk[];
}

/** The AF_XDP sockets of a machine, by number. */
export class XskTable {
  readonly #stack: Stack;
  readonly #sockets = new Map<number, Xsk>();
  #next = 1;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  get(number: number): Xsk | undefined {
    return this.#sockets.get(number);
  }

  /** socket(2), setsockopt(2), bind(2) at once. Throws KernelError EINVAL, EBUSY, EBADF. */
  open(device: Device, options: XskOptions): Xsk {
    const { queue = 0, rx, tx, multiBuffer = false } = options;
    if (rx === 0 && tx === 0) throw refusal('EINVAL', 'neither a receive ring nor a send ring');
    const place = `${device.path}, queue ${queue}`;
    if (!Number.isInteger(queue) || queue < 0 || queue >= device.queues) {
      throw refusal('EINVAL', `${place}: the device has ${device.queues}`);
    }
    const other = sharedWith(options);
    const pool = other?.socket.pool ?? XskPool.of(makeUmem(options.umem), options);
    const own = poolFor(device, queue, pool, options, other);
    const sizes = { ...(rx === undefined ? {} : { rx }), ...(tx === undefined ? {} : { tx }) };
    const socket = XskSocket.of(own, sizes, other?.socket.multiBuffer ?? multiBuffer);
    const chunks = other?.chunks ?? new Chunks(own.umem.chunks());
    device.pools.set(queue, own);
    socket.bind(this.#queue(device, queue));
    const number = this.#next++;
    const made = new Xsk(socket, chunks, this.placeOf(number, device.net, device.path, queue));
    this.#sockets.set(number, made);
    made.offer(options.offered ?? offerOf(socket, chunks));
    return made;
  }

  /** Where a socket is; its device may have gone. */
  placeOf(number: number, net: NetNamespace, device: string, queue: number): XskPlace {
    return { number, net, device, queue, leave: () => this.#close(number, net, queue) };
  }

  /** What is kept in a file. */
  get parts(): XskParts {
    const bound = [...this.#sockets.values()].filter(({ socket }) => socket.bound);
    return { next: this.#next, sockets: this.#sockets, bound };
  }

  resume({ next, sockets, bound }: XskParts, deviceAt: (path: string) => Device): void {
    this.#next = next;
    for (const [number, one] of sockets) {
      one.socket.clock = this.#now;
      this.#sockets.set(number, one);
    }
    for (const { socket, device, queue } of bound) {
      socket.bind(this.#queue(deviceAt(device), queue));
    }
  }

  readonly #now = (): bigint => {
    const { runtime } = this.#stack.machine;
    return runtime.clock + runtime.view().getBigUint64(GLOBALS + G_TAI_OFFSET, true);
  };

  #queue(device: Device, queue: number): XskQueue {
    const stack = this.#stack;
    return {
      get up() {
        return device.up;
      },
      send(data, checksum) {
        const packet = new Packet(data, device, true);
        packet.queue = queue;
        packet.from = FROM_XSK;
        packet.checksum = checksum;
        return stack.sendDirectly(packet);
      },
      now: this.#now,
      whenSent(run) {
        if (device.txLatency > 0) {
          return stack.events.at(Number(stack.now) + device.txLatency, run);
        }
        run();
        return undefined;
      },
    };
  }

  /** xsk_release */
  #close(number: number, net: NetNamespace, queue: number): void {
    const { socket } = this.#sockets.get(number)!;
    this.#sockets.delete(number);
    for (const map of this.#stack.machine.objects.maps) {
      if (map.facts.valueIs === 'xsk') map.forgetObject(number);
    }
    socket.unbind();
    for (const one of this.#sockets.values()) if (one.socket.pool === socket.pool) return;
    for (const { pools } of net.devices.values()) {
      if (pools.get(queue) === socket.pool) pools.delete(queue);
    }
  }

  /** Its device is gone (xsk_notifier): sockets stay, bound to nothing. */
  unbindAll(device: Device): void {
    for (const { socket } of this.#sockets.values()) {
      for (const pool of device.pools.values()) if (socket.pool === pool) socket.unbind();
    }
    device.pools.clear();
  }
}

/** The pool of a queue: the one that is there for who shares it, else a new one. */
function poolFor(
  device: Device,
  queue: number,
  pool: XskPool,
  options: XskOptions,
  other: Xsk | undefined,
): XskPool {
  const there = device.pools.get(queue);
  if (there && there === other?.socket.pool) return there;
  const text = `${device.path}, queue ${queue}: another socket's packet memory is there`;
  if (there) throw refusal('EBUSY', text);
  // One fill and completion ring for each queue, whoever owns the memory.
  return other ? XskPool.of(pool.umem, options) : pool;
}

function sharedWith({ shared }: XskOptions): Xsk | undefined {
  if (!shared) return undefined;
  if (shared instanceof Xsk && shared.open) return shared;
  throw refusal('EBADF', 'the socket to share with is not open');
}

function makeUmem(options: XskMemoryOptions = {}): Umem {
  const { size = DEFAULT_SIZE, txMetadata = TX_METADATA, chunkSize, headroom } = options;
  const flags =
    (options.unaligned ? XDP_UMEM_UNALIGNED_CHUNK_FLAG : 0) |
    (options.softwareChecksum ? XDP_UMEM_TX_SW_CSUM : 0) |
    (txMetadata === 0 ? 0 : XDP_UMEM_TX_METADATA_LEN);
  return new Umem({
    size,
    flags,
    txMetadataLength: txMetadata,
    ...(chunkSize === undefined ? {} : { chunkSize }),
    ...(headroom === undefined ? {} : { headroom }),
  });
}

/** Half of the chunks are for packets that come in, unless nothing is sent. */
function offerOf({ rx, tx }: XskSocket, { free }: Chunks): number {
  if (!rx) return 0;
  return tx ? free.length >> 1 : free.length;
}

function refusal(code: string, why: string): KernelError {
  return new KernelError(code, errnos[code]!, `AF_XDP socket: ${why}`);
}
