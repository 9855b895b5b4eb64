import type { Device } from '../device.ts';
import type { NetNamespace } from '../namespace.ts';
import type { Packet } from '../stack/packet.ts';
import type { Stack } from '../stack/stack.ts';
import { sendFrame } from './made.ts';
import { addressText } from './text.ts';
import { ICMPV6, type IpHeader, ipFrame, sealTransport } from './wire.ts';

const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const ROUTER_FLAGS = 133;
/** Neighbour discovery does not pass routers: the hop limit says so. */
const HOPS = 255;
const SOURCE_LINK = 1;
const TARGET_LINK = 2;
const SOLICITED_OVERRIDE = 0x60;
const ROUTER = 0x80;

/** Whether an IPv6 packet is neighbour discovery. */
export function isNdp(data: Uint8Array, { protocol, payload }: IpHeader): boolean {
  const type = data[payload] ?? 0;
  return protocol === ICMPV6 && type >= ROUTER_FLAGS && type <= 137;
}

interface Message {
  readonly type: number;
  readonly flags: number;
  readonly target: Uint8Array;
  /** Kind of the option with the sender's hardware address. */
  readonly option: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

function frame(device: Device, to: Uint8Array, message: Message): Uint8Array {
  const { source, destination } = message;
  const payload = new Uint8Array(32);
  payload[0] = message.type;
  payload[4] = message.flags;
  payload.set(message.target, 8);
  payload[24] = message.option;
  payload[25] = 1;
  payload.set(device.address, 26);
  sealTransport(payload, 2, message, ICMPV6);
  const data = ipFrame({ source, destination, protocol: ICMPV6, ttl: HOPS, payload });
  data.set(to, 0);
  data.set(device.address, 6);
  return data;
}

/** Asks who has an IPv6 address, at its solicited-node multicast address; `own` as in `askFor`. */
export function solicit(
  stack: Stack,
  net: NetNamespace,
  device: Device,
  target: Uint8Array,
  own: Uint8Array | undefined,
): void {
  const destination = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff);
  const solicited = new Uint8Array(16);
  solicited.set(destination);
  solicited.set(target.subarray(13), 13);
  // Without an address of the link Linux asks no one; here any other will do.
  const linkLocal = net.addressOf(device, 16, true);
  const source = own ?? linkLocal ?? net.sourceFor(device, 16) ?? new Uint8Array(16);
  const to = Uint8Array.of(0x33, 0x33, ...solicited.subarray(12));
  const message = { type: SOLICITATION, flags: 0, target, option: SOURCE_LINK };
  const data = frame(device, to, { ...message, source, destination: solicited });
  sendFrame(stack, data, device, undefined, 'neighbour solicitation');
}

/** ndisc_rcv: answers for addresses of this namespace, learns from advertisements. */
export function receiveNdp(stack: Stack, packet: Packet, header: IpHeader): void {
  const { device, data } = packet;
  const { payload, end, source } = header;
  if (header.ttl !== HOPS) return stack.drop(packet, 'IPV6_NDISC_HOP_LIMIT');
  const type = data[payload]!;
  if (end - payload < 24) return stack.drop(packet, 'PKT_TOO_SMALL');
  const target = data.slice(payload + 8, payload + 24);
  if (packet.trail) {
    const to = `neighbour discovery (type ${type}) for ${addressText(target)}`;
    stack.tracer.add(packet, { kind: 'deliver', to });
  }
  const option = linkAddress(data, payload + 24, end);
  const { neighbours } = device.net;
  if (type === ADVERTISEMENT && option) neighbours.learn(device, target, option, false);
  if (type !== SOLICITATION || device.noArp || !device.net.isLocal(target)) return;
  if (option && source.some((byte) => byte !== 0)) {
    neighbours.learn(device, source.slice(), option, true);
  }
  advertise(stack, packet, { source, target, option });
}

interface Asked {
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly option: Uint8Array | undefined;
}

function advertise(stack: Stack, packet: Packet, { source, target, option }: Asked): void {
  const { device } = packet;
  const to = option ?? packet.data.slice(6, 12);
  const flags = SOLICITED_OVERRIDE | (device.forwarding ? ROUTER : 0);
  const message = { type: ADVERTISEMENT, flags, target, option: TARGET_LINK };
  const data = frame(device, to, { ...message, source: target, destination: source.slice() });
  sendFrame(stack, data, device, packet, 'neighbour advertisement');
}

/** The hardware address among the options. */
function linkAddress(data: Uint8Array, from: number, end: number): Uint8Array | undefined {
  for (let at = from; at + 8 <= end; ) {
    const size = data[at + 1]! * 8;
    if (size === 0) return undefined;
    if (data[at] === SOURCE_LINK || data[at] === TARGET_LINK) return data.slice(at + 2, at + 8);
    at += size;
  }
  return undefined;
}
