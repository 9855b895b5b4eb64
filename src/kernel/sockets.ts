/** The contract of sockets: UDP and TCP as user space has them. Types only. */
import type { KernelCgroup } from './cgroup.ts';
import type { KernelOwner, KernelProgram } from './types.ts';

/** Words of the TCP states (include/net/tcp_states.h). UDP: close, or established if connected. */
export type SocketState =
  | 'established'
  | 'syn_sent'
  | 'syn_recv'
  | 'fin_wait1'
  | 'fin_wait2'
  | 'time_wait'
  | 'close'
  | 'close_wait'
  | 'last_ack'
  | 'listen'
  | 'closing'
  | 'new_syn_recv';

export interface SocketAddress {
  /** IPv4 or IPv6 text; '0.0.0.0' and '::' are any. */
  readonly address: string;
  readonly port: number;
}

/** What socket(2), setsockopt(2) and bind(2) would say. */
export interface SocketOptions {
  readonly type: 'udp' | 'tcp';
  /** Binds to this address at once; says the family too. */
  readonly address?: string;
  /** Binds to this port at once; 0 or nothing: one is found when it is needed. */
  readonly port?: number;
  /** Default: that of `address`, else 4. A socket of 6 takes IPv4 too unless `v6only`. */
  readonly family?: 4 | 6;
  readonly v6only?: boolean;
  /** SO_REUSEADDR. */
  readonly reuseAddress?: boolean;
  /** SO_REUSEPORT: several sockets share an address, packets are spread over them. */
  readonly reusePort?: boolean;
  /** SO_MARK, SO_PRIORITY. */
  readonly mark?: number;
  readonly priority?: number;
  /** Who made it. Default 0. */
  readonly uid?: number;
  /** The cgroup it belongs to, or its path. Default: that of who makes it (`KernelCgroup.run`). */
  readonly cgroup?: KernelCgroup | string;
}

/** What came in: of UDP one datagram, of TCP what there is of the stream. */
export interface SocketData {
  readonly data: Uint8Array;
  readonly from: SocketAddress;
}

export type SocketEvent = 'readable' | 'connected' | 'accept' | 'closed' | 'error';

/** A group of sockets with SO_REUSEPORT. */
export interface SocketGroup {
  /** Cookies of those that take packets, in the order in which the hash and programs count them. */
  readonly members: readonly number[];
  readonly program: KernelProgram | undefined;
  /**
   * SO_ATTACH_REUSEPORT_EBPF: a program of type sk_reuseport or socket_filter chooses who of the
   * group gets a packet; it replaces another one. Throws KernelError EINVAL: such a program is of
   * no use here, or the socket shares no port.
   *
   * @example
   * first.reuseport.attach(programs.choose);
   */
  attach(program: KernelProgram | { readonly kernelProgram: KernelProgram }): void;
  /** SO_DETACH_REUSEPORT_BPF. Throws KernelError ENOENT, EINVAL. */
  detach(): void;
}

/**
 * A socket that never blocks. What a call causes happens before it returns, as far as it needs no
 * time: connect() to a peer that answers is established when it returns.
 */
export interface KernelSocket extends Disposable {
  readonly type: 'udp' | 'tcp';
  /** Name of its network namespace. */
  readonly namespace: string;
  readonly state: SocketState;
  readonly local: SocketAddress;
  /** Undefined while it is not connected. */
  readonly remote: SocketAddress | undefined;
  /** SO_COOKIE; also what programs call it. */
  readonly cookie: number;
  /** The cgroup whose programs its calls and packets meet. */
  readonly cgroup: KernelCgroup;
  /** What maps of sockets and local storage take. */
  readonly owner: KernelOwner;
  /** Programs of the group that shares its port (SO_REUSEPORT). */
  readonly reuseport: SocketGroup;
  /**
   * SO_ATTACH_BPF: a socket_filter program says how many bytes of a packet it gets. Throws
   * KernelError EINVAL for programs of another type. Undefined: SO_DETACH_FILTER.
   */
  filter: KernelProgram | undefined;
  /** Told of what happens. */
  onEvent: ((event: SocketEvent) => void) | undefined;
  /** Throws KernelError EADDRINUSE, EADDRNOTAVAIL, EINVAL (it is bound). */
  bind(to: Partial<SocketAddress>): this;
  /** Throws KernelError ECONNREFUSED, ENETUNREACH, EISCONN, EADDRNOTAVAIL. */
  connect(to: SocketAddress): this;
  /** TCP. Throws KernelError EADDRINUSE, EINVAL, EOPNOTSUPP. Default backlog 128. */
  listen(backlog?: number): this;
  /** The next connection of a listener, or undefined. */
  accept(): KernelSocket | undefined;
  /**
   * Sends text or bytes; UDP also to an address. Throws KernelError EPIPE, ENOTCONN, EDESTADDRREQ,
   * EMSGSIZE, and what an earlier packet brought back (ECONNREFUSED). Returns the bytes taken.
   */
  send(data: Uint8Array | string, to?: SocketAddress): number;
  /** What has come, or undefined if nothing is there now; empty data: the peer sends no more. */
  receive(): SocketData | undefined;
  /**
   * setsockopt(2): a number is an int, a text a string. Throws KernelError ENOPROTOOPT for options
   * that sockets here have not got, EINVAL, and what programs of the cgroup say.
   */
  setOption(level: number, name: number, value: number | string | Uint8Array): void;
  /** getsockopt(2) with room for `size` bytes (default 4). Throws KernelError as setOption does. */
  getOption(level: number, name: number, size?: number): Uint8Array;
  /** SO_ERROR: the word of the errno that waits, which is then forgotten. */
  takeError(): string | undefined;
  /** TCP: sends no more (SHUT_WR). */
  shutdown(): void;
  close(): void;
}
