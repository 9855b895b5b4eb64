import { KernelError } from '../../../base/index.ts';
import type { SocketAddress, SocketData } from '../../../kernel/index.ts';
import { kept } from '../../objects/kept.ts';
import { addressText, ipAddress } from '../ip/text.ts';
import { ipFrame, UDP, udpPayload } from '../ip/wire.ts';
import { throwRetval } from '../cgroup/context.ts';
import type { Place } from '../cgroup/hooks.ts';
import { destinationOf, isAny, pathTo, unmapped } from './address.ts';
import { Socket, socketError } from './socket.ts';
import { CLOSE, ESTABLISHED } from './states.ts';
import { joinGroup } from '../reuseport/group.ts';
import { insert, remove } from './table.ts';

/** Datagrams are dropped when so many bytes wait (net.core.rmem_default, without overhead). */
const RECEIVE_BYTES = 212_992;
const LONGEST = 65_507;
const NOTHING: readonly SocketData[] = [];
/** What another socket sent on comes from no address. */
const NOBODY: SocketAddress = { address: '0.0.0.0', port: 0 };

/** A UDP socket (net/ipv4/udp.c, net/ipv6/udp.c). */
export class UdpSocket extends Socket {
  readonly type = 'udp';
  #received: SocketData[] = NOTHING as SocketData[];
  #receivedBytes = 0;
  #closed = false;
  /** bind() chose the port: it stays when the connection goes. */
  #keepsPort = false;
  #keepsAddress = false;

  static readonly kept = kept({
    name: 'udp',
    of: UdpSocket,
    save: (socket: UdpSocket) => ({
      ...socket.parts,
      received: socket.#received,
      receivedBytes: socket.#receivedBytes,
      closed: socket.#closed,
      keepsPort: socket.#keepsPort,
      keepsAddress: socket.#keepsAddress,
    }),
    make: (ask) => new UdpSocket(ask('net'), ask('options')),
    fill(socket, parts) {
      socket.restore(parts);
      if (parts.received.length > 0) socket.#received = parts.received;
      socket.#receivedBytes = parts.receivedBytes;
      socket.#closed = parts.closed;
      socket.#keepsPort = parts.keepsPort;
      socket.#keepsAddress = parts.keepsAddress;
    },
  });

  protected override bound(port: number): void {
    this.#keepsPort = port !== 0;
    this.#keepsAddress = !isAny(this.local);
  }

  protected override unbind(): void {
    this.#unhash();
    this.local = this.any;
    this.localPort = 0;
  }

  override holders(port: number): readonly Socket[] {
    return this.net.sockets.udp.get(port) ?? [];
  }

  protected override hash(): void {
    joinGroup(this, this.holders(this.localPort));
    insert(this.net.sockets.udp, this.localPort, this);
  }

  override get hashed(): boolean {
    return this.localPort !== 0 && !this.#closed;
  }

  override get writable(): boolean {
    return true;
  }

  override sendRaw(data: Uint8Array): number {
    return this.send(data);
  }

  /** The first datagram, for programs. */
  takeUnread(): Uint8Array | undefined {
    const first = this.#received.shift();
    if (first) this.#receivedBytes -= first.data.length;
    return first?.data;
  }

