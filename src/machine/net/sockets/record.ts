/** A socket as programs see it: struct bpf_sock and struct bpf_tcp_sock (layout.ts, SOCKET_*). */
import { familyNumber, PROTOCOLS, writeAddress } from './ends.ts';
import { fieldOffsets } from '../../../abi/index.ts';
import type { Runtime } from '../../../runtime/index.ts';
import {
  SOCKET_CGROUP,
  SOCKET_LISTENER,
  SOCKET_NETNS_COOKIE,
  SOCKET_SIZE,
  SOCKET_TCP,
} from '../../../runtime/layout.ts';
import { Socket } from './socket.ts';
import type { Known } from './layer.ts';
import { type Streams, TcpSocket } from './tcp.ts';

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;

const SOCK = fieldOffsets('bpf_sock');
const TCP_SOCK = fieldOffsets('bpf_tcp_sock');

/** Writes what is true of the socket now. `listener`: pointer to a request's listener. */
export function writeRecord(
  runtime: Runtime,
  at: number,
  socket: Known,
  ifindex: number,
  listener = 0n,
): void {
  runtime.u8().fill(0, at, at + SOCKET_SIZE);
  const view = runtime.view();
  const put = (field: string, value: number) => view.setUint32(at + SOCK[field]!, value, true);
  const tcp = !(socket instanceof Socket) || socket.type === 'tcp';
  put('bound_dev_if', ifindex);
  put('family', familyNumber(socket.family));
  put('type', tcp ? SOCK_STREAM : SOCK_DGRAM);
  put('protocol', PROTOCOLS[tcp ? 'tcp' : 'udp']);
  if (socket instanceof Socket) {
    put('bound_dev_if', socket.options.boundDevice ?? ifindex);
    put('mark', socket.options.mark ?? 0);
    view.setUint32(at + SOCKET_CGROUP, socket.cgroup.number, true);
    put('priority', socket.options.priority ?? 0);
  }
  const bytes = runtime.u8();
  writeAddress(bytes, at + SOCK['src_ip4']!, at + SOCK['src_ip6']!, socket.family, socket.local);
  writeAddress(bytes, at + SOCK['dst_ip4']!, at + SOCK['dst_ip6']!, socket.family, socket.remote);
  put('src_port', socket.localPort);
  view.setUint16(at + SOCK['dst_port']!, socket.remotePort);
  put('state', socket.state);
  put('rx_queue_mapping', 0xffff_ffff);
  if (socket instanceof TcpSocket && socket.streams) {
    writeTcp(view, at + SOCKET_TCP, socket.streams);
  }
  view.setBigUint64(at + SOCKET_LISTENER, listener, true);
  view.setBigUint64(at + SOCKET_NETNS_COOKIE, BigInt(socket.net.cookie), true);
}

/** What there is of tcp_sock here: nothing of congestion control or round trips. */
function writeTcp(view: DataView, at: number, streams: Streams): void {
  const put = (field: string, value: number) => view.setUint32(at + TCP_SOCK[field]!, value, true);
  put('rcv_nxt', streams.expected);
  put('snd_nxt', streams.next);
  put('snd_una', streams.una);
  put('mss_cache', streams.mss);
  put('packets_out', streams.sent.length);
  put('icsk_retransmits', streams.retries);
  view.setBigUint64(at + TCP_SOCK['bytes_received']!, BigInt(streams.bytesReceived), true);
  view.setBigUint64(at + TCP_SOCK['bytes_acked']!, BigInt(streams.bytesAcked), true);
}
