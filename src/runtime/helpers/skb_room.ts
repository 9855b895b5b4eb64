/** Growing and shrinking socket buffers (net/core/filter.c). */
import {
  BPF_ADJ_ROOM_ENCAP_L2_MASK,
  BPF_ADJ_ROOM_ENCAP_L2_SHIFT,
  BPF_ADJ_ROOM_MAC,
  BPF_ADJ_ROOM_NET,
  BPF_F_ADJ_ROOM_DECAP_L3_IPV4,
  BPF_F_ADJ_ROOM_DECAP_L3_IPV6,
  BPF_F_ADJ_ROOM_ENCAP_L2_ETH,
  BPF_F_ADJ_ROOM_ENCAP_L3_IPV4,
  BPF_F_ADJ_ROOM_ENCAP_L3_IPV6,
  BPF_F_ADJ_ROOM_ENCAP_L4_GRE,
  BPF_F_ADJ_ROOM_ENCAP_L4_UDP,
  BPF_F_ADJ_ROOM_FIXED_GSO,
  BPF_F_ADJ_ROOM_NO_CSUM_RESET,
} from '../../abi/generated/6.12/constants';
import {
  CHECKSUM_COMPLETE,
  CHECKSUM_NONE,
  SKB_CSUM,
  SKB_DATA,
  SKB_F_ENCAPSULATION,
  SKB_FLAGS,
  SKB_GSO_DODGY,
  SKB_GSO_GRE,
  SKB_GSO_IPXIP4,
  SKB_GSO_IPXIP6,
  SKB_GSO_SEGS,
  SKB_GSO_SIZE,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_TYPE,
  SKB_GSO_UDP_L4,
  SKB_GSO_UDP_TUNNEL,
  SKB_IP_SUMMED,
  SKB_NETWORK_OFFSET,
  SKB_PROTOCOL,
  SKB_TRANSPORT_OFFSET,
} from '../layout';
import { csumPartial, csumShift, csumSub } from '../core/checksum';
import { EALREADY, EFAULT, EINVAL, ENOMEM, ENOTSUPP } from '../core/errno';
import { ETH_HLEN, skbData, skbEnd, skbLength, skbRoom, skbSet } from '../core/packet';
import { ETH_P_IP, ETH_P_IPV6 } from '../core/protocols';
import { skbForgetChecksum } from './skb_csum';
import { skbClearHash } from './skb_meta';

const IPV4_HEADER: u32 = 20;
const IPV6_HEADER: u32 = 40;
/** BPF_SKB_MAX_LEN: four pages without the kernel's own trailer. */
const MAX_LENGTH: u32 = 16384 - 320;
const MAX_DIFFERENCE: u32 = 0xfff;

const ENCAP_L3: u64 = BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
const DECAP_L3: u64 = BPF_F_ADJ_ROOM_DECAP_L3_IPV4 | BPF_F_ADJ_ROOM_DECAP_L3_IPV6;
const L2_LENGTH: u64 = (<u64>BPF_ADJ_ROOM_ENCAP_L2_MASK) << BPF_ADJ_ROOM_ENCAP_L2_SHIFT;
const GROW_FLAGS: u64 =
  ENCAP_L3 |
  DECAP_L3 |
  L2_LENGTH |
  BPF_F_ADJ_ROOM_FIXED_GSO |
  BPF_F_ADJ_ROOM_ENCAP_L4_GRE |
  BPF_F_ADJ_ROOM_ENCAP_L4_UDP |
  BPF_F_ADJ_ROOM_ENCAP_L2_ETH |
  BPF_F_ADJ_ROOM_NO_CSUM_RESET;
const SHRINK_FLAGS: u64 = DECAP_L3 | BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET;

/** @inline */
function networkOffset(skb: u32): u32 {
  return load<u32>(skb, SKB_NETWORK_OFFSET);
}

/** @inline */
function isGso(skb: u32): bool {
  return load<u32>(skb, SKB_GSO_SIZE) != 0;
}

/** @inline */
function protocolOf(skb: u32): u16 {
  return load<u16>(skb, SKB_PROTOCOL);
}

