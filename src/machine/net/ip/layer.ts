import type { SendOptions } from '../../../kernel/index.ts';
import { lookupRoute } from '../../../runtime/index.ts';
import type { HostRoute } from '../../../runtime/types.ts';
import type { Device } from '../device.ts';
import type { NetNamespace } from '../namespace.ts';
import { Packet, PACKET_HOST, PACKET_OTHERHOST } from '../stack/packet.ts';
import type { Stack } from '../stack/stack.ts';
import { askFor, receiveArp } from './arp.ts';
import { deliver } from './deliver.ts';
import { fragmentsOf } from './fragment.ts';
import { Icmp } from './icmp.ts';
import { traceMade } from './made.ts';
import { isNdp, receiveNdp } from './ndp.ts';
import { ipSend } from './send.ts';
import { addressText } from './text.ts';
import {
  ETH_ARP,
  ETH_IPV4,
  ETH_IPV6,
  ETHERNET,
  type IpHeader,
  put16,
  readIp,
  readIpv4,
  readIpv6,
  u16,
} from './wire.ts';

const AF_INET = 2;
const AF_INET6 = 10;

/** What a socket says of its packet. */
interface SocketFilter {
  readonly mark: number | undefined;
  readonly priority: number | undefined;
  /** Whether programs let it go. */
  leaves?(packet: Packet): boolean;
}

/** IP in its smallest: receive, forward, send, neighbours (net/ipv4, net/ipv6). */
export class IpLayer {
  readonly stack: Stack;
  readonly icmp: Icmp;
  #packets = 0;

  constructor(stack: Stack) {
    this.stack = stack;
    this.icmp = new Icmp(stack, this);
  }

  /** Identification of the next IPv4 packet made here. */
  nextId(): number {
    return ++this.#packets & 0xffff;
  }

  /** A packet that passed the ingress programs of its device. */
  receive(packet: Packet): void {
    const { device, data } = packet;
    if (!device.net.configured) return this.#leadsNowhere(packet);
    if (data.length < ETHERNET) return this.stack.drop(packet, 'PKT_TOO_SMALL');
    switch (u16(data, 12)) {
      case ETH_ARP:
        return receiveArp(this.stack, packet);
      case ETH_IPV4:
        return this.#receiveIp(packet, readIpv4(data));
      case ETH_IPV6:
        return this.#receiveIp(packet, readIpv6(data));
      default:
        device.statistics.rx_nohandler++;
        return this.stack.drop(packet, 'UNHANDLED_PROTO');
    }
  }

