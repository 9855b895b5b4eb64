/** What devices say of packets beside their bytes (struct xdp_metadata_ops of drivers). */
import type { RxMetadataOptions } from '../../kernel/index.ts';
import { G_TAI_OFFSET, GLOBALS } from '../../runtime/layout.ts';
import type { RxMetadata } from '../../runtime/types.ts';
import { flowHash } from './flow-hash.ts';
import { FROM_XSK, type Packet } from './stack/packet.ts';

/** enum xdp_rss_hash_type */
const L3_IPV4 = 1;
const L3_IPV6 = 2;
const L4 = 8;
const L4_TCP = 16;
const L4_UDP = 32;

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const TAG = 4;

/** A network card with these capabilities. */
export function cardMetadata(packet: Packet, options: RxMetadataOptions): RxMetadata {
  return {
    ...(options.timestamp ? { timestamp: () => arrival(packet) } : {}),
    ...(options.hash ? { hash: () => cardHash(packet.data) } : {}),
    ...(options.vlanTag ? { vlanTag: () => tagOf(packet) } : {}),
  };
}

function arrival({ device }: Packet): bigint {
  const { runtime } = device.net.stack.machine;
  return runtime.clock + runtime.view().getBigUint64(GLOBALS + G_TAI_OFFSET, true);
}

function tagOf({ tag }: Packet): { protocol: number; tci: number } | undefined {
  return tag === undefined ? undefined : { protocol: tag >>> 16, tci: tag & 0xffff };
}

/** The hash that spreads packets over queues. Packets that are not IP have none. */
function cardHash(data: Uint8Array): { hash: number; type: number } | undefined {
  const type = hashType(data);
  return type === 0 ? undefined : { hash: flowHash(data, 0, data.length), type };
}

/** What goes into the hash: addresses, and ports of TCP and UDP that are no fragments. */
function hashType(data: Uint8Array): number {
  const word = (at: number) => ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
  let at = 12;
  while (isTag(word(at))) at += TAG;
  const ip = at + 2;
  if (word(at) === IPV4 && data.length >= ip + 20) {
    const fragment = (word(ip + 6) & 0x3fff) !== 0;
    const ports = ip + ((data[ip]! & 15) << 2) + 4;
    return L3_IPV4 | (fragment || data.length < ports ? 0 : portsType(data[ip + 9]!));
  }
  if (word(at) !== IPV6 || data.length < ip + 40) return 0;
  return L3_IPV6 | (data.length < ip + 44 ? 0 : portsType(data[ip + 6]!));
}

function portsType(protocol: number): number {
  if (protocol === 6) return L4 | L4_TCP;
  return protocol === 17 ? L4 | L4_UDP : 0;
}

/**
 * The hash of a socket buffer (skb_get_hash). AF_XDP sockets say nothing of what they send, so
 * nothing of it is known there but that it is a packet.
 */
export function bufferHash({ data, from }: Packet): { hash: number; type: number } {
  if (from === FROM_XSK) return { hash: 1, type: 0 };
  return { hash: flowHash(data, 0, data.length) || 1, type: hashType(data) & L4 };
}

const isTag = (type: number): boolean => type === 0x8100 || type === 0x88a8;

/** The card takes the outer VLAN tag off. */
export function takeTag(packet: Packet): void {
  const { data } = packet;
  if (data.length < 18 || !isTag((data[12]! << 8) | data[13]!)) return;
  packet.tag = ((data[12]! << 24) | (data[13]! << 16) | (data[14]! << 8) | data[15]!) >>> 0;
  const without = new Uint8Array(data.length - TAG);
  without.set(data.subarray(0, 12));
  without.set(data.subarray(12 + TAG), 12);
  packet.data = without;
  packet.owned = true;
}

/** The stack gets the tag beside the packet; here it goes back into it. */
export function returnTag(packet: Packet): void {
  const { data, tag } = packet;
  if (tag === undefined) return;
  packet.tag = undefined;
  const whole = new Uint8Array(data.length + TAG);
  whole.set(data.subarray(0, 12));
  new DataView(whole.buffer).setUint32(12, tag);
  whole.set(data.subarray(12), 12 + TAG);
  packet.data = whole;
  packet.owned = true;
}