  #unhash(): void {
    this.leaveGroup();
    remove(this.net.sockets.udp, this.localPort, this);
  }

  override connect(to: SocketAddress): this {
    const place = this.redirected('connect', { address: ipAddress(to.address), port: to.port });
    const remote = destinationOf(place.address);
    const { source } = pathTo(this.net, remote);
    this.#autobind();
    if (isAny(this.local)) this.local = source;
    this.remote = remote;
    this.remotePort = place.port;
    this.state = ESTABLISHED;
    return this;
  }

  /** inet_autobind: a port, if it has none. */
  #autobind(): void {
    if (this.localPort === 0) this.bindTo(this.local, this.portFor(this.local, 0));
  }

  override listen(): never {
    throw socketError('EOPNOTSUPP', 'UDP sockets do not listen');
  }

  override accept(): never {
    throw socketError('EOPNOTSUPP', 'UDP sockets accept nothing');
  }

  override send(data: Uint8Array | string, to?: SocketAddress): number {
    if (this.#closed) throw socketError('EPIPE', 'the socket is closed');
    this.throwError();
    this.#autobind();
    if (!to && this.remotePort === 0) throw socketError('EDESTADDRREQ', 'no peer: say where to');
    const body = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    if (body.length > LONGEST) throw socketError('EMSGSIZE', `${body.length} bytes in a datagram`);
    const { address: destination, port, source: given } = this.#target(to);
    const path = pathTo(this.net, destination);
    const source = given && !isAny(given) ? given : path.source;
    if (source.length === 4 && !this.net.isLocal(source)) {
      throw socketError('ENETUNREACH', `${addressText(source)} is no address to send from`);
    }
    const ends = { source, destination };
    const { ip } = this.net.stack;
    const payload = udpPayload(ends, this.localPort, port, body);
    const frame = ipFrame({ ...ends, protocol: UDP, payload, id: ip.nextId(), ...this.service });
    throwRetval(this.net.stack.sockets.transmit(this.net, frame, this), 'the packet');
    return body.length;
  }

  /** Bytes that wait to be received. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Where a datagram goes, and from where: what programs say, if it names an address. */
  #target(to: SocketAddress | undefined): Place {
    const { local: source } = this;
    if (!to) return { address: this.remote, port: this.remotePort, source };
    const address = unmapped(ipAddress(to.address));
    if (to.port === 0) throw socketError('EINVAL', 'there is no port 0');
    const place = this.redirected('sendmsg', { address, port: to.port, source });
    if (address.length === 16 && place.address.length === 4) {
      throw new KernelError('ENOTSUPP', 524, 'a program of the cgroup made it IPv4');
    }
    if (place.port === 0) throw socketError('EINVAL', 'there is no port 0');
    return { ...place, address: destinationOf(place.address) };
  }

  /** A datagram for it (udp_queue_rcv_skb); false: there is no room. */
  deliver(data: Uint8Array, from: SocketAddress): boolean {
    if (this.#receivedBytes + data.length > RECEIVE_BYTES) return false;
    if (this.#received === NOTHING) this.#received = [];
    this.#received.push({ data, from });
    this.#receivedBytes += data.length;
    if (this.psock?.dataReady(false) ?? true) this.onEvent?.('readable');
    return true;
  }

  override receive(): SocketData | undefined {
    this.throwError();
    const redirected = this.psock?.receive();
    if (redirected) return { data: redirected, from: this.remoteAddress ?? NOBODY };
    if (this.#received.length === 0) return undefined;
    const first = this.#received.shift()!;
    this.#receivedBytes -= first.data.length;
    return { data: first.data, from: this.hooks.seen('recvmsg', this, first.from) };
  }

  override shutdown(): void {
    if (this.state !== ESTABLISHED) throw socketError('ENOTCONN', 'the socket is not connected');
  }

  /** An ICMP error about a datagram of its own: only connected sockets hear of it. */
  icmpError(error: string): void {
    if (this.state === ESTABLISHED) this.fail(error);
  }

  override abort(): void {
    this.#disconnect();
    this.fail('ECONNABORTED');
  }

  /** __udp_disconnect: what bind() was not told is forgotten. */
  #disconnect(): void {
    this.state = CLOSE;
    this.remote = this.any;
    this.remotePort = 0;
    if (!this.#keepsAddress) this.local = this.any;
    if (this.#keepsPort) return;
    this.#unhash();
    this.localPort = 0;
  }

  override close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.net.stack.sockets.maps.close(this);
    this.hooks.release(this);
    this.#unhash();
    this.state = CLOSE;
    this.gone();
    this.onEvent?.('closed');
  }
}

/** The sender of a datagram as its receiver sees it. */
export const senderOf = (address: Uint8Array, port: number): SocketAddress => ({
  address: addressText(unmapped(address)),
  port,
});
