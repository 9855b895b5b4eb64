import type { SocketAddress, SocketData, SocketOptions } from '../../../kernel/index.ts';
import { kept } from '../../objects/kept.ts';
import { addressText, ipAddress } from '../ip/text.ts';
import { ipFrame, UDP, udpPayload } from '../ip/wire.ts';
import type { NetNamespace } from '../namespace.ts';
import { destinationOf, isAny, pathTo, unmapped } from './address.ts';
import { Socket, socketError } from './socket.ts';
import { CLOSE, ESTABLISHED } from './states.ts';
import { insert, remove } from './table.ts';

/** Datagrams are dropped when so many bytes wait (net.core.rmem_default, without overhead). */
const RECEIVE_BYTES = 212_992;
const LONGEST = 65_507;
const TTL = 64;
const NOTHING: readonly SocketData[] = [];

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

  constructor(net: NetNamespace, options: SocketOptions) {
    super(net, options);
    const { address, port } = options;
    if (address === undefined && port === undefined) return;
    this.bind({ ...(address === undefined ? {} : { address }), port: port ?? 0 });
  }

  override bind(to: Partial<SocketAddress>): this {
    super.bind(to);
    this.#keepsPort = (to.port ?? 0) !== 0;
    this.#keepsAddress = !isAny(this.local);
    return this;
  }

  override holders(port: number): readonly Socket[] {
    return this.net.sockets.udp.get(port) ?? [];
  }

  protected override hash(): void {
    insert(this.net.sockets.udp, this.localPort, this);
  }

  #unhash(): void {
    remove(this.net.sockets.udp, this.localPort, this);
  }

  override connect(to: SocketAddress): this {
    const remote = destinationOf(ipAddress(to.address));
    const { source } = pathTo(this.net, remote);
    if (this.localPort === 0) this.bindTo(this.any, this.portFor(this.any, 0));
    if (isAny(this.local)) this.local = source;
    this.remote = remote;
    this.remotePort = to.port;
    this.state = ESTABLISHED;
    return this;
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
    if (!to && this.remotePort === 0) throw socketError('EDESTADDRREQ', 'no peer: say where to');
    const body = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    if (body.length > LONGEST) throw socketError('EMSGSIZE', `${body.length} bytes in a datagram`);
    const destination = to ? destinationOf(ipAddress(to.address)) : this.remote;
    const path = pathTo(this.net, destination);
    const source = isAny(this.local) ? path.source : this.local;
    if (this.localPort === 0) this.bindTo(this.any, this.portFor(this.any, 0));
    const ends = { source, destination };
    const { ip } = this.net.stack;
    const payload = udpPayload(ends, this.localPort, to?.port ?? this.remotePort, body);
    const frame = ipFrame({ ...ends, protocol: UDP, ttl: TTL, payload, id: ip.nextId() });
    this.net.stack.sockets.transmit(this.net, frame, this.options);
    return body.length;
  }

  /** Bytes that wait to be received. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** A datagram for it (udp_queue_rcv_skb); false: there is no room. */
  deliver(data: Uint8Array, from: SocketAddress): boolean {
    if (this.#receivedBytes + data.length > RECEIVE_BYTES) return false;
    if (this.#received === NOTHING) this.#received = [];
    this.#received.push({ data, from });
    this.#receivedBytes += data.length;
    this.onEvent?.('readable');
    return true;
  }

  override receive(): SocketData | undefined {
    this.throwError();
    if (this.#received.length === 0) return undefined;
    const first = this.#received.shift()!;
    this.#receivedBytes -= first.data.length;
    return first;
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
