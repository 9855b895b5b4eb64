/** Headers as they stand in frames: reading, writing, checksums. */
import { foldChecksum, sumWords } from '../../../packet/index.ts';

export const ETHERNET = 14;
export const ETH_IPV4 = 0x0800;
export const ETH_ARP = 0x0806;
export const ETH_IPV6 = 0x86dd;
export const ICMP = 1;
export const TCP = 6;
export const UDP = 17;
export const ICMPV6 = 58;

export const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

/** What IPv4 and IPv6 headers have in common, as offsets into the frame. */
export interface IpHeader {
  readonly version: 4 | 6;
  /** Where the next protocol begins. */
  readonly payload: number;
  /** Where the packet ends; a frame may be longer. */
  readonly end: number;
  readonly protocol: number;
  /** IPv6: where that number stands, counted from the header's first byte. */
  readonly protocolAt?: number;
  readonly ttl: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** IPv4: not in one piece. */
  readonly fragment: boolean;
  readonly dontFragment: boolean;
}

/** An IPv4 address of its own: a view of the frame costs several times as much. */
function fourBytes(data: Uint8Array, at: number): Uint8Array {
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) bytes[i] = data[at + i]!;
  return bytes;
}

/** Reads the header of an IPv4 frame; a word of enum skb_drop_reason if it is none. */
export function readIpv4(data: Uint8Array): IpHeader | string {
  const at = ETHERNET;
  if (data.length < at + 20) return 'PKT_TOO_SMALL';
  const size = (data[at]! & 15) * 4;
  if (data[at]! >> 4 !== 4 || size < 20) return 'IP_INHDR';
  if (data.length < at + size) return 'PKT_TOO_SMALL';
  if (foldChecksum(sumWords(data, at, at + size)) !== 0) return 'IP_CSUM';
  const total = u16(data, at + 2);
  if (data.length < at + total) return 'PKT_TOO_SMALL';
  if (total < size) return 'IP_INHDR';
  return {
    version: 4,
    payload: at + size,
    end: at + total,
    protocol: data[at + 9]!,
    ttl: data[at + 8]!,
    source: fourBytes(data, at + 12),
    destination: fourBytes(data, at + 16),
    fragment: (u16(data, at + 6) & 0x3fff) !== 0,
    dontFragment: (data[at + 6]! & 0x40) !== 0,
  };
}

/** Extension headers whose length is in their second byte: hop by hop, routing, destination. */
const EXTENSIONS = new Set([0, 43, 60]);

/** Reads the header of an IPv6 frame and skips what may stand before the protocol. */
export function readIpv6(data: Uint8Array): IpHeader | string {
  const at = ETHERNET;
  if (data.length < at + 40) return 'PKT_TOO_SMALL';
  if (data[at]! >> 4 !== 6) return 'IP_INHDR';
  const end = at + 40 + u16(data, at + 4);
  if (data.length < end) return 'PKT_TOO_SMALL';
  let protocol = data[at + 6]!;
  let payload = at + 40;
  let protocolAt = 6;
  while (EXTENSIONS.has(protocol)) {
    if (payload + 8 > end) return 'IPV6_BAD_EXTHDR';
    protocol = data[payload]!;
    protocolAt = payload - at;
    payload += (data[payload + 1]! + 1) * 8;
    if (payload > end) return 'IPV6_BAD_EXTHDR';
  }
  if (protocol === 44 && payload + 8 > end) return 'IPV6_BAD_EXTHDR';
  return {
    version: 6,
    payload,
    end,
    protocol,
    protocolAt,
    ttl: data[at + 7]!,
    source: data.subarray(at + 8, at + 24),
    destination: data.subarray(at + 24, at + 40),
    fragment: protocol === 44,
    dontFragment: true,
  };
}

