import { KernelError } from '../../../base/index.ts';
import type {
  SocketAddress,
  SocketData,
  SocketEvent,
  SocketOptions,
} from '../../../kernel/index.ts';
import type { RuntimeOwner } from '../../../runtime/index.ts';
import { addressText, ipAddress } from '../ip/text.ts';
import { refuse } from '../../errno.ts';
import { Cgroup } from '../../cgroup/cgroup.ts';
import { throwRetval } from '../../cgroup/retval.ts';
import type { AddressCall, Place, SocketHooks } from '../cgroup/hooks.ts';
import type { NetNamespace } from '../namespace.ts';
import { ANY4, ANY6, isAny, unmapped } from './address.ts';
import { freePort, mayBind } from './ports.ts';
import { CLOSE } from './states.ts';
import type { TimeWaitSocket } from './time-wait.ts';
import type { ReuseportGroup } from '../reuseport/group.ts';
import type { Psock } from '../sockmap/psock.ts';
import type { MachineProgram } from '../../program.ts';

const NUMBERS: Readonly<Record<string, number>> = {
  EPIPE: 32,
  EDESTADDRREQ: 89,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  EISCONN: 106,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  EALREADY: 114,
  ENETUNREACH: 101,
  EINVAL: 22,
  EPERM: 1,
  EAGAIN: 11,
  EACCES: 13,
  EPROTO: 71,
};

export const socketError = (errno: string, text: string): KernelError =>
  new KernelError(errno, NUMBERS[errno]!, text);

/** What is kept of a socket of any kind. */
export interface SocketParts {
  readonly net: NetNamespace;
  readonly options: SocketOptions;
  readonly family: 4 | 6;
  readonly local: Uint8Array;
  readonly localPort: number;
  readonly remote: Uint8Array;
  readonly remotePort: number;
  readonly error: string | undefined;
  readonly state: number;
  readonly settings: Map<number, number> | undefined;
  readonly inCgroup: boolean;
}

/** Options that make a socket of that family which is bound to nothing. */
function unbound({ address: _address, port: _port, ...options }: SocketOptions, family: 4 | 6) {
  return { ...options, family };
}

/** IP_TTL and IP_TOS. */
interface Service {
  readonly ttl: number;
  readonly tos: number;
}

export const PLAIN_SERVICE: Service = { ttl: 64, tos: 0 };

/** Options as they are now: setsockopt(2) and programs change them. */
export interface LiveOptions extends SocketOptions {
  /** sk_bound_dev_if: shown to programs, routes do not look at it. */
  readonly boundDevice?: number;
}

/** What UDP and TCP sockets have in common (struct sock, struct inet_sock). */
export abstract class Socket {
  abstract readonly type: 'udp' | 'tcp';
  readonly net: NetNamespace;
  readonly family: 4 | 6;
  options: LiveOptions;
  /** Whose programs its calls and packets meet (sk_cgrp_data). */
  readonly cgroup: Cgroup;
  /** Four bytes if the other side is IPv4, also in a socket of IPv6. */
  local: Uint8Array;
  localPort = 0;
  remote: Uint8Array;
  remotePort = 0;
  #state = CLOSE;
  onEvent: ((event: SocketEvent) => void) | undefined;
  /** While it is in maps of sockets. */
  psock: Psock | undefined;
  /** With SO_REUSEPORT, while it takes packets: those it shares them with. */
  group: ReuseportGroup | undefined;
  /** Address of the array of such sockets that it is in. */
  array: number | undefined;
  /** SO_ATTACH_BPF: what it gets of a packet is what this program says. */
  filter: MachineProgram | undefined;
  /** SO_ERROR. */
  protected error: string | undefined;
  /** Options that mean nothing here but what was set, by level and name. */
  #kept: Map<number, number> | undefined;
  #inCgroup = true;