/** @inline */
function setProtocol(skb: u32, protocol: u16): void {
  store<u32>(skb, protocol, SKB_PROTOCOL);
}

/** UDP segments keep their boundaries: only allowed when the caller says that gso_size stays. */
function gsoRefuses(skb: u32, flags: u64): bool {
  if (!isGso(skb)) return false;
  const type = load<u32>(skb, SKB_GSO_TYPE);
  if (type & (SKB_GSO_TCPV4 | SKB_GSO_TCPV6)) return false;
  return !(type & SKB_GSO_UDP_L4) || !(flags & BPF_F_ADJ_ROOM_FIXED_GSO);
}

/** The transport header stays at its bytes when the packet's start moves by `by`. */
function shiftTransport(skb: u32, by: i32): void {
  const offset = load<u32>(skb, SKB_TRANSPORT_OFFSET);
  if (offset != 0) store<u32>(skb, offset + by, SKB_TRANSPORT_OFFSET);
}

/** `length` zero bytes at `offset`; what is before them moves to the front. */
function push(skb: u32, offset: u32, length: u32): i64 {
  if (!skbRoom(skb, length, 0)) return ENOMEM;
  const from = skbData(skb);
  const data = from - length;
  memory.copy(data, from, offset);
  memory.fill(data + offset, 0, length);
  skbSet(skb, data, skbEnd(skb));
  shiftTransport(skb, length);
  return 0;
}

/** Takes out `length` bytes at `offset`. */
function pop(skb: u32, offset: u32, length: u32): i64 {
  if (offset + length > skbLength(skb)) return ENOMEM;
  const from = skbData(skb);
  if (load<u32>(skb, SKB_IP_SUMMED) == CHECKSUM_COMPLETE) {
    const removed = csumShift(csumPartial(from + offset, length, 0), offset);
    store<u32>(skb, csumSub(load<u32>(skb, SKB_CSUM), removed), SKB_CSUM);
  }
  memory.copy(from + length, from, offset);
  skbSet(skb, from + length, skbEnd(skb));
  shiftTransport(skb, -(<i32>length));
  return 0;
}

// ---- bpf_skb_adjust_room -----------------------------------------------------------------------

function headerSize(protocol: u16): u32 {
  return protocol == ETH_P_IP ? IPV4_HEADER : IPV6_HEADER;
}

export function bpf_skb_adjust_room(skb: u64, difference: u64, mode: u64, flags: u64): u64 {
  const at = <u32>skb;
  const by = <i32>difference;
  const length: u32 = by < 0 ? 0 - <u32>by : <u32>by;
  const protocol = protocolOf(at);
  if (flags & ~GROW_FLAGS) return EINVAL;
  if (length > MAX_DIFFERENCE) return EFAULT;
  if (protocol != ETH_P_IP && protocol != ETH_P_IPV6) return ENOTSUPP;
  if (<u32>mode != BPF_ADJ_ROOM_NET && <u32>mode != BPF_ADJ_ROOM_MAC) return ENOTSUPP;
  const error = sizeError(at, by < 0, length, flags);
  if (error != 0) return error;
  const offset = networkOffset(at) + (<u32>mode == BPF_ADJ_ROOM_NET ? headerSize(protocol) : 0);
  const result = by < 0 ? shrink(at, offset, length, flags) : grow(at, offset, length, flags);
  if (result == 0 && !(flags & BPF_F_ADJ_ROOM_NO_CSUM_RESET)) skbForgetChecksum(at);
  return result;
}

/** Errno when the packet would become too short or too long. */
function sizeError(skb: u32, shrinks: bool, length: u32, flags: u64): i64 {
  let least = headerSize(protocolOf(skb));
  if (flags & DECAP_L3) {
    if (!shrinks || (flags & DECAP_L3) == DECAP_L3) return EINVAL;
    least = flags & BPF_F_ADJ_ROOM_DECAP_L3_IPV4 ? IPV4_HEADER : IPV6_HEADER;
  }
  const have = skbLength(skb) - networkOffset(skb);
  if (shrinks) return length >= have || have - length < least ? ENOTSUPP : 0;
  return skbLength(skb) + length > MAX_LENGTH && !isGso(skb) ? ENOTSUPP : 0;
}

