import { errnos } from '../../../abi/index.ts';
import type { SocketOptions } from '../../../kernel/index.ts';
import type { RuntimeOwner } from '../../../runtime/index.ts';
import { REGION_OBJECT, TAG_BASE } from '../../../runtime/layout.ts';
import type { SocketQuery } from '../../../runtime/types.ts';
import type { NetNamespace } from '../namespace.ts';
import type { Stack } from '../stack/stack.ts';
import type { Tuple } from './address.ts';
import { lookupTcp, lookupUdp } from './lookup.ts';
import { writeRecord } from './record.ts';
import { RequestSocket } from './request.ts';
import type { Socket } from './socket.ts';
import { CLOSE } from './states.ts';
import type { Connection } from './table.ts';
import { TcpSocket } from './tcp.ts';
import { TimeWaitSocket } from './time-wait.ts';
import { UdpSocket } from './udp.ts';

/** Whatever a program can have a pointer to. */
export type Known = Socket | Connection;

/** The tag of pointers to sockets, in the high word. */
const TAG = BigInt.asUintN(32, BigInt(TAG_BASE + REGION_OBJECT)) << 32n;

/** The sockets of a machine: how they send, and how programs know them. */
export class Sockets {
  readonly #stack: Stack;
  /** Those a program has seen: most never are, and cost nothing here. */
  readonly #owners = new Map<Known, RuntimeOwner>();
  readonly #byRecord = new Map<number, Known>();
  readonly #farewells = new Map<Known, () => void>();

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  make(net: NetNamespace, options: SocketOptions): Socket {
    return options.type === 'udp' ? new UdpSocket(net, options) : new TcpSocket(net, options);
  }

  /** Those that programs know, for a file. */
  get known(): ReadonlyMap<Known, RuntimeOwner> {
    return this.#owners;
  }

  /** As it was saved: their records are in memory. */
  resume(known: ReadonlyMap<Known, RuntimeOwner>): void {
    for (const [socket, owner] of known) {
      this.#owners.set(socket, owner);
      this.#byRecord.set(owner.object, socket);
    }
  }

  /** Sends a frame of a socket. */
  transmit(net: NetNamespace, frame: Uint8Array, { mark, priority }: Partial<SocketOptions>): void {
    this.#stack.ip.sendMade(net, frame, undefined, '', { mark, priority });
  }

  /** Makes a socket one that programs can point to. Throws KernelError ENOMEM. */
  ownerOf(socket: Known): RuntimeOwner {
    let owner = this.#owners.get(socket);
    if (owner) return owner;
    owner = this.#stack.machine.createOwner('socket');
    this.#owners.set(socket, owner);
    this.#byRecord.set(owner.object, socket);
    this.#write(socket, owner);
    return owner;
  }

  /** Address of a socket's record, which says what is true now. */
  recordOf(socket: Known): number {
    const owner = this.ownerOf(socket);
    this.#write(socket, owner);
    return owner.object;
  }

  #write(socket: Known, { object }: RuntimeOwner): void {
    const listener =
      socket instanceof RequestSocket ? TAG | BigInt(this.recordOf(socket.listener)) : 0n;
    writeRecord(this.#stack.machine.runtime, object, socket, 0, listener);
  }

  /** Its state is another: programs may have it in a map. */
  changed(socket: Known): void {
    const owner = this.#owners.get(socket);
    if (owner) this.#write(socket, owner);
  }

  /** The socket whose record is at an address. */
  at(record: number): Known | undefined {
    return this.#byRecord.get(record);
  }

  /** Nobody has it any more: local storage and entries of maps go. */
  forget(socket: Known): void {
    const owner = this.#owners.get(socket);
    if (!owner) return;
    this.#farewells.get(socket)?.();
    this.#farewells.delete(socket);
    this.#owners.delete(socket);
    this.#byRecord.delete(owner.object);
    owner.free();
  }

  /** Does something when a socket that programs know is gone. */
  whenForgotten(socket: Known, action: () => void): void {
    this.ownerOf(socket);
    this.#farewells.set(socket, action);
  }

  /** What bpf_sk_lookup_tcp and kin find: the address of a record, or 0. */
  lookup(net: NetNamespace, query: SocketQuery): number {
    // No namespace has numbers for others here.
    if (query.netns >= 0) return 0;
    const tuple: Tuple = {
      local: query.destination,
      localPort: query.destinationPort,
      remote: query.source,
      remotePort: query.sourcePort,
    };
    const found = query.protocol === 'tcp' ? lookupTcp(net, tuple) : lookupUdp(net, tuple);
    const full = query.any ? found : fullSocket(found);
    return full ? this.recordOf(full) : 0;
  }

  /** bpf_sk_assign: 0 or a negative errno. */
  assign(record: number, flags: bigint): number {
    const { packet } = this.#stack.runner;
    const socket = this.#byRecord.get(record);
    if (!socket || flags !== 0n) return -errnos['EINVAL']!;
    if (!packet?.atIngress) return -errnos['EOPNOTSUPP']!;
    if (packet.device.net !== socket.net) return -errnos['ENETUNREACH']!;
    const hashed = socket instanceof UdpSocket ? socket.localPort !== 0 : socket.state !== CLOSE;
    if (!hashed) return -errnos['EOPNOTSUPP']!;
    packet.socket = socket as Connection | UdpSocket;
    return 0;
  }
}

/** sk_to_full_sk: a request is as good as its listener. */
function fullSocket(found: Known | undefined): Known | undefined {
  if (found instanceof TimeWaitSocket) return undefined;
  return found instanceof RequestSocket ? found.listener : found;
}
