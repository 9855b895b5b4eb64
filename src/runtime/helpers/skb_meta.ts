/** What is known about a socket buffer besides its bytes (net/core/filter.c). */
import {
  BPF_SKB_CLOCK_MONOTONIC,
  BPF_SKB_CLOCK_REALTIME,
  BPF_SKB_CLOCK_TAI,
} from '../../abi/generated/6.12/constants';
import {
  CHECKSUM_COMPLETE,
  GLOBALS,
  G_SEED,
  SKB_CGROUP,
  SKB_CLASSID,
  SKB_CSUM,
  SKB_F_L4_HASH,
  SKB_F_SW_HASH,
  SKB_FLAGS,
  SKB_HASH,
  SKB_IP_SUMMED,
  SKB_NETWORK_OFFSET,
  SKB_PKT_TYPE,
  SKB_PROTOCOL,
  SKB_REALM,
  SKB_SOCKET_COOKIE,
  SKB_TSTAMP,
  SKB_TSTAMP_TYPE,
} from '../layout';
import { csum16Add, csumAdd, csumSub } from '../core/checksum';
import { EINVAL, EOPNOTSUPP } from '../core/errno';
import { ancestorId, cgroupId } from '../core/owner';
import { skbData, skbLength } from '../core/packet';
import { ETH_P_IP, ETH_P_IPV6, isVlan } from '../core/protocols';

const PACKET_OTHERHOST: u32 = 3;
const OVERFLOW_UID: u64 = 65534;
const ECN_CE: u32 = 3;
const ETH_HLEN: u32 = 14;
/** VLAN_MAX_DEPTH, less the last one. */
const MOST_TAGS = 7;

export function skbClearHash(skb: u32): void {
  store<u32>(skb, 0, SKB_HASH);
  store<u32>(skb, load<u32>(skb, SKB_FLAGS) & ~(SKB_F_L4_HASH | SKB_F_SW_HASH), SKB_FLAGS);
}

export function bpf_set_hash_invalid(skb: u64): u64 {
  skbClearHash(<u32>skb);
  return 0;
}

export function bpf_set_hash(skb: u64, hash: u64): u64 {
  setHash(<u32>skb, <u32>hash, true);
  return 0;
}

function setHash(skb: u32, hash: u32, overPorts: bool): void {
  const flags = load<u32>(skb, SKB_FLAGS) & ~SKB_F_L4_HASH;
  store<u32>(skb, hash, SKB_HASH);
  store<u32>(skb, flags | SKB_F_SW_HASH | (overPorts ? SKB_F_L4_HASH : 0), SKB_FLAGS);
}

/**
 * The flow's hash, the same in both directions. Linux keys it with random bytes; here the key is
 * the machine's seed.
 */
export function bpf_get_hash_recalc(skb: u64): u64 {
  const at = <u32>skb;
  if (!(load<u32>(at, SKB_FLAGS) & (SKB_F_L4_HASH | SKB_F_SW_HASH))) hashFlow(at);
  return load<u32>(at, SKB_HASH);
}

function hashFlow(skb: u32): void {
  const ip = skbData(skb) + load<u32>(skb, SKB_NETWORK_OFFSET);
  const left = skbData(skb) + skbLength(skb) - ip;
  const protocol = load<u16>(skb, SKB_PROTOCOL);
  if (protocol == ETH_P_IP && left >= 20) {
    const ports = ip + ((<u32>load<u8>(ip) & 15) << 2);
    const fragment = (load<u16>(ip, 6) & 0xff3f) != 0;
    const next: u32 = fragment ? 0 : load<u8>(ip, 9);
    hashPair(skb, ip + 12, ip + 16, 4, ports, left - (ports - ip), next);
  } else if (protocol == ETH_P_IPV6 && left >= 40) {
    hashPair(skb, ip + 8, ip + 24, 16, ip + 40, left - 40, load<u8>(ip, 6));
  } else {
    setHash(skb, mix(<u32>load<u64>(GLOBALS, G_SEED), protocol) | 1, false);
  }
}

/** Combines what each end says symmetrically, so that both directions agree. */
function hashPair(
  skb: u32,
  source: u32,
  destination: u32,
  size: u32,
  ports: u32,
  left: u32,
  protocol: u32,
): void {
  const seed = <u32>load<u64>(GLOBALS, G_SEED);
  let a = seed;
  let b = seed;
  for (let i: u32 = 0; i < size; i += 4) {
    a = mix(a, load<u32>(source + i));
    b = mix(b, load<u32>(destination + i));
  }
  const overPorts = (protocol == 6 || protocol == 17) && <i32>left >= 4;
  if (overPorts) {
    a = mix(a, load<u16>(ports));
    b = mix(b, load<u16>(ports, 2));
  }
  const hash = mix(mix(a ^ b, a + b), protocol);
  setHash(skb, hash == 0 ? 1 : hash, overPorts);
}

/** One step of MurmurHash3. */
function mix(hash: u32, word: u32): u32 {
  word *= 0xcc9e2d51;
  word = rotl<u32>(word, 15) * 0x1b873593;
  hash = rotl<u32>(hash ^ word, 13) * 5 + 0xe6546b64;
  hash ^= hash >> 16;
  return hash * 0x85ebca6b;
}