/** Errno for flags of an encapsulation that contradict each other or the packet. */
function encapError(skb: u32, length: u32, flags: u64): i64 {
  const l2 = <u32>(flags >> BPF_ADJ_ROOM_ENCAP_L2_SHIFT);
  const both: u64 = BPF_F_ADJ_ROOM_ENCAP_L4_GRE | BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
  if ((flags & ENCAP_L3) == ENCAP_L3 || (flags & both) == both) return EINVAL;
  if (flags & BPF_F_ADJ_ROOM_ENCAP_L2_ETH && l2 < ETH_HLEN) return EINVAL;
  if (load<u32>(skb, SKB_FLAGS) & SKB_F_ENCAPSULATION) return EALREADY;
  return l2 > length ? EINVAL : 0;
}

function grow(skb: u32, offset: u32, length: u32, flags: u64): i64 {
  if (gsoRefuses(skb, flags)) return ENOTSUPP;
  const encap = (flags & ENCAP_L3) != 0;
  if (encap) {
    const error = encapError(skb, length, flags);
    if (error != 0) return error;
  }
  const error = push(skb, offset, length);
  if (error != 0) return error;
  if (encap) encapsulate(skb, flags);
  if (isGso(skb)) {
    const type = SKB_GSO_DODGY | (encap ? tunnelGso(flags) : 0);
    store<u32>(skb, load<u32>(skb, SKB_GSO_TYPE) | type, SKB_GSO_TYPE);
    store<u32>(skb, 0, SKB_GSO_SEGS);
    if (!(flags & BPF_F_ADJ_ROOM_FIXED_GSO)) resize(skb, -(<i32>length));
  }
  return 0;
}

/** gso_size is 16 bits wide. */
function resize(skb: u32, by: i32): void {
  store<u32>(skb, (load<u32>(skb, SKB_GSO_SIZE) + by) & 0xffff, SKB_GSO_SIZE);
}

function tunnelGso(flags: u64): u32 {
  if (flags & BPF_F_ADJ_ROOM_ENCAP_L4_UDP) return SKB_GSO_UDP_TUNNEL;
  if (flags & BPF_F_ADJ_ROOM_ENCAP_L4_GRE) return SKB_GSO_GRE;
  return flags & BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 ? SKB_GSO_IPXIP6 : SKB_GSO_IPXIP4;
}

/** The packet's outer header is the one whose room was made. */
function encapsulate(skb: u32, flags: u64): void {
  store<u32>(skb, load<u32>(skb, SKB_FLAGS) | SKB_F_ENCAPSULATION, SKB_FLAGS);
  const ipv6 = (flags & BPF_F_ADJ_ROOM_ENCAP_L3_IPV6) != 0;
  if (flags & (BPF_F_ADJ_ROOM_ENCAP_L4_GRE | BPF_F_ADJ_ROOM_ENCAP_L4_UDP)) {
    const header = ipv6 ? IPV6_HEADER : IPV4_HEADER;
    store<u32>(skb, networkOffset(skb) + header, SKB_TRANSPORT_OFFSET);
  }
  setProtocol(skb, ipv6 ? ETH_P_IPV6 : ETH_P_IP);
}

function shrink(skb: u32, offset: u32, length: u32, flags: u64): i64 {
  if (flags & ~SHRINK_FLAGS) return EINVAL;
  if (gsoRefuses(skb, flags)) return ENOTSUPP;
  const error = pop(skb, offset, length);
  if (error != 0) return error;
  if (flags & BPF_F_ADJ_ROOM_DECAP_L3_IPV6) setProtocol(skb, ETH_P_IPV6);
  else if (flags & BPF_F_ADJ_ROOM_DECAP_L3_IPV4) setProtocol(skb, ETH_P_IP);
  if (isGso(skb)) {
    if (!(flags & BPF_F_ADJ_ROOM_FIXED_GSO)) resize(skb, length);
    store<u32>(skb, load<u32>(skb, SKB_GSO_TYPE) | SKB_GSO_DODGY, SKB_GSO_TYPE);
    store<u32>(skb, 0, SKB_GSO_SEGS);
  }
  return 0;
}