  constructor(net: NetNamespace, options: SocketOptions) {
    const bound = options.address === undefined ? undefined : ipAddress(options.address);
    this.net = net;
    this.options = options;
    const { cgroups } = net.stack.machine;
    const { cgroup } = options;
    if (cgroup instanceof Cgroup) this.cgroup = cgroup;
    else this.cgroup = typeof cgroup === 'string' ? cgroups.make(cgroup) : cgroups.current;
    this.cgroup.addSocket();
    this.family = options.family ?? (bound?.length === 16 ? 6 : 4);
    this.local = this.any;
    this.remote = this.any;
  }

  get any(): Uint8Array {
    return this.family === 4 ? ANY4 : ANY6;
  }

  /** A number of tcp_states.h. */
  get state(): number {
    return this.#state;
  }

  /** What every kind of socket has, for a file. */
  protected get parts(): SocketParts {
    if (this.psock || this.array !== undefined)
      refuse('EOPNOTSUPP', 'no file holds sockets in maps');
    if (this.group) refuse('EOPNOTSUPP', 'no file holds sockets that share a port');
    if (this.filter) refuse('EOPNOTSUPP', 'no file holds sockets with filters');
    const { net, family, local, localPort, remote, remotePort, error } = this;
    const state = this.#state;
    const options = { ...unbound(this.options, family), cgroup: this.cgroup };
    const more = { settings: this.#kept, inCgroup: this.#inCgroup };
    return { net, options, family, local, localPort, remote, remotePort, error, state, ...more };
  }

  protected restore(parts: SocketParts): void {
    this.local = parts.local;
    this.localPort = parts.localPort;
    this.remote = parts.remote;
    this.remotePort = parts.remotePort;
    this.error = parts.error;
    this.#state = parts.state;
    this.#kept = parts.settings;
    if (!parts.inCgroup) this.cgroup.removeSocket();
    this.#inCgroup = parts.inCgroup;
  }

  set state(state: number) {
    this.#state = state;
    this.net.stack.sockets.changed(this);
  }

  /** Made when somebody asks: most sockets are never seen by a program. */
  get owner(): RuntimeOwner {
    return this.net.stack.sockets.ownerOf(this);
  }

  get localAddress(): SocketAddress {
    return { address: addressText(this.local), port: this.localPort };
  }

  get remoteAddress(): SocketAddress | undefined {
    if (this.remotePort === 0) return undefined;
    return { address: addressText(this.remote), port: this.remotePort };
  }

  /** Whether packets with addresses of so many bytes can be for it. */
  takes(size: number): boolean {
    return size === 4 ? this.family === 4 || !this.options.v6only : this.family === 6;
  }

  protected get hooks(): SocketHooks {
    return this.net.stack.sockets.hooks;
  }

  /** What programs of the cgroup make of an address. Throws KernelError: what they say. */
  protected redirected(call: AddressCall, place: Place): Place {
    return this.hooks.address(call, this, place);
  }

  bind({ address, port = 0 }: Partial<SocketAddress>): this {
    const given = address === undefined ? this.any : ipAddress(address);
    if ((given.length === 4) !== (this.family === 4)) {
      throw socketError('EINVAL', `a socket of IPv${this.family} cannot bind to ${address}`);
    }
    const place = this.redirected('bind', { address: given, port });
    this.bindLocal(unmapped(place.address), place.port);
    const no = this.hooks.postBind(this);
    if (no !== 0) {
      this.unbind();
      throwRetval(no, 'bind');
    }
    return this;
  }

  /** __inet_bind. Throws KernelError EADDRNOTAVAIL, EINVAL, EADDRINUSE. */
  protected bindLocal(local: Uint8Array, port: number): void {
    if (!isAny(local) && !this.net.isLocal(local)) {
      throw socketError('EADDRNOTAVAIL', `${addressText(local)} is no address of this namespace`);
    }
    if (this.localPort !== 0) throw socketError('EINVAL', 'the socket is bound already');
    this.net.configured = true;
    this.bindTo(local, this.portFor(local, port));
    this.bound(port);
  }

  /** bpf_bind: without a port only the address, the port comes with the connection. */
  bindByProgram(address: Uint8Array, port: number): void {
    if (port !== 0) return this.bindLocal(unmapped(address), port);
    const local = unmapped(address);
    if (!isAny(local) && !this.net.isLocal(local)) {
      throw socketError('EADDRNOTAVAIL', `${addressText(local)} is no address of this namespace`);
    }
    if (this.localPort !== 0) throw socketError('EINVAL', 'the socket is bound already');
    this.local = local;
  }

  /** What IP headers of its packets say. */
  get service(): Service {
    if (!this.#kept) return PLAIN_SERVICE;
    return { ttl: this.keptOption(0, 2) ?? PLAIN_SERVICE.ttl, tos: this.keptOption(0, 1) ?? 0 };
  }

  /** Of an option that is only kept: undefined while nobody has set it. */
  keptOption(level: number, name: number): number | undefined {
    return this.#kept?.get(level * 0x1_0000 + name);
  }

  keepOption(level: number, name: number, value: number): void {
    this.#kept ??= new Map();
    this.#kept.set(level * 0x1_0000 + name, value);
  }

  /** A connection has its listener's options. */
  protected inheritOptions(from: Socket): void {
    this.#kept = from.#kept && new Map(from.#kept);
  }

  /** bind(2) has given it a place; `port`: what it was asked for, 0 for any. */
  protected abstract bound(port: number): void;
  /** The place is given up again. */
  protected abstract unbind(): void;

  protected portFor(local: Uint8Array, port: number): number {
    if (port === 0) {
      const found = freePort(this, local);
      if (found === undefined) throw socketError('EADDRINUSE', 'no port is free');
      return found;
    }
    if (mayBind(this, local, port)) return port;
    throw socketError('EADDRINUSE', `port ${port} is in use`);
  }

  protected bindTo(local: Uint8Array, port: number): void {
    this.local = local;
    this.localPort = port;
    this.hash();
  }

  /** Who has a port now. */
  abstract holders(port: number): Iterable<Socket | TimeWaitSocket>;
  /** It takes packets: programs and groups may have it (sk_hashed). */
  abstract get hashed(): boolean;
  /** There is room for more to be sent (sock_writeable). */
  abstract get writable(): boolean;
  /** Sends past programs. Returns the bytes taken. Throws KernelError. */
  abstract sendRaw(data: Uint8Array): number;
  /** Goes into the table by its local port. */
  protected abstract hash(): void;
  abstract connect(to: SocketAddress): this;
  abstract listen(backlog?: number): this;
  abstract accept(): Socket | undefined;
  abstract send(data: Uint8Array | string, to?: SocketAddress): number;
  abstract receive(): SocketData | undefined;
  /** After all that connect() led to: throws what went wrong. */
  connected?(): void;
  abstract shutdown(): void;
  abstract close(): void;
  /** Ends it from outside (bpf_sock_destroy): its user gets ECONNABORTED. */
  abstract abort(): void;

  takeError(): string | undefined {
    const { error } = this;
    this.error = undefined;
    return error;
  }

  /** What waits as SO_ERROR is thrown by the next call. */
  protected throwError(): void {
    const error = this.takeError();
    if (error !== undefined) throw socketError(error, `the socket has an error: ${error}`);
  }

  fail(error: string): void {
    this.error = error;
    this.onEvent?.('error');
  }

  /** It takes no packets any more (reuseport_detach_sock). */
  protected leaveGroup(): void {
    if (this.array !== undefined) this.net.stack.sockets.maps.leaveArray(this);
    this.group?.remove(this);
  }

  /** SO_ATTACH_BPF, or SO_DETACH_FILTER. */
  setFilter(program: MachineProgram | undefined): void {
    const old = this.filter;
    this.filter = program?.hold();
    old?.drop();
  }

  /** It was never its user's. */
  discard(): void {
    this.gone();
  }

  /** Nobody has it any more: local storage and map entries go. */
  protected gone(): void {
    this.setFilter(undefined);
    this.leaveGroup();
    if (this.#inCgroup) this.cgroup.removeSocket();
    this.#inCgroup = false;
    this.net.stack.sockets.forget(this);
  }
}