/** Where the last header before `payload` of an IPv6 frame says what follows it. */
export function nextHeaderAt(data: Uint8Array, payload: number): number {
  let place = ETHERNET + 6;
  let at = ETHERNET + 40;
  while (at < payload) {
    place = at;
    at += (data[at + 1]! + 1) * 8;
  }
  return place;
}

export function readIp(data: Uint8Array): IpHeader | string {
  return u16(data, 12) === ETH_IPV6 ? readIpv6(data) : readIpv4(data);
}

/** Writes the checksum of an IPv4 header. */
export function sealIpv4(data: Uint8Array): void {
  const size = (data[ETHERNET]! & 15) * 4;
  put16(data, ETHERNET + 10, 0);
  put16(data, ETHERNET + 10, foldChecksum(sumWords(data, ETHERNET, ETHERNET + size)));
}

/** Sum of the pseudo header that UDP, TCP and ICMPv6 count in. */
export function pseudoSum(header: Pick<IpHeader, 'source' | 'destination'>, rest: number): number {
  const { source, destination } = header;
  return sumWords(destination, 0, destination.length, sumWords(source, 0, source.length, rest));
}

/** What a packet is made of. */
export interface IpParts {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly ttl: number;
  readonly payload: Uint8Array;
  readonly id?: number;
  readonly dontFragment?: boolean;
  /** Type of service; IPv4 only. */
  readonly tos?: number;
}

/** An Ethernet frame with an IP header around a payload. The hardware addresses stay zero. */
export function ipFrame(parts: IpParts): Uint8Array {
  return parts.source.length === 4 ? ipv4Frame(parts) : ipv6Frame(parts);
}

function ipv4Frame({ source, destination, protocol, ttl, payload, ...rest }: IpParts): Uint8Array {
  const data = new Uint8Array(ETHERNET + 20 + payload.length);
  put16(data, 12, ETH_IPV4);
  data[ETHERNET] = 0x45;
  data[ETHERNET + 1] = rest.tos ?? 0;
  put16(data, ETHERNET + 2, 20 + payload.length);
  put16(data, ETHERNET + 4, rest.id ?? 0);
  data[ETHERNET + 6] = rest.dontFragment ? 0x40 : 0;
  data[ETHERNET + 8] = ttl;
  data[ETHERNET + 9] = protocol;
  data.set(source, ETHERNET + 12);
  data.set(destination, ETHERNET + 16);
  data.set(payload, ETHERNET + 20);
  sealIpv4(data);
  return data;
}

function ipv6Frame({ source, destination, protocol, ttl, payload }: IpParts): Uint8Array {
  const data = new Uint8Array(ETHERNET + 40 + payload.length);
  put16(data, 12, ETH_IPV6);
  data[ETHERNET] = 0x60;
  put16(data, ETHERNET + 4, payload.length);
  data[ETHERNET + 6] = protocol;
  data[ETHERNET + 7] = ttl;
  data.set(source, ETHERNET + 8);
  data.set(destination, ETHERNET + 24);
  data.set(payload, ETHERNET + 40);
  return data;
}

type Ends = Pick<IpHeader, 'source' | 'destination'>;

/** Puts the checksum over pseudo header and payload to `at` of the payload. */
export function sealTransport(payload: Uint8Array, at: number, ends: Ends, protocol: number): void {
  put16(payload, at, 0);
  const pseudo = pseudoSum(ends, protocol + payload.length);
  const sum = foldChecksum(sumWords(payload, 0, payload.length, pseudo));
  put16(payload, at, sum === 0 && protocol === UDP ? 0xffff : sum);
}

/** A UDP datagram with its checksum. */
export function udpPayload(
  ends: Ends,
  sourcePort: number,
  destinationPort: number,
  body: Uint8Array,
): Uint8Array {
  const payload = new Uint8Array(8 + body.length);
  put16(payload, 0, sourcePort);
  put16(payload, 2, destinationPort);
  put16(payload, 4, payload.length);
  payload.set(body, 8);
  sealTransport(payload, 6, ends, UDP);
  return payload;
}
