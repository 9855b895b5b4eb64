import { TC_VERDICTS } from '../../abi/verdicts.ts';
import {
  SKB_CB,
  SKB_CTX_SIZE,
  SKB_DATA,
  SKB_DATA_END,
  SKB_DATA_META,
  SKB_GSO_SEGS,
  SKB_GSO_SIZE,
  SKB_HARD_END,
  SKB_HARD_START,
  SKB_HWTSTAMP,
  SKB_IFINDEX,
  SKB_INGRESS_IFINDEX,
  SKB_LEN,
  SKB_MARK,
  SKB_MD_SIZE,
  SKB_NETWORK_OFFSET,
  SKB_PKT_TYPE,
  SKB_PRIORITY,
  SKB_PROTOCOL,
  SKB_QUEUE_MAPPING,
  SKB_REDIRECT,
  SKB_TSTAMP,
  SKB_VLAN_PRESENT,
  SKB_VLAN_PROTO,
  SKB_VLAN_TCI,
  SKB_WIRE_LEN,
} from '../../runtime/layout.ts';
import type { Fate, PacketHook, Verdict } from './hook.ts';
import { ETHERNET_HEADER, type Frame } from './packets.ts';

const PACKET_HOST = 0;
const PACKET_BROADCAST = 1;
const PACKET_MULTICAST = 2;
const PACKET_OTHERHOST = 3;

/** What happens to the packet; it passes with the other words. */
const FATES: Readonly<Partial<Record<string, Fate>>> = {
  drop: 'drop',
  stolen: 'drop',
  queued: 'drop',
  redirect: 'redirect',
  trap: 'drop',
};

const VERDICTS: Readonly<Record<number, Verdict>> = Object.fromEntries(
  Object.entries(TC_VERDICTS).map(([code, name]) => [code, { name, fate: FATES[name] ?? 'pass' }]),
);

/** True for 802.1Q and 802.1ad, in network order at `at`. */
function isVlanTag(u8: Uint8Array, at: number): boolean {
  const high = u8[at];
  const low = u8[at + 1];
  return (high === 0x81 && low === 0x00) || (high === 0x88 && low === 0xa8);
}

/**
 * Takes a VLAN tag out of the packet and into the context, as the stack does before tc runs.
 * Returns the new start of the packet.
 */
function untag(u32: Uint32Array, u8: Uint8Array, word: number, data: number): number {
  u32[word + SKB_VLAN_PRESENT / 4] = 1;
  u32[word + SKB_VLAN_PROTO / 4] = u8[data + 12]! | (u8[data + 13]! << 8);
  u32[word + SKB_VLAN_TCI / 4] = (u8[data + 14]! << 8) | u8[data + 15]!;
  u8.copyWithin(data + 4, data, data + 12);
  return data + 4;
}

function packetType(u8: Uint8Array, data: number): number {
  if ((u8[data]! & 1) === 0) return PACKET_HOST;
  for (let i = 0; i < 6; i++) if (u8[data + i] !== 0xff) return PACKET_MULTICAST;
  return PACKET_BROADCAST;
}

/** The loopback device's own address and its broadcast address are zeros: ff:… is any multicast. */
function loopbackPacketType(u8: Uint8Array, data: number): number {
  const type = packetType(u8, data);
  if (type !== PACKET_HOST) return PACKET_MULTICAST;
  for (let i = 0; i < 6; i++) if (u8[data + i] !== 0) return PACKET_OTHERHOST;
  return PACKET_HOST;
}

/** Numbers below are lengths (ETH_P_802_3_MIN). */
const SMALLEST_TYPE = 0x600;
/** ETH_P_802_3 and ETH_P_802_2, in network order. */
const RAW_802_3 = 0x0100;
const LLC = 0x0400;

/** The protocol as eth_type_trans tells it, in network order. */
function protocolOf(u8: Uint8Array, data: number, length: number): number {
  const high = u8[data + 12]!;
  if (high >= SMALLEST_TYPE >> 8) return high | (u8[data + 13]! << 8);
  const raw = length >= ETHERNET_HEADER + 2 && u8[data + 14] === 0xff && u8[data + 15] === 0xff;
  return raw ? RAW_802_3 : LLC;
}