export function bpf_skb_change_type(skb: u64, type: u64): u64 {
  const at = <u32>skb;
  const wanted = <u32>type;
  if (load<u32>(at, SKB_PKT_TYPE) > PACKET_OTHERHOST || wanted > PACKET_OTHERHOST) return EINVAL;
  store<u32>(at, wanted, SKB_PKT_TYPE);
  return 0;
}

export function bpf_skb_set_tstamp(skb: u64, time: u64, type: u64): u64 {
  const at = <u32>skb;
  const protocol = load<u16>(at, SKB_PROTOCOL);
  if (protocol != ETH_P_IP && protocol != ETH_P_IPV6) return EOPNOTSUPP;
  const clock = <u32>type;
  if (clock > <u32>BPF_SKB_CLOCK_TAI) return EINVAL;
  const needsTime = clock == BPF_SKB_CLOCK_MONOTONIC || clock == BPF_SKB_CLOCK_TAI;
  if (needsTime && time == 0) return EINVAL;
  store<u64>(at, time, SKB_TSTAMP);
  store<u8>(at, clock == BPF_SKB_CLOCK_REALTIME ? 0 : clock, SKB_TSTAMP_TYPE);
  return 0;
}

/**
 * Marks "congestion experienced" in the IP header if its ends speak ECN; 1 if it stands there now.
 */
export function bpf_skb_ecn_set_ce(skb: u64): u64 {
  const at = <u32>skb;
  const ip = skbData(at) + load<u32>(at, SKB_NETWORK_OFFSET);
  const left = skbData(at) + skbLength(at) - ip;
  const protocol = protocolBehindTags(at);
  if (protocol == ETH_P_IP && left >= 20) return markIpv4(ip);
  if (protocol == ETH_P_IPV6 && left >= 40) return markIpv6(at, ip);
  return 0;
}

/**
 * Of a tagged packet what is in it (vlan_get_protocol). That moves no header: `ip` may be a tag.
 */
function protocolBehindTags(skb: u32): u16 {
  let protocol = load<u16>(skb, SKB_PROTOCOL);
  let tag: u32 = ETH_HLEN;
  for (let depth = 1; isVlan(protocol); depth++) {
    if (depth > MOST_TAGS || tag + 4 > skbLength(skb)) return 0;
    protocol = load<u16>(skbData(skb) + tag, 2);
    tag += 4;
  }
  return protocol;
}

function markIpv4(ip: u32): u64 {
  const ecn = <u32>load<u8>(ip, 1) & ECN_CE;
  if (ecn == ECN_CE) return 1;
  if (ecn == 0) return 0;
  store<u8>(ip, load<u8>(ip, 1) | <u8>ECN_CE, 1);
  // The header's sum grew by CE minus what stood there before, so its complement shrinks by that.
  store<u16>(ip, csum16Add(load<u16>(ip, 10), bswap<u16>(<u16>(0xfffc + ecn))), 10);
  return 1;
}

/** The traffic class is the second to fourth nibble; there is no header checksum. */
function markIpv6(skb: u32, ip: u32): u64 {
  const before = load<u32>(ip);
  if (((<u32>load<u8>(ip, 1) >> 4) & ECN_CE) == 0) return 0;
  store<u8>(ip, load<u8>(ip, 1) | <u8>(ECN_CE << 4), 1);
  if (load<u32>(skb, SKB_IP_SUMMED) == CHECKSUM_COMPLETE) {
    store<u32>(skb, csumAdd(csumSub(load<u32>(skb, SKB_CSUM), before), load<u32>(ip)), SKB_CSUM);
  }
  return 1;
}

// What the packet's socket and route would say. A packet without a socket has cookie and cgroup 0.

export function bpf_get_socket_cookie(skb: u64): u64 {
  return load<u64>(<u32>skb, SKB_SOCKET_COOKIE);
}

export function bpf_get_socket_uid(skb: u64): u64 {
  return load<u64>(<u32>skb, SKB_SOCKET_COOKIE) == 0 ? OVERFLOW_UID : 0;
}

export function bpf_skb_cgroup_id(skb: u64): u64 {
  const cgroup = load<u32>(<u32>skb, SKB_CGROUP);
  return cgroup == 0 ? 0 : cgroupId(cgroup);
}

export function bpf_skb_ancestor_cgroup_id(skb: u64, level: u64): u64 {
  const cgroup = load<u32>(<u32>skb, SKB_CGROUP);
  return cgroup == 0 ? 0 : ancestorId(cgroup, level);
}

export function bpf_skb_cgroup_classid(skb: u64): u64 {
  return load<u32>(<u32>skb, SKB_CLASSID);
}

export function bpf_get_cgroup_classid(skb: u64): u64 {
  return load<u32>(<u32>skb, SKB_CLASSID);
}

export function bpf_get_route_realm(skb: u64): u64 {
  return load<u32>(<u32>skb, SKB_REALM);
}
