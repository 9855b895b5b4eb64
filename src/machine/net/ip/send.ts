import { foldChecksum, sumWords } from '../../../packet/index.ts';
import { KernelError } from '../../../base/index.ts';
import type { SendOptions } from '../../../kernel/index.ts';
import { lookupRoute } from '../../../runtime/index.ts';
import type { NetNamespace } from '../namespace.ts';
import { Packet } from '../stack/packet.ts';
import type { IpLayer } from './layer.ts';
import { traceMade } from './made.ts';
import { ipAddress } from './text.ts';
import {
  ETHERNET,
  ICMP,
  ICMPV6,
  ipFrame,
  put16,
  sealTransport,
  TCP,
  UDP,
  udpPayload,
} from './wire.ts';

const TTL = 64;
const EPHEMERAL = 32_768;
const TCP_SYN = 2;
const TCP_WINDOW = 64_240;

interface Ends {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

function protocolNumber(given: SendOptions['protocol'], v6: boolean): number {
  switch (given) {
    case undefined:
    case 'udp':
      return UDP;
    case 'tcp':
      return TCP;
    case 'icmp':
      return v6 ? ICMPV6 : ICMP;
    default:
      return Number(given);
  }
}

/** Sends a packet of a namespace. Throws KernelError EINVAL, ENETUNREACH, EADDRNOTAVAIL. */
export function ipSend(ip: IpLayer, net: NetNamespace, options: SendOptions): void {
  const destination = ipAddress(options.to);
  const route = lookupRoute(net.routes, destination);
  const local = route?.type === 'local';
  const out = local ? net.devices.get('lo') : net.byIndex.get(route?.ifindex ?? 0);
  if (!route || !out || (route.type !== 'unicast' && !local)) {
    const where = net.name === '' ? 'the machine' : `namespace '${net.name}'`;
    throw new KernelError('ENETUNREACH', 101, `${where} has no route to ${options.to}`);
  }
  const given = options.from === undefined ? undefined : ipAddress(options.from);
  const own = local ? destination : route.source;
  const source = given ?? own ?? net.sourceFor(out, destination.length);
  if (!source || source.length !== destination.length) {
    const text = `no address to send to ${options.to} from`;
    throw new KernelError('EADDRNOTAVAIL', 99, text);
  }
  const protocol = protocolNumber(options.protocol, destination.length === 16);
  const ends = { source, destination };
  const frame = ipFrame({
    ...ends,
    protocol,
    ttl: options.ttl ?? TTL,
    payload: payloadFor(protocol, ends, options),
    dontFragment: options.dontFragment ?? true,
    id: ip.nextId(),
  });
  const packet = new Packet(frame, out, true);
  packet.mark = options.mark ?? 0;
  packet.from = out.name;
  traceMade(ip.stack, packet, undefined, '');
  if (frame.length - ETHERNET > (route.mtu ?? out.mtu) && (options.dontFragment ?? true)) {
    const text = `${frame.length - ETHERNET} bytes do not fit the route's MTU`;
    ip.stack.drop(packet, 'PKT_TOO_BIG');
    throw new KernelError('EMSGSIZE', 90, text);
  }
  ip.sendOut(packet, route, out);
}

function payloadFor(protocol: number, ends: Ends, options: SendOptions): Uint8Array {
  const { payload = '', port = 0, sourcePort = EPHEMERAL } = options;
  const body = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
  if (protocol === UDP) return udpPayload(ends, sourcePort, port, body);
  if (protocol === TCP) return synSegment(ends, sourcePort, port, body);
  if (protocol === ICMP || protocol === ICMPV6) return echoRequest(protocol, ends, body);
  return body;
}

/** The first segment of a connection. */
function synSegment(ends: Ends, sourcePort: number, port: number, body: Uint8Array): Uint8Array {
  const segment = new Uint8Array(20 + body.length);
  put16(segment, 0, sourcePort);
  put16(segment, 2, port);
  segment[12] = 5 << 4;
  segment[13] = TCP_SYN;
  put16(segment, 14, TCP_WINDOW);
  segment.set(body, 20);
  sealTransport(segment, 16, ends, TCP);
  return segment;
}

function echoRequest(protocol: number, ends: Ends, body: Uint8Array): Uint8Array {
  const message = new Uint8Array(8 + body.length);
  message[0] = protocol === ICMP ? 8 : 128;
  put16(message, 4, 1);
  put16(message, 6, 1);
  message.set(body, 8);
  if (protocol === ICMP) put16(message, 2, foldChecksum(sumWords(message, 0, message.length)));
  else sealTransport(message, 2, ends, ICMPV6);
  return message;
}
