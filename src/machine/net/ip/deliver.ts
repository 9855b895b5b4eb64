import { foldChecksum, sumWords } from '../../../packet/index.ts';
import type { Datagram } from '../../../kernel/index.ts';
import { receiveBySocket } from '../sockets/receive.ts';
import type { Packet } from '../stack/packet.ts';
import type { IpLayer } from './layer.ts';
import { Reassembly } from './reassembly.ts';
import { addressText } from './text.ts';
import {
  ICMP,
  ICMPV6,
  type IpHeader,
  ipFrame,
  pseudoSum,
  put16,
  readIp,
  sealTransport,
  TCP,
  u16,
  UDP,
  udpPayload,
} from './wire.ts';

const TTL = 64;
const UDP_HEADER = 8;
const TCP_HEADER = 20;
const RST = 4;
const ACK = 16;
const SYN_FIN = 3;

/** A packet for this namespace (ip_local_deliver). */
export function deliver(ip: IpLayer, packet: Packet, header: IpHeader): void {
  if (!header.fragment) return deliverWhole(ip, packet, header);
  const { net } = packet.device;
  const whole = Reassembly.of(net, ip.stack).add(packet, header);
  if (!whole) return;
  packet.data = whole;
  packet.owned = true;
  const found = readIp(whole);
  if (typeof found !== 'string') deliverWhole(ip, packet, found);
}

function deliverWhole(ip: IpLayer, packet: Packet, header: IpHeader): void {
  const { protocol } = header;
  const { device } = packet;
  const { netfilter } = device.net;
  if (netfilter && !netfilter.pass('input', packet, device, undefined)) return;
  const bad = badTransport(packet.data, header);
  if (bad) return ip.stack.drop(packet, bad);
  packet.owned = false;
  if (protocol === UDP && takenInKernel(ip, packet, header)) return;
  const datagram = new Delivered(packet, header);
  const bySocket = receiveBySocket(packet, header);
  if (bySocket === 'filtered') return ip.stack.drop(packet, 'SOCKET_FILTER');
  const { answers, taken } = packet.device.net.receivers.deliver(datagram);
  const echoed = isIcmp(protocol) && ip.icmp.echo(packet, header);
  if (bySocket || taken || echoed || isIcmp(protocol)) {
    sayDelivered(ip, packet, datagram);
    for (const answer of answers) reply(ip, packet, header, answer);
    return;
  }
  refuse(ip, packet, header);
}

/** Ports of the kernel's own: what comes there is for nobody else (udp_queue_rcv_one_skb). */
function takenInKernel({ stack }: IpLayer, packet: Packet, header: IpHeader): boolean {
  const port = u16(packet.data, header.payload + 2);
  const taker = packet.device.net.udpTakers.get(port);
  if (!taker) return false;
  if (packet.trail) {
    const to = `udp ${addressText(header.destination)} port ${port} (kernel)`;
    stack.tracer.add(packet, { kind: 'deliver', to });
  }
  if (!taker(packet, header.destination)) {
    stack.drop(packet, 'NOT_SPECIFIED', `${packet.device.path} has no RDMA device`);
  }
  return true;
}

const isIcmp = (protocol: number) => protocol === ICMP || protocol === ICMPV6;

function sayDelivered({ stack }: IpLayer, packet: Packet, datagram: Datagram): void {
  if (!packet.trail) return;
  const { protocol, to, destinationPort } = datagram;
  const port = destinationPort === 0 ? '' : ` port ${destinationPort}`;
  stack.tracer.add(packet, { kind: 'deliver', to: `${protocol} ${to}${port}` });
}

/** Nobody here wants it: the sender is told, as for a port without a socket. */
function refuse(ip: IpLayer, packet: Packet, header: IpHeader): void {
  switch (header.protocol) {
    case UDP:
      ip.icmp.portUnreachable(packet, header);
      return ip.stack.drop(packet, 'NO_SOCKET');
    case TCP:
      reset(ip, packet, header);
      return ip.stack.drop(packet, 'NO_SOCKET');
    default:
      ip.icmp.protocolUnreachable(packet, header);
      return ip.stack.drop(packet, 'IP_NOPROTO');
  }
}