  /** Nobody configured this namespace: the device's user has the packet in hand. */
  #leadsNowhere(packet: Packet): void {
    if (packet.trail) this.stack.tracer.add(packet, { kind: 'deliver', to: 'the stack' });
  }

  #receiveIp(packet: Packet, header: IpHeader | string): void {
    if (packet.type === PACKET_OTHERHOST) return this.stack.drop(packet, 'OTHERHOST');
    if (typeof header === 'string') return this.stack.drop(packet, header);
    if (header.end < packet.data.length) packet.data = packet.data.subarray(0, header.end);
    if (header.version === 6 && isNdp(packet.data, header)) {
      return receiveNdp(this.stack, packet, header);
    }
    const { net } = packet.device;
    const { destination } = header;
    const special = destination.length === 4 ? net.isBroadcast(destination) : false;
    if (special || isMulticast(destination)) return deliver(this, packet, header);
    const route = lookupRoute(net.routes, destination);
    if (route?.type === 'local') return deliver(this, packet, header);
    this.#forward(packet, header, route);
  }

  /** ip_forward, ip_error. */
  #forward(packet: Packet, header: IpHeader, route: HostRoute | undefined): void {
    const { device } = packet;
    if (!device.forwarding || !this.stack.machine.sysctls.forwards)
      return this.stack.drop(packet, 'IP_INADDRERRORS');
    if (!route || route.type !== 'unicast') return this.icmp.noRoute(packet, header, route);
    if (packet.type !== PACKET_HOST) return this.stack.drop(packet, 'NOT_SPECIFIED');
    if (header.ttl <= 1) {
      this.icmp.timeExceeded(packet, header);
      return this.stack.drop(packet, 'IP_INHDR', 'TTL exceeded');
    }
    const out = device.net.byIndex.get(route.ifindex);
    if (!out) return this.stack.drop(packet, 'NOT_SPECIFIED', 'the route leads to no device');
    const mtu = route.mtu ?? out.mtu;
    if (header.end - ETHERNET > mtu && header.dontFragment) {
      this.icmp.tooBig(packet, header, mtu);
      return this.stack.drop(packet, 'PKT_TOO_BIG');
    }
    packet.from = device.name;
    decrementTtl(packet);
    if (packet.trail) this.stack.tracer.add(packet, { kind: 'forward', ttl: header.ttl - 1 });
    this.output(packet, route, out);
  }

  /** Sends a packet along a route, in pieces if it must be. */
  output(packet: Packet, route: HostRoute, out: Device): void {
    if (packet.trail) {
      const to = `${addressText(route.destination)}/${route.prefixLength}`;
      const via = route.gateway ? { via: addressText(route.gateway) } : {};
      this.stack.tracer.add(packet, { kind: 'route', to, out: out.path, ...via });
    }
    const mtu = route.mtu ?? out.mtu;
    if (packet.data.length - ETHERNET <= mtu) return this.toNextHop(packet, route.gateway, out);
    for (const data of fragmentsOf(packet.data, mtu)) {
      const piece = this.stack.redirects.cloneFor(packet, out);
      piece.data = data;
      piece.owned = true;
      this.toNextHop(piece, route.gateway, out);
    }
  }

  /** neigh_output: finds the hardware address, or waits for it. */
  toNextHop(packet: Packet, gateway: Uint8Array | undefined, out: Device): void {
    if (out.noArp) return this.toNeighbour(packet, out, out.address);
    const { data } = packet;
    const size = u16(data, 12) === ETH_IPV6 ? 16 : 4;
    const at = size === 16 ? ETHERNET + 24 : ETHERNET + 16;
    const next = gateway ?? data.subarray(at, at + size);
    const fixed = wellKnown(out.net, next);
    const hardware = fixed ?? out.net.neighbours.resolved(out, next);
    if (hardware) return this.toNeighbour(packet, out, hardware);
    out.net.neighbours.wait(packet, out, next);
  }

  /** Puts the hardware addresses into the frame and sends it. */
  toNeighbour(packet: Packet, out: Device, hardware: Uint8Array): void {
    const data = packet.writable();
    data.set(hardware, 0);
    data.set(out.address, 6);
    if (u16(data, 12) === 0) put16(data, 12, data[ETHERNET]! >> 4 === 6 ? ETH_IPV6 : ETH_IPV4);
    this.stack.transmit(packet, out);
  }

  askFor(net: NetNamespace, device: Device, address: Uint8Array): void {
    askFor(this.stack, net, device, address);
  }

  /** Nobody answered for its next hop. */
  hostUnreachable(packet: Packet): void {
    const header = readIp(packet.data);
    if (typeof header !== 'string') this.icmp.hostUnreachable(packet, header);
    this.stack.drop(packet, 'NEIGH_FAILED');
  }

  /** bpf_redirect_neigh: the hardware addresses come from here, not from the program. */
  redirect(packet: Packet, out: Device, neigh: Uint8Array | undefined): void {
    const { net } = packet.device;
    const header = readIp(packet.data);
    packet.from = packet.device.name;
    packet.device = out;
    packet.clearTimestamp();
    if (typeof header === 'string')
      return this.stack.dropSent(packet, out, 'NOT_SPECIFIED', header);
    if (neigh) return this.toNextHop(packet, nextHopOf(neigh), out);
    const route = lookupRoute(net.routes, header.destination, undefined, out.ifindex);
    if (route?.type !== 'unicast' && route?.type !== 'local') {
      return this.stack.dropSent(packet, out, 'NOT_SPECIFIED', `no route through ${out.path}`);
    }
    this.toNextHop(packet, route.gateway, out);
  }

  send(net: NetNamespace, options: SendOptions): void {
    ipSend(this, net, options);
  }

  /**
   * Sends a frame that was made here. `cause`: the packet it answers. Without a route nothing
   * goes out.
   */
  sendMade(
    net: NetNamespace,
    frame: Uint8Array,
    cause?: Packet,
    what = '',
    socket?: SocketFilter,
  ): Packet | undefined {
    const header = readIp(frame);
    if (typeof header === 'string') return undefined;
    const route = lookupRoute(net.routes, header.destination);
    const leads = route?.type === 'unicast' || route?.type === 'local';
    const out =
      route?.type === 'local' ? net.devices.get('lo') : net.byIndex.get(route?.ifindex ?? 0);
    if (!route || !leads || !out) return undefined;
    const packet = new Packet(frame, out, true);
    packet.visits = cause?.visits ?? 0;
    packet.from = out.name;
    packet.mark = socket?.mark ?? 0;
    packet.priority = socket?.priority ?? 0;
    traceMade(this.stack, packet, cause, what);
    if (socket?.leaves && !socket.leaves(packet)) {
      this.stack.drop(packet, 'BPF_CGROUP_EGRESS');
      return undefined;
    }
    this.output(packet, route, out);
    return packet;
  }
}

/** struct bpf_redir_neigh: {u32 family, address}. */
function nextHopOf(neigh: Uint8Array): Uint8Array | undefined {
  const family = neigh[0]! | (neigh[1]! << 8);
  if (family === AF_INET) return neigh.slice(4, 8);
  return family === AF_INET6 ? neigh.slice(4, 20) : undefined;
}

function isMulticast(address: Uint8Array): boolean {
  return address.length === 4 ? address[0]! >> 4 === 14 : address[0] === 0xff;
}

/** Hardware addresses that need no question: of broadcast and multicast addresses. */
function wellKnown(net: NetNamespace, address: Uint8Array): Uint8Array | undefined {
  if (address.length === 4) {
    if (net.isBroadcast(address)) return new Uint8Array(6).fill(255);
    if (!isMulticast(address)) return undefined;
    return Uint8Array.of(1, 0, 0x5e, address[1]! & 0x7f, address[2]!, address[3]!);
  }
  return isMulticast(address) ? Uint8Array.of(0x33, 0x33, ...address.subarray(12)) : undefined;
}

/** ip_decrease_ttl: the checksum follows. */
function decrementTtl(packet: Packet): void {
  const data = packet.writable();
  if (u16(data, 12) === ETH_IPV6) {
    data[ETHERNET + 7]!--;
    return;
  }
  data[ETHERNET + 8]!--;
  const sum = u16(data, ETHERNET + 10) + 0x100;
  put16(data, ETHERNET + 10, (sum & 0xffff) + (sum >= 0xffff ? 1 : 0));
}