/** Fills a context for `frame.data .. frame.dataEnd`, which begins with an Ethernet header. */
function fill(u32: Uint32Array, u8: Uint8Array, word: number, frame: Frame, data: number): void {
  const length = frame.dataEnd - data;
  u32[word + SKB_LEN / 4] = length;
  u32[word + SKB_QUEUE_MAPPING / 4] = frame.queue;
  u32[word + SKB_IFINDEX / 4] = frame.ifindex;
  u32[word + SKB_DATA / 4] = data;
  u32[word + SKB_DATA_META / 4] = data;
  u32[word + SKB_DATA_END / 4] = frame.dataEnd;
  u32[word + SKB_HARD_START / 4] = frame.hardStart;
  u32[word + SKB_HARD_END / 4] = frame.hardEnd;
  if (length < ETHERNET_HEADER) return;
  u32[word + SKB_PROTOCOL / 4] = protocolOf(u8, data, length);
  u32[word + SKB_PKT_TYPE / 4] = packetType(u8, data);
  u32[word + SKB_NETWORK_OFFSET / 4] = ETHERNET_HEADER;
}

/** tc and tcx: the packet as a socket buffer, after XDP and before (or after) the IP stack. */
export const tcHook: PacketHook = {
  programTypes: ['sched_cls', 'sched_act'],
  contextSize: SKB_CTX_SIZE,
  publicSize: SKB_MD_SIZE,
  dataField: SKB_DATA,
  dataEndField: SKB_DATA_END,
  redirectField: SKB_REDIRECT,
  faultCode: 2,
  exclusive: false,
  settable: [
    [SKB_MARK, 4],
    [SKB_PRIORITY, 4],
    [SKB_INGRESS_IFINDEX, 4],
    [SKB_IFINDEX, 4],
    [SKB_CB, 20],
    [SKB_TSTAMP, 8],
    [SKB_WIRE_LEN, 4],
    [SKB_GSO_SEGS, 4],
    [SKB_GSO_SIZE, 4],
    [SKB_HWTSTAMP, 8],
  ],
  settle(u32, at, ifindex) {
    const word = at >>> 2;
    u32[word + SKB_IFINDEX / 4] ||= ifindex;
    u32[word + SKB_WIRE_LEN / 4] ||= u32[word + SKB_LEN / 4]!;
  },
  prepare(u32, u8, at, frame) {
    const word = at >>> 2;
    u32.fill(0, word, word + SKB_CTX_SIZE / 4);
    const tagged =
      frame.dataEnd - frame.data >= ETHERNET_HEADER + 4 && isVlanTag(u8, frame.data + 12);
    const data = tagged ? untag(u32, u8, word, frame.data) : frame.data;
    fill(u32, u8, word, frame, data);
    u32[word + SKB_WIRE_LEN / 4] = frame.dataEnd - data;
    u32[word + SKB_INGRESS_IFINDEX / 4] = frame.ifindex;
  },
  /** Puts the VLAN tag back where it is on the wire. */
  finish(u32, u8, at) {
    const word = at >>> 2;
    const data = u32[word + SKB_DATA / 4]!;
    const room = data - u32[word + SKB_HARD_START / 4]!;
    const length = u32[word + SKB_DATA_END / 4]! - data;
    if (u32[word + SKB_VLAN_PRESENT / 4] === 0 || room < 4 || length < 12) return;
    u8.copyWithin(data - 4, data, data + 12);
    const protocol = u32[word + SKB_VLAN_PROTO / 4]!;
    const tci = u32[word + SKB_VLAN_TCI / 4]!;
    u8[data + 8] = protocol;
    u8[data + 9] = protocol >>> 8;
    u8[data + 10] = tci >>> 8;
    u8[data + 11] = tci;
    u32[word + SKB_DATA / 4] = data - 4;
    u32[word + SKB_VLAN_PRESENT / 4] = 0;
  },
  verdict(code) {
    return VERDICTS[code] ?? { name: `unknown ${code}`, fate: 'pass' };
  },
};

/** Bytes that must follow the Ethernet header, by EtherType. */
const SHORTEST_HEADER: Readonly<Record<number, number>> = { 0x0800: 20, 0x86dd: 40 };

/**
 * What BPF_PROG_TEST_RUN makes of a packet (mirrors bpf_prog_test_run_skb): it came to the loopback
 * device, whose address is all zeros; a VLAN tag stays where it was, in the packet or in the
 * context.
 */
export const tcTestRun: PacketHook = {
  ...tcHook,
  ofSocket: true,
  prepare(u32, u8, at, frame) {
    const word = at >>> 2;
    u32.fill(0, word, word + SKB_CTX_SIZE / 4);
    fill(u32, u8, word, frame, frame.data);
    u32[word + SKB_PKT_TYPE / 4] = loopbackPacketType(u8, frame.data);
  },
  finish() {},
  refuse(packet) {
    const type = (packet[12]! << 8) | packet[13]!;
    const need = SHORTEST_HEADER[type] ?? 0;
    if (packet.length - ETHERNET_HEADER >= need) return undefined;
    return `a packet that says it is IP and ends before the IP header does`;
  },
};