/** The drop reason of a transport header that is wrong. */
function badTransport(data: Uint8Array, header: IpHeader): string | undefined {
  const { protocol, payload, end, version } = header;
  const size = end - payload;
  const pseudo = pseudoSum(header, protocol + size);
  switch (protocol) {
    case UDP: {
      if (size < UDP_HEADER || u16(data, payload + 4) > size) return 'PKT_TOO_SMALL';
      const none = u16(data, payload + 6) === 0 && version === 4;
      const length = u16(data, payload + 4);
      const sum = pseudoSum(header, protocol + length);
      return none || foldChecksum(sumWords(data, payload, payload + length, sum)) === 0
        ? undefined
        : 'UDP_CSUM';
    }
    case TCP:
      if (size < TCP_HEADER) return 'PKT_TOO_SMALL';
      return foldChecksum(sumWords(data, payload, end, pseudo)) === 0 ? undefined : 'TCP_CSUM';
    case ICMP:
      return foldChecksum(sumWords(data, payload, end)) === 0 ? undefined : 'ICMP_CSUM';
    case ICMPV6:
      return foldChecksum(sumWords(data, payload, end, pseudo)) === 0 ? undefined : 'ICMP_CSUM';
    default:
      return undefined;
  }
}

const WORDS: Readonly<Record<number, Datagram['protocol']>> = {
  [UDP]: 'udp',
  [TCP]: 'tcp',
  [ICMP]: 'icmp',
  [ICMPV6]: 'icmp',
};

/** Made for every packet, so only what is asked for is made into words. */
class Delivered implements Datagram {
  readonly protocol: Datagram['protocol'];
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly packet: Uint8Array;
  readonly mark: number;
  readonly #header: IpHeader;

  constructor({ data, mark }: Packet, header: IpHeader) {
    const { protocol, payload } = header;
    const ports = protocol === UDP || protocol === TCP;
    this.protocol = WORDS[protocol] ?? `${protocol}`;
    this.sourcePort = ports ? u16(data, payload) : 0;
    this.destinationPort = ports ? u16(data, payload + 2) : 0;
    this.packet = data;
    this.mark = mark;
    this.#header = header;
  }

  get from(): string {
    return addressText(this.#header.source);
  }

  get to(): string {
    return addressText(this.#header.destination);
  }

  get payload(): Uint8Array {
    const { protocol, payload, end } = this.#header;
    if (protocol !== UDP) return this.packet.subarray(payload, end);
    const last = payload + u16(this.packet, payload + 4);
    return this.packet.subarray(payload + UDP_HEADER, last);
  }
}

/** A listener's answer goes back to the sender's port. */
function reply(ip: IpLayer, packet: Packet, header: IpHeader, answer: Uint8Array | string): void {
  const { protocol, payload } = header;
  const { net } = packet.device;
  const source = net.isLocal(header.destination)
    ? header.destination.slice()
    : net.sourceFor(packet.device, header.destination.length);
  if (protocol !== UDP || !source) return;
  const body = typeof answer === 'string' ? new TextEncoder().encode(answer) : answer;
  const ends = { source, destination: header.source.slice() };
  const { data } = packet;
  const datagram = udpPayload(ends, u16(data, payload + 2), u16(data, payload), body);
  const id = ip.nextId();
  const frame = ipFrame({ ...ends, protocol, ttl: TTL, payload: datagram, id });
  ip.sendMade(net, frame, packet, 'answer of the listener');
}

/** tcp_v4_send_reset: there is no such connection. */
function reset(ip: IpLayer, packet: Packet, header: IpHeader): void {
  const { data } = packet;
  const { payload, end } = header;
  const flags = data[payload + 13]!;
  if (flags & RST) return;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const size = end - payload - (data[payload + 12]! >> 4) * 4;
  const consumed = size + ((flags & 1) + ((flags & SYN_FIN) >> 1));
  const segment = new Uint8Array(TCP_HEADER);
  const out = new DataView(segment.buffer);
  put16(segment, 0, u16(data, payload + 2));
  put16(segment, 2, u16(data, payload));
  if (flags & ACK) {
    out.setUint32(4, view.getUint32(payload + 8));
  } else {
    out.setUint32(8, (view.getUint32(payload + 4) + consumed) >>> 0);
  }
  segment[12] = 5 << 4;
  segment[13] = flags & ACK ? RST : RST | ACK;
  const ends = { source: header.destination.slice(), destination: header.source.slice() };
  sealTransport(segment, 16, ends, TCP);
  const frame = ipFrame({
    ...ends,
    protocol: TCP,
    ttl: TTL,
    payload: segment,
    dontFragment: true,
  });
  ip.sendMade(packet.device.net, frame, packet, 'TCP reset');
}
