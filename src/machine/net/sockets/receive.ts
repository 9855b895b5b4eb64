/** Packets that came for a namespace find their sockets. */
import { type IpHeader, ICMP, ICMPV6, TCP, u16, UDP } from '../ip/wire.ts';
import type { NetNamespace } from '../namespace.ts';
import type { Arrived } from '../reuseport/select.ts';
import { runFilter } from '../sockmap/skb.ts';
import type { Packet } from '../stack/packet.ts';
import { ETHERNET_HEADER } from '../packets.ts';
import type { Tuple } from './address.ts';
import { lookupListener, lookupTcp, lookupUdp } from './lookup.ts';
import { RequestSocket } from './request.ts';
import type { Socket } from './socket.ts';
import { ACK, FIN, readSegment, RST, type Segment, SYN } from './segment.ts';
import type { TcpSocket } from './tcp.ts';
import { TcpSocket as Tcp } from './tcp.ts';
import { TimeWaitSocket } from './time-wait.ts';
import { senderOf, UdpSocket } from './udp.ts';

const UDP_HEADER = 8;

/** What became of a packet: no socket wanted it, one took it, or its programs did not let it in. */
export type Received = boolean | 'filtered';

export function receiveBySocket(packet: Packet, header: IpHeader): Received {
  const { net } = packet.device;
  switch (header.protocol) {
    case UDP:
      return receiveUdp(net, packet, header);
    case TCP:
      return receiveTcp(net, packet, header);
    case ICMP:
    case ICMPV6:
      receiveError(net, packet.data, header);
      return false;
    default:
      return false;
  }
}

function tupleOf({ data }: Packet, { payload, source, destination }: IpHeader): Tuple {
  const remotePort = u16(data, payload);
  const localPort = u16(data, payload + 2);
  return { local: destination, localPort, remote: source, remotePort };
}

/** sk_filter: what programs of the socket's cgroup say of the packet. */
const passes = (socket: Socket, packet: Packet): boolean =>
  socket.net.stack.sockets.hooks.packets.ingress(socket, packet);

function receiveUdp(net: NetNamespace, packet: Packet, header: IpHeader): Received {
  const tuple = tupleOf(packet, header);
  const arrived = arrivedAt(packet, header, UDP_HEADER);
  const socket = packet.socket ?? lookupUdp(net, tuple, packet.ingressIfindex, arrived);
  if (!(socket instanceof UdpSocket)) return false;
  if (!passes(socket, packet)) return 'filtered';
  const { data } = packet;
  const end = header.payload + u16(data, header.payload + 4);
  const wanted = socket.filter ? wantedOf(socket, data.subarray(header.payload, end)) : undefined;
  if (wanted === 0) return true;
  const last = wanted === undefined ? end : Math.min(end, header.payload + wanted);
  const from = senderOf(header.source, tuple.remotePort);
  socket.deliver(data.slice(header.payload + UDP_HEADER, last), from);
  return true;
}

/** sk_filter_trim_cap: how many bytes a socket's filter wants, the header at least; 0: none. */
function wantedOf(socket: UdpSocket, datagram: Uint8Array): number {
  const wanted = runFilter(socket.filter!, socket, datagram) >>> 0;
  return wanted === 0 ? 0 : Math.max(wanted, UDP_HEADER);
}

function arrivedAt({ data }: Packet, header: IpHeader, size: number): Arrived {
  const { payload: transport, end } = header;
  return { data, network: ETHERNET_HEADER, transport, payload: transport + size, end };
}

function receiveTcp(net: NetNamespace, packet: Packet, header: IpHeader): Received {
  const segment = readSegment(packet.data, header);
  if (!segment) return false;
  const tuple = tupleOf(packet, header);
  const arrived = arrivedAt(packet, header, (packet.data[header.payload + 12]! >> 4) * 4);
  const found = packet.socket ?? lookupTcp(net, tuple, packet.ingressIfindex, arrived);
  if (found instanceof RequestSocket) {
    if (!passes(found.listener, packet)) return 'filtered';
    found.receive(segment, arrived);
    return true;
  }
  if (found instanceof TimeWaitSocket) {
    if (found.receive(segment) !== 'syn') return true;
    const listener = lookupListener(net, tuple, packet.ingressIfindex, arrived);
    if (listener && !passes(listener, packet)) return 'filtered';
    return toListener(listener, tuple, segment);
  }
  if (!(found instanceof Tcp)) return false;
  if (!passes(found, packet)) return 'filtered';
  if (found.streams) {
    found.segment(segment);
    return true;
  }
  return toListener(found, tuple, segment);
}

/** tcp_rcv_state_process for LISTEN: only a SYN begins something. */
function toListener(found: TcpSocket | undefined, tuple: Tuple, segment: Segment): boolean {
  if (!found || segment.flags & ACK) return false;
  if (segment.flags & (RST | FIN) || !(segment.flags & SYN)) return true;
  // A full queue answers nothing: the peer asks again.
  if (!found.backlogFull) RequestSocket.begin(found, tuple, segment);
  return true;
}

/** What ICMP's unreachable codes are to sockets (icmp_err_convert, icmpv6_err_convert). */
const UNREACHABLE4: readonly string[] = [
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENOPROTOOPT',
  'ECONNREFUSED',
];
const UNREACHABLE6: Readonly<Record<number, string>> = {
  0: 'ENETUNREACH',
  1: 'EACCES',
  2: 'EHOSTUNREACH',
  3: 'EHOSTUNREACH',
  4: 'ECONNREFUSED',
};

/** An ICMP error: it quotes the packet that somebody here sent. */
function receiveError(net: NetNamespace, data: Uint8Array, header: IpHeader): void {
  const { payload: at, version, end } = header;
  const v4 = version === 4;
  if (data[at] !== (v4 ? 3 : 1)) return;
  const code = data[at + 1]!;
  const error = v4 ? UNREACHABLE4[code] : UNREACHABLE6[code];
  const inner = at + 8;
  const size = v4 ? (data[inner]! & 15) * 4 : 40;
  const ports = inner + size;
  if (error === undefined || ports + 4 > end) return;
  const length = v4 ? 4 : 16;
  const first = inner + (v4 ? 12 : 8);
  const tuple: Tuple = {
    local: data.slice(first, first + length),
    remote: data.slice(first + length, first + 2 * length),
    localPort: u16(data, ports),
    remotePort: u16(data, ports + 2),
  };
  const protocol = data[inner + (v4 ? 9 : 6)];
  if (protocol === UDP) lookupUdp(net, tuple)?.icmpError(error);
  const connection = protocol === TCP ? net.sockets.connection(tuple) : undefined;
  if (connection instanceof Tcp) connection.icmpError(error);
}
