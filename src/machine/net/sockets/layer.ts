import { errnos } from '../../../abi/index.ts';
import type { SocketOptions } from '../../../kernel/index.ts';
import { objectPointer, type RuntimeOwner } from '../../../runtime/index.ts';
import type { SocketQuery } from '../../../runtime/types.ts';
import { SocketHooks } from '../cgroup/hooks.ts';
import type { NetNamespace } from '../namespace.ts';
import { ReuseportHook } from '../reuseport/select.ts';
import { SocketMaps } from '../sockmap/layer.ts';
import type { Packet } from '../stack/packet.ts';
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

/** A packet goes, and TCP may hear of congestion. */
const NET_XMIT_CN = 2;
/** The tag of pointers to sockets, in the high word. */

/** The sockets of a machine: how they send, and how programs know them. */
export class Sockets {
  /** Programs of cgroups. */
  readonly hooks: SocketHooks;
  readonly #stack: Stack;
  /** Those a program has seen: most never are, and cost nothing here. */
  readonly #owners = new Map<Known, RuntimeOwner>();
  readonly #byRecord = new Map<number, Known>();
  readonly #byNumber = new Map<number, Known>();
  readonly #farewells = new Map<Known, () => void>();

  /** Sockets in maps, and the programs of these. */
  readonly maps: SocketMaps;
  /** Programs of groups that share a port. */
  readonly groups: ReuseportHook;
  /** The socket behind a pointer that is no record: a struct of the kernel's. */
  resolve: ((pointer: number) => Known | undefined) | undefined;

  constructor(stack: Stack) {
    this.#stack = stack;
    const machine = () => stack.machine;
    this.maps = new SocketMaps(machine, this);
    this.groups = new ReuseportHook(machine, this);
    this.hooks = new SocketHooks(this, () => stack.machine);
  }

  /** socket(2), and bind(2) if the options say where to. Throws KernelError. */
  make(net: NetNamespace, given: SocketOptions): Socket {
    const { address, port } = given;
    const socket = given.type === 'udp' ? new UdpSocket(net, given) : new TcpSocket(net, given);
    try {
      this.hooks.create(socket);
      const place = address === undefined ? {} : { address };
      if (address !== undefined || port !== undefined) socket.bind({ ...place, port: port ?? 0 });
    } catch (error) {
      socket.discard();
      throw error;
    }
    return socket;
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

  /** Sends a frame of a socket: 0, or the errno of programs that do not let it go. */
  transmit(net: NetNamespace, frame: Uint8Array, sender: Socket | undefined): number {
    let result = 0;
    const leaves = (packet: Packet): boolean => {
      result = this.hooks.packets.egress(sender!, packet);
      return result === 0 || result === NET_XMIT_CN;
    };
    const { mark, priority } = sender?.options ?? {};
    const filter = sender && this.hooks.packets.filtersEgress ? { leaves } : {};
    this.#stack.ip.sendMade(net, frame, undefined, '', { mark, priority, ...filter });
    return Math.min(0, result);
  }

  /** Makes a socket one that programs can point to. Throws KernelError ENOMEM. */
  ownerOf(socket: Known): RuntimeOwner {
    let owner = this.#owners.get(socket);
    if (owner) return owner;
    owner = this.#stack.machine.createOwner('socket');
    this.#owners.set(socket, owner);
    this.#byRecord.set(owner.object, socket);
    this.#byNumber.set(owner.number, socket);
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
      socket instanceof RequestSocket ? objectPointer(this.recordOf(socket.listener)) : 0n;
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

  /** The socket with that number among the owners. */
  byNumber(number: number): Known | undefined {
    return this.#byNumber.get(number);
  }

  /** The number of the socket that a pointer of another kind means; 0: of none. */
  numberAt(pointer: number): number {
    const socket = this.resolve?.(pointer);
    return socket ? this.ownerOf(socket).number : 0;
  }

  /** Nobody has it any more: local storage and entries of maps go. */
  forget(socket: Known): void {
    const owner = this.#owners.get(socket);
    if (!owner) return;
    this.#farewells.get(socket)?.();
    this.#farewells.delete(socket);
    this.#owners.delete(socket);
    this.#byRecord.delete(owner.object);
    this.#byNumber.delete(owner.number);
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
