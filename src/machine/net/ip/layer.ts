import { AF_INET, AF_INET6 } from '../sockets/ends.ts';
import { sameBytes } from '../../../base/index.ts';
import type { SendOptions } from '../../../kernel/index.ts';
import { lookupRoute } from '../../../runtime/index.ts';
import type { HostRoute } from '../../../runtime/types.ts';
import type { Device } from '../device.ts';
import type { LightTunnel } from '../hooks/light-tunnel.ts';
import type { NetNamespace } from '../namespace.ts';
import { Packet, PACKET_HOST, PACKET_OTHERHOST } from '../stack/packet.ts';
import type { Stack } from '../stack/stack.ts';
import { askFor, receiveArp } from './arp.ts';
import { deliver } from './deliver.ts';
import { fragmentsOf } from './fragment.ts';
import { Icmp } from './icmp.ts';
import { traceMade } from './made.ts';
import { isNdp, receiveNdp } from './ndp.ts';
import { type UnknownOption, unknownOption } from './options.ts';
import { ipSend } from './send.ts';
import { isDetour, martian, RedirectPace, staysHere } from './martian.ts';
import { addressKey, addressText, isLinkLocal } from './text.ts';
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

/** IPPROTO_ROUTING */
const ROUTING = 43;

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
  readonly #redirects = new RedirectPace();
  #packets = 0;

  constructor(stack: Stack) {
    this.stack = stack;
    this.icmp = new Icmp(stack, this);
  }

  /** IPv4 packets made here so far. */
  get packets(): number {
    return this.#packets;
  }

  set packets(count: number) {
    this.#packets = count;
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
    const { data } = packet;
    const { net } = packet.device;
    if (!net.netfilter) return this.#route(packet, header);
    if (!net.netfilter.pass('prerouting', packet, packet.device, undefined)) return;
    const now = packet.data === data ? header : readIp(packet.data);
    if (typeof now !== 'string') this.#route(packet, now);
  }

  /** Where it goes: up, or on. */
  #route(packet: Packet, header: IpHeader): void {
    const { net } = packet.device;
    if (header.version === 6 && isNdp(packet.data, header)) {
      const { netfilter } = net;
      if (netfilter && !netfilter.pass('input', packet, packet.device, undefined)) return;
      return receiveNdp(this.stack, packet, header);
    }
    const wrong = martian(packet.device, header);
    if (wrong !== undefined) return this.stack.drop(packet, 'NOT_SPECIFIED', wrong);
    const { destination } = header;
    const special = destination.length === 4 ? net.isBroadcast(destination) : false;
    const route = special ? undefined : lookupRoute(net.routes, destination);
    const toMany = special || isMulticast(destination);
    const option = unknownOption(packet.data, header, toMany || route?.type === 'local');
    if (option) return this.#refuseOption(packet, header, option);
    if (toMany) return deliver(this, packet, header);
    const tunnel = net.tunnels.size > 0 && route ? net.tunnels.get(route) : undefined;
    if (tunnel) return this.#receiveByTunnel(packet, route!, tunnel);
    this.#dispatch(packet, header, route);
  }

  /** dst_input: up, or on. */
  #dispatch(packet: Packet, header: IpHeader, route: HostRoute | undefined): void {
    if (route?.type === 'local') return deliver(this, packet, header);
    this.#forward(packet, header, route);
  }

  /** bpf_input: the route's program looks at what comes in. */
  #receiveByTunnel(packet: Packet, route: HostRoute, tunnel: LightTunnel): void {
    const before = readIp(packet.data);
    const result = tunnel.run(this.stack, packet, 'in');
    if (result === 'gone') return;
    fillTunnelSource(packet);
    const header = readIp(packet.data);
    if (typeof header === 'string') return this.stack.drop(packet, header);
    const moved = typeof before !== 'string' && !sameBytes(before.destination, header.destination);
    if (result === 'on' && !moved) return this.#dispatch(packet, header, route);
    this.stack.nested(packet, () => this.#route(packet, header));
  }

  /** ip6_tlvopt_unknown */
  #refuseOption(packet: Packet, header: IpHeader, { at, action }: UnknownOption): void {
    const silent = action === 1 || (action === 3 && isMulticast(header.destination));
    if (!silent) this.icmp.unknownOption(packet, header, at);
    this.stack.drop(packet, 'UNHANDLED_PROTO', 'an unknown option');
  }

  /** ip_forward, ip_error. */
  #forward(packet: Packet, header: IpHeader, route: HostRoute | undefined): void {
    const { device } = packet;
    if (!device.forwarding || !this.stack.machine.sysctls.forwards)
      return this.stack.drop(packet, 'IP_INADDRERRORS');
    if (!route || route.type !== 'unicast') return this.icmp.noRoute(packet, header, route);
    if (packet.type !== PACKET_HOST) return this.stack.drop(packet, 'NOT_SPECIFIED');
    const stays = staysHere(header);
    if (stays !== undefined) {
      if (stays === 'link') this.icmp.beyondScope(packet, header);
      return this.stack.drop(packet, 'IP_INADDRERRORS');
    }
    if (header.ttl <= 1) {
      this.icmp.timeExceeded(packet, header);
      return this.stack.drop(packet, 'IP_INHDR', 'TTL exceeded');
    }
    const out = device.net.byIndex.get(route.ifindex);
    if (!out) return this.stack.drop(packet, 'NOT_SPECIFIED', 'the route leads to no device');
    const mtu = mtuOf(route, out);
    if (header.end - ETHERNET > mtu && header.dontFragment) {
      this.icmp.tooBig(packet, header, mtu);
      return this.stack.drop(packet, 'PKT_TOO_BIG');
    }
    packet.from = device.name;
    decrementTtl(packet);
    if (isDetour(device, header, route)) this.#tellBetterWay(packet, header, route);
    if (packet.trail) this.stack.tracer.add(packet, { kind: 'forward', ttl: header.ttl - 1 });
    const { netfilter } = device.net;
    if (netfilter && !netfilter.pass('forward', packet, device, out)) return;
    this.output(packet, route, out);
  }

  /** A packet that was made here goes its way (ip_local_out). */
  sendOut(packet: Packet, route: HostRoute, out: Device): void {
    const { netfilter } = out.net;
    if (netfilter && !netfilter.pass('output', packet, undefined, out)) return;
    this.output(packet, route, out);
  }

  /** ip_rt_send_redirect */
  #tellBetterWay(packet: Packet, header: IpHeader, { gateway }: HostRoute): void {
    const sender = `${packet.device.path} ${addressKey(header.source)}`;
    if (!this.#redirects.mayTell(sender, Number(this.stack.now))) return;
    this.icmp.redirect(packet, header, gateway ?? header.destination);
  }

  /** Sends a packet along a route, in pieces if it must be. */
  output(packet: Packet, route: HostRoute, out: Device): void {
    const tunnel = out.net.tunnels.size > 0 ? out.net.tunnels.get(route) : undefined;
    if (tunnel) {
      packet.device = out;
      if (tunnel.run(this.stack, packet, 'out') === 'gone') return;
    }
    if (packet.trail) {
      const to = `${addressText(route.destination)}/${route.prefixLength}`;
      const via = route.gateway ? { via: addressText(route.gateway) } : {};
      this.stack.tracer.add(packet, { kind: 'route', to, out: out.path, ...via });
    }
    const { netfilter } = out.net;
    if (netfilter && !netfilter.pass('postrouting', packet, undefined, out)) return;
    const mtu = mtuOf(route, out);
    if (packet.data.length - ETHERNET <= mtu) return this.#finish(packet, route, out, tunnel);
    for (const data of fragmentsOf(packet.data, mtu, this.nextId())) {
      const piece = this.stack.redirects.cloneFor(packet, out);
      piece.data = data;
      piece.owned = true;
      this.#finish(piece, route, out, tunnel);
    }
  }

  /** ip_finish_output2: the route's last program, then the neighbour. */
  #finish(packet: Packet, route: HostRoute, out: Device, tunnel: LightTunnel | undefined): void {
    const result = tunnel ? tunnel.run(this.stack, packet, 'xmit') : 'on';
    if (result === 'on') this.toNextHop(packet, route.gateway, out);
    else if (result === 'reroute') this.stack.nested(packet, () => this.#reroute(packet, out));
  }

  /** bpf_lwt_xmit_reroute: along the route that the new header asks for. */
  #reroute(packet: Packet, { net }: Device): void {
    const header = readIp(packet.data);
    if (typeof header === 'string') return this.stack.drop(packet, header);
    const route = lookupRoute(net.routes, header.destination);
    const local = route?.type === 'local';
    const out = local ? net.devices.get('lo') : net.byIndex.get(route?.ifindex ?? 0);
    if (!route || !out || (route.type !== 'unicast' && !local)) {
      return this.stack.drop(packet, 'IP_OUTNOROUTES');
    }
    this.output(packet, route, out);
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

  /** `packet`: the first that waits for the answer. */
  askFor(net: NetNamespace, device: Device, address: Uint8Array, packet?: Packet): void {
    const header = packet && readIp(packet.data);
    const source = typeof header === 'object' ? header.source : undefined;
    const own = source && net.isLocal(source) ? source.slice() : undefined;
    askFor(this.stack, net, device, address, own);
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
    if (typeof header === 'string') return this.stack.drop(packet, 'NOT_SPECIFIED', header);
    if (neigh) return this.toNextHop(packet, nextHopOf(neigh), out);
    const route = lookupRoute(net.routes, header.destination, undefined, out.ifindex);
    // Whom no route through the device reaches is believed to be on its link.
    if (!route) return this.toNextHop(packet, undefined, out);
    if (route.type !== 'unicast' && route.type !== 'local') {
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
    const scope = cause && isLinkLocal(header.destination) ? cause.device.ifindex : undefined;
    const route = lookupRoute(net.routes, header.destination, undefined, scope);
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
    this.sendOut(packet, route, out);
    return packet;
  }
}

/** What a route's tunnel pushes must fit, too (lwtunnel_headroom). */
function mtuOf(route: HostRoute, out: Device): number {
  const mtu = route.mtu ?? out.mtu;
  const headroom = out.net.tunnels.size > 0 ? (out.net.tunnels.get(route)?.headroom ?? 0) : 0;
  return headroom < mtu ? mtu - headroom : mtu;
}

/** set_tun_src: a header with segments that a program pushed has this host's address. */
function fillTunnelSource(packet: Packet): void {
  const { data, device } = packet;
  const routed = data.length >= ETHERNET + 40 && data[ETHERNET + 6] === ROUTING;
  if (!routed || data.subarray(ETHERNET + 8, ETHERNET + 24).some((byte) => byte !== 0)) return;
  const source = device.net.sourceFor(device, 16);
  if (source) packet.writable().set(source, ETHERNET + 8);
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
