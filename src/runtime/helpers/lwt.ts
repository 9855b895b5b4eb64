/**
 * bpf_lwt_push_encap: headers in front of a packet that a route's program has (net/core/filter.c,
 * lwt_bpf.c, net/ipv6/seg6_iptunnel.c). Packets begin with their network header.
 */
import {
  SKB_DATA_END,
  SKB_F_ENCAPSULATION,
  SKB_FLAGS,
  SKB_NETWORK_OFFSET,
  SKB_PROTOCOL,
  SKB_TRANSPORT_OFFSET,
} from '../layout';
import { csumFold, csumPartial } from '../core/checksum';
import { EBADMSG, EINVAL, ENOMEM } from '../core/errno';
import { skbData, skbLength, skbRoom, skbSet } from '../core/packet';
import { ETH_P_IP, ETH_P_IPV6 } from '../core/protocols';
import { skbClearHash } from './skb_meta';

const BPF_LWT_ENCAP_SEG6: u32 = 0;
const BPF_LWT_ENCAP_SEG6_INLINE: u32 = 1;
const BPF_LWT_ENCAP_IP: u32 = 2;
/** LWT_BPF_MAX_HEADROOM */
const MOST: u32 = 256;
const IPV4_HEADER: u32 = 20;
const IPV6_HEADER: u32 = 40;
const UDP_HEADER: u32 = 8;
const UDP: u8 = 17;
const ROUTING: u8 = 43;
const IPPROTO_IPV6: u8 = 41;
/** IPV6_SRCRT_TYPE_4 */
const SEGMENTS: u8 = 4;
/** struct ipv6_sr_hdr: hdrlen, type, segments_left, first_segment, then the segments. */
const SRH_LENGTH: u32 = 1;
const SRH_TYPE: u32 = 2;
const SRH_LEFT: u32 = 3;
const SRH_FIRST: u32 = 4;
const SRH_SEGMENTS: u32 = 8;

export function bpf_lwt_in_push_encap(skb: u64, type: u64, header: u64, length: u64): u64 {
  const kind = <u32>type;
  if (kind == BPF_LWT_ENCAP_SEG6 || kind == BPF_LWT_ENCAP_SEG6_INLINE) {
    return pushSegments(<u32>skb, kind, <u32>header, <u32>length);
  }
  return kind == BPF_LWT_ENCAP_IP ? pushIp(<u32>skb, <u32>header, <u32>length) : EINVAL;
}

export function bpf_lwt_xmit_push_encap(skb: u64, type: u64, header: u64, length: u64): u64 {
  return <u32>type == BPF_LWT_ENCAP_IP ? pushIp(<u32>skb, <u32>header, <u32>length) : EINVAL;
}

/** Length of the IP header among what is pushed, 0 if it is none. */
function ipHeaderSize(header: u32, length: u32): u32 {
  if (length < IPV4_HEADER || length > MOST) return 0;
  const version = load<u8>(header) >> 4;
  if (version != 4 && version != 6) return 0;
  const size = version == 4 ? (<u32>load<u8>(header) & 15) << 2 : IPV6_HEADER;
  if (length < size) return 0;
  const next = version == 4 ? load<u8>(header, 9) : load<u8>(header, 6);
  return next == UDP && length < size + UDP_HEADER ? 0 : size;
}

/** bpf_lwt_push_ip_encap */
function pushIp(skb: u32, header: u32, length: u32): u64 {
  const size = ipHeaderSize(header, length);
  if (size == 0) return EINVAL;
  if (!skbRoom(skb, length, 0)) return ENOMEM;
  const data = skbData(skb) - length;
  memory.copy(data, header, length);
  skbSet(skb, data, load<u32>(skb, SKB_DATA_END));
  const four = load<u8>(data) >> 4 == 4;
  const next = four ? load<u8>(data, 9) : load<u8>(data, 6);
  if (next == UDP) store<u32>(skb, size, SKB_TRANSPORT_OFFSET);
  pushed(skb, four ? ETH_P_IP : ETH_P_IPV6);
  if (four && load<u16>(data, 10) == 0) store<u16>(data, csumFold(csumPartial(data, size, 0)), 10);
  return 0;
}

function pushed(skb: u32, protocol: u32): void {
  store<u32>(skb, 0, SKB_NETWORK_OFFSET);
  store<u32>(skb, load<u32>(skb, SKB_FLAGS) | SKB_F_ENCAPSULATION, SKB_FLAGS);
  store<u32>(skb, protocol, SKB_PROTOCOL);
  skbClearHash(skb);
}

/** seg6_validate_srh, of a whole header. */
function validSegments(header: u32, length: u32): bool {
  if (length < SRH_SEGMENTS || load<u8>(header, SRH_TYPE) != SEGMENTS) return false;
  const words = <u32>load<u8>(header, SRH_LENGTH);
  const first = <u32>load<u8>(header, SRH_FIRST);
  if ((words + 1) << 3 != length) return false;
  if (<u32>load<u8>(header, SRH_LEFT) > first) return false;
  const known = SRH_SEGMENTS + ((first + 1) << 4);
  return known <= length && validOptions(header + known, length - known);
}

/** Type, length and value: all of them end where the header does. */
function validOptions(at: u32, left: u32): bool {
  while (left > 0) {
    if (left < 2) return false;
    const size: u32 = 2 + <u32>load<u8>(at, 1);
    if (size > left) return false;
    at += size;
    left -= size;
  }
  return true;
}

/** bpf_push_seg6_encap. The source of the header in front is :: until the packet is routed. */
function pushSegments(skb: u32, type: u32, header: u32, length: u32): u64 {
  if (!validSegments(header, length)) return EINVAL;
  const six = load<u16>(skb, SKB_PROTOCOL) == ETH_P_IPV6;
  const around = type == BPF_LWT_ENCAP_SEG6;
  if (!around && !six) return EBADMSG;
  if (skbLength(skb) < IPV6_HEADER) return EINVAL;
  const grow = around ? length + IPV6_HEADER : length;
  if (!skbRoom(skb, grow, 0)) return ENOMEM;
  const inner = skbData(skb);
  const data = inner - grow;
  if (around) headerAround(data, inner, six);
  else memory.copy(data, inner, IPV6_HEADER);
  const segments = data + IPV6_HEADER;
  const next = around ? IPPROTO_IPV6 : load<u8>(data, 6);
  memory.copy(segments, header, length);
  store<u8>(segments, next);
  if (!around) memory.copy(segments + SRH_SEGMENTS, data + 24, 16);
  memory.copy(data + 24, segments + SRH_SEGMENTS + ((<u32>load<u8>(segments, SRH_FIRST)) << 4), 16);
  store<u8>(data, ROUTING, 6);
  skbSet(skb, data, load<u32>(skb, SKB_DATA_END));
  store<u16>(data, bswap<u16>(<u16>(skbLength(skb) - IPV6_HEADER)), 4);
  store<u32>(skb, IPV6_HEADER, SKB_TRANSPORT_OFFSET);
  if (around) pushed(skb, ETH_P_IPV6);
  return 0;
}

/** Traffic class and hop limit are those of the packet inside, if that is IPv6. */
function headerAround(data: u32, inner: u32, six: bool): void {
  memory.fill(data, 0, IPV6_HEADER);
  store<u8>(data, six ? load<u8>(inner) : 0x60);
  if (six) store<u8>(data, load<u8>(inner, 1) & 0xf0, 1);
  store<u8>(data, six ? load<u8>(inner, 7) : 64, 7);
}
