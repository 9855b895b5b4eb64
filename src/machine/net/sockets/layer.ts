import type { SocketOptions } from '../../../kernel/index.ts';
import type { RuntimeOwner } from '../../../runtime/index.ts';
import type { NetNamespace } from '../namespace.ts';
import type { Stack } from '../stack/stack.ts';
import type { Socket } from './socket.ts';
import { TcpSocket } from './tcp.ts';
import { UdpSocket } from './udp.ts';

/** The sockets of a machine: how they send, and how programs know them. */
export class Sockets {
  readonly #stack: Stack;
  /** Those a program has seen, by the address of their record. */
  readonly #byRecord = new Map<number, Socket>();

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  make(net: NetNamespace, options: SocketOptions): Socket {
    return options.type === 'udp' ? new UdpSocket(net, options) : new TcpSocket(net, options);
  }

  /** Sends a frame of a socket. */
  transmit(net: NetNamespace, frame: Uint8Array, { mark, priority }: Partial<SocketOptions>): void {
    this.#stack.ip.sendMade(net, frame, undefined, '', { mark, priority });
  }

  /** Makes a socket one that programs can point to. Throws KernelError ENOMEM. */
  ownerOf(socket: Socket): RuntimeOwner {
    const owner = this.#stack.machine.createOwner('socket');
    this.#byRecord.set(owner.object, socket);
    return owner;
  }

  /** The socket whose record is at an address. */
  at(record: number): Socket | undefined {
    return this.#byRecord.get(record);
  }

  forget(owner: RuntimeOwner | undefined): void {
    if (!owner) return;
    this.#byRecord.delete(owner.object);
    owner.free();
  }
}
