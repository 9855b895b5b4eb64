import { foldChecksum, sumWords } from '../../../packet/index.ts';
import { lookupRoute } from '../../../runtime/index.ts';
import type { HostRoute } from '../../../runtime/types.ts';
import { type Packet, PACKET_HOST } from '../stack/packet.ts';
import type { Stack } from '../stack/stack.ts';
import type { NetNamespace } from '../namespace.ts';
import type { IpLayer } from './layer.ts';
import { isLinkLocal } from './text.ts';
import { ETHERNET, ICMP, ICMPV6, type IpHeader, ipFrame, put16, sealTransport } from './wire.ts';

/** Type and code of an error, for IPv4 and IPv6. */
interface Kind {
  readonly v4: readonly [number, number];
  readonly v6: readonly [number, number];
  readonly what: string;
}

const NET_UNREACHABLE: Kind = { v4: [3, 0], v6: [1, 0], what: 'ICMP net unreachable' };
const HOST_UNREACHABLE: Kind = { v4: [3, 1], v6: [1, 3], what: 'ICMP host unreachable' };
const PROTOCOL_UNREACHABLE: Kind = { v4: [3, 2], v6: [4, 1], what: 'ICMP protocol unreachable' };
const PORT_UNREACHABLE: Kind = { v4: [3, 3], v6: [1, 4], what: 'ICMP port unreachable' };
const FILTERED: Kind = { v4: [3, 13], v6: [1, 1], what: 'ICMP prohibited' };
const TOO_BIG: Kind = { v4: [3, 4], v6: [2, 0], what: 'ICMP packet too big' };
const BEYOND_SCOPE: Kind = { v4: [3, 0], v6: [1, 2], what: 'ICMP beyond scope of source' };
const REDIRECT: Kind = { v4: [5, 1], v6: [137, 0], what: 'ICMP redirect' };
const UNKNOWN_OPTION: Kind = { v4: [12, 0], v6: [4, 2], what: 'ICMP unknown option' };
const TIME_EXCEEDED: Kind = { v4: [11, 0], v6: [3, 0], what: 'ICMP time exceeded' };

const ECHO_REPLY = 0;
const ECHO = 8;
const ECHO6 = 128;
const ECHO_REPLY6 = 129;
const TTL = 64;
/** Errors keep the type of service and get the precedence of the network's own control. */
const TOS_BITS = 0x1e;
const INTERNET_CONTROL = 0xc0;
/** Errors are at most so long: IPv4 576 bytes in all, IPv6 the smallest MTU. */
const ERROR_MAX4 = 576 - 20 - 8;
const ERROR_MAX6 = 1280 - 40 - 8;

/** Errors that IPv6 sends even about packets to a group (RFC 4443). */
const TOLD_OF_GROUPS = new Set([TOO_BIG, UNKNOWN_OPTION]);

const isForMany = (net: NetNamespace, { destination }: IpHeader) =>
  destination[0]! >> 4 === 14 || net.isBroadcast(destination);

/** Error messages and the echo (net/ipv4/icmp.c, net/ipv6/icmp.c). */
export class Icmp {
  readonly #stack: Stack;
  readonly #ip: IpLayer;

  constructor(stack: Stack, ip: IpLayer) {
    this.#stack = stack;
    this.#ip = ip;
  }

  /** ip_error: what a route that is none says. */
  noRoute(packet: Packet, header: IpHeader, route: HostRoute | undefined): void {
    switch (route?.type) {
      case undefined:
        this.#error(packet, header, NET_UNREACHABLE);
        return this.#stack.drop(packet, 'IP_INNOROUTES');
      case 'unreachable':
        this.#error(packet, header, HOST_UNREACHABLE);
        return this.#stack.drop(packet, 'NOT_SPECIFIED', 'unreachable route');
      case 'prohibit':
        this.#error(packet, header, FILTERED);
        return this.#stack.drop(packet, 'NOT_SPECIFIED', 'prohibit route');
      default:
        return this.#stack.drop(packet, 'NOT_SPECIFIED', 'blackhole route');
    }
  }

  timeExceeded(packet: Packet, header: IpHeader): void {
    this.#error(packet, header, TIME_EXCEEDED);
  }

  tooBig(packet: Packet, header: IpHeader, mtu: number): void {
    this.#error(packet, header, TOO_BIG, mtu);
  }

  hostUnreachable(packet: Packet, header: IpHeader): void {
    this.#error(packet, header, HOST_UNREACHABLE);
  }

  portUnreachable(packet: Packet, header: IpHeader): void {
    this.#error(packet, header, PORT_UNREACHABLE);
  }