// ---- Protocol, head, tail ----------------------------------------------------------------------

/**
 * IPv4 ↔ IPv6: makes or takes the 20 bytes between the header sizes; the program writes the header.
 */
export function bpf_skb_change_proto(skb: u64, protocol: u64, flags: u64): u64 {
  if (flags != 0) return EINVAL;
  const at = <u32>skb;
  const from = protocolOf(at);
  const to = <u16>protocol;
  const length = IPV6_HEADER - IPV4_HEADER;
  let error: i64 = ENOTSUPP;
  if (from == ETH_P_IP && to == ETH_P_IPV6) error = push(at, networkOffset(at), length);
  else if (from == ETH_P_IPV6 && to == ETH_P_IP) error = pop(at, networkOffset(at), length);
  if (error != 0) return error;
  if (isGso(at)) translateGso(at, to);
  setProtocol(at, to);
  skbClearHash(at);
  return 0;
}

function translateGso(skb: u32, to: u16): void {
  const was: u32 = to == ETH_P_IPV6 ? SKB_GSO_TCPV4 : SKB_GSO_TCPV6;
  const becomes: u32 = to == ETH_P_IPV6 ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4;
  let type = load<u32>(skb, SKB_GSO_TYPE);
  if (type & was) type = (type & ~was) | becomes;
  store<u32>(skb, type | SKB_GSO_DODGY, SKB_GSO_TYPE);
}

/** Shortest length a packet may be cut to: its headers up to the transport layer. */
function leastLength(skb: u32): u32 {
  const transport = load<u32>(skb, SKB_TRANSPORT_OFFSET);
  return transport != 0 ? transport : networkOffset(skb);
}

export function bpf_skb_change_tail(skb: u64, length: u64, flags: u64): u64 {
  const at = <u32>skb;
  const wanted = <u32>length;
  if (flags != 0 || wanted > MAX_LENGTH || wanted < leastLength(at)) return EINVAL;
  if (load<u32>(at, SKB_FLAGS) & SKB_F_ENCAPSULATION) return ENOTSUPP;
  const have = skbLength(at);
  if (wanted > have) {
    if (!skbRoom(at, 0, wanted - have)) return ENOMEM;
    memory.fill(skbEnd(at), 0, wanted - have);
    const complete = load<u32>(at, SKB_IP_SUMMED) == CHECKSUM_COMPLETE;
    if (complete) store<u32>(at, CHECKSUM_NONE, SKB_IP_SUMMED);
  } else if (wanted < have && load<u32>(at, SKB_IP_SUMMED) == CHECKSUM_COMPLETE) {
    forgetTail(at, wanted, have - wanted);
  }
  skbSet(at, skbData(at), skbData(at) + wanted);
  if (isGso(at)) {
    store<u32>(at, 0, SKB_GSO_SIZE);
    store<u32>(at, 0, SKB_GSO_SEGS);
    store<u32>(at, 0, SKB_GSO_TYPE);
  }
  return 0;
}

function forgetTail(skb: u32, offset: u32, length: u32): void {
  const removed = csumShift(csumPartial(skbData(skb) + offset, length, 0), offset);
  store<u32>(skb, csumSub(load<u32>(skb, SKB_CSUM), removed), SKB_CSUM);
}

/** Zeroed room for a new link layer header; the network header stays where it is. */
export function bpf_skb_change_head(skb: u64, room: u64, flags: u64): u64 {
  const at = <u32>skb;
  const length = <u32>room;
  const wanted = skbLength(at) + length;
  if (flags != 0 || wanted < length || (!isGso(at) && wanted > MAX_LENGTH)) return EINVAL;
  if (!skbRoom(at, length, 0)) return ENOMEM;
  const data = load<u32>(at, SKB_DATA) - length;
  memory.fill(data, 0, length);
  skbSet(at, data, skbEnd(at));
  store<u32>(at, networkOffset(at) + length, SKB_NETWORK_OFFSET);
  shiftTransport(at, length);
  return 0;
}