  /** IPv6 says where the number of the protocol stands. */
  protocolUnreachable(packet: Packet, header: IpHeader): void {
    this.#error(packet, header, PROTOCOL_UNREACHABLE, header.protocolAt ?? 0);
  }

  beyondScope(packet: Packet, header: IpHeader): void {
    this.#error(packet, header, BEYOND_SCOPE);
  }

  /** `at`: of the option, counted from the header's first byte. */
  unknownOption(packet: Packet, header: IpHeader, at: number): void {
    this.#error(packet, header, UNKNOWN_OPTION, at);
  }

  /** Says who is nearer to the destination. */
  redirect(packet: Packet, header: IpHeader, gateway: Uint8Array): void {
    this.#error(packet, header, REDIRECT, new DataView(gateway.slice().buffer).getUint32(0));
  }

  /** icmp_send: tells the sender, unless that could go on for ever. */
  #error(packet: Packet, header: IpHeader, kind: Kind, value = 0): void {
    const { net } = packet.device;
    if (packet.type !== PACKET_HOST || isError(packet.data, header)) return;
    if (header.source.every((byte) => byte === 0)) return;
    const { version } = header;
    // Nobody alone was meant: only IPv6 tells of such a packet, and not everything.
    const forMany = version === 4 ? isForMany(net, header) : header.destination[0] === 0xff;
    if (forMany && !(version === 6 && TOLD_OF_GROUPS.has(kind))) return;
    const linkLocal = isLinkLocal(header.source);
    const scope = linkLocal ? packet.device.ifindex : undefined;
    const back = lookupRoute(net.routes, header.source, undefined, scope);
    const out = net.byIndex.get(back?.ifindex ?? 0) ?? packet.device;
    const source = net.isLocal(header.destination)
      ? header.destination.slice()
      : net.sourceFor(out, header.source.length, linkLocal);
    if (!source) return;
    const most = version === 4 ? ERROR_MAX4 : ERROR_MAX6;
    const quoted = packet.data.slice(ETHERNET, Math.min(header.end, ETHERNET + most));
    const payload = new Uint8Array(8 + quoted.length);
    const [type, code] = version === 4 ? kind.v4 : kind.v6;
    payload[0] = type;
    payload[1] = code;
    new DataView(payload.buffer).setUint32(4, value);
    payload.set(quoted, 8);
    const tos = (packet.data[ETHERNET + 1]! & TOS_BITS) | INTERNET_CONTROL;
    this.#send(packet, header, source, payload, { what: kind.what, tos });
  }

  #send(
    packet: Packet,
    { version, source: destination }: IpHeader,
    source: Uint8Array,
    payload: Uint8Array,
    { what, tos }: { readonly what: string; readonly tos: number },
  ): void {
    const protocol = version === 4 ? ICMP : ICMPV6;
    const ends = { source, destination: destination.slice() };
    if (version === 4) {
      put16(payload, 2, 0);
      put16(payload, 2, foldChecksum(sumWords(payload, 0, payload.length)));
    } else {
      sealTransport(payload, 2, ends, ICMPV6);
    }
    const id = this.#ip.nextId();
    const frame = ipFrame({ ...ends, protocol, ttl: TTL, payload, id, tos });
    this.#ip.sendMade(packet.device.net, frame, packet, what);
  }

  /** Answers an echo request for this namespace; false if it is something else. */
  echo(packet: Packet, header: IpHeader): boolean {
    const { version, payload, end, destination } = header;
    const type = packet.data[payload];
    if (type !== (version === 4 ? ECHO : ECHO6) || end - payload < 8) return false;
    const body = packet.data.slice(payload, end);
    body[0] = version === 4 ? ECHO_REPLY : ECHO_REPLY6;
    const { net } = packet.device;
    const source = net.isLocal(destination)
      ? destination.slice()
      : net.sourceFor(packet.device, destination.length);
    const what = 'ICMP echo reply';
    const tos = packet.data[ETHERNET + 1]!;
    if (source) this.#send(packet, header, source, body, { what, tos });
    return true;
  }
}

/** Errors about errors, and about pieces that are not the first, are never sent. */
function isError(data: Uint8Array, { version, protocol, payload, destination }: IpHeader): boolean {
  if (version === 4) {
    if (((data[ETHERNET + 6]! & 0x1f) | data[ETHERNET + 7]!) !== 0) return true;
    const type = data[payload] ?? 0;
    return protocol === ICMP && type !== ECHO && type !== ECHO_REPLY && (type < 13 || type > 18);
  }
  if (destination[0] === 0xff) return true;
  return protocol === ICMPV6 && (data[payload] ?? 0) < 128;
}
