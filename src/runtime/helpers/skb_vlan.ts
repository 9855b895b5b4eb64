/**
 * VLAN tags (net/core/skbuff.c). The outermost tag lives beside the packet, in the context, as if a
 * network card had taken it out; further ones are in the packet.
 */
import {
  CHECKSUM_COMPLETE,
  SKB_CSUM,
  SKB_IP_SUMMED,
  SKB_NETWORK_OFFSET,
  SKB_PROTOCOL,
  SKB_TRANSPORT_OFFSET,
  SKB_VLAN_PRESENT,
  SKB_VLAN_PROTO,
  SKB_VLAN_TCI,
} from '../layout';
import { csumAdd, csumPartial, csumSub } from '../core/checksum';
import { ENOMEM } from '../core/errno';
import { ETH_HLEN, skbData, skbEnd, skbLength, skbRoom, skbSet } from '../core/packet';
import { ETH_P_8021AD, ETH_P_8021Q, ETH_P_802_2, ETH_P_802_3, isVlan } from '../core/protocols';

const TAG: u32 = 4;
const ADDRESSES: u32 = 12;
const VLAN_ETH_HLEN: u32 = 18;
/** Values below are lengths of 802.3 frames. */
const ETH_P_802_3_MIN: u16 = 0x0600;

function setTag(skb: u32, protocol: u16, tci: u16): void {
  store<u32>(skb, 1, SKB_VLAN_PRESENT);
  store<u32>(skb, protocol, SKB_VLAN_PROTO);
  store<u32>(skb, tci, SKB_VLAN_TCI);
}

function clearTag(skb: u32): void {
  store<u32>(skb, 0, SKB_VLAN_PRESENT);
  store<u32>(skb, 0, SKB_VLAN_PROTO);
  store<u32>(skb, 0, SKB_VLAN_TCI);
}

export function bpf_skb_vlan_push(skb: u64, protocol: u64, tci: u64): u64 {
  const at = <u32>skb;
  const wanted = isVlan(<u16>protocol) ? <u16>protocol : ETH_P_8021Q;
  if (load<u32>(at, SKB_VLAN_PRESENT) != 0 && !insertTag(at)) return ENOMEM;
  setTag(at, wanted, <u16>tci);
  return 0;
}

/** Writes the tag beside the packet into it. */
function insertTag(skb: u32): bool {
  if (!skbRoom(skb, TAG, 0)) return false;
  const from = skbData(skb);
  const data = from - TAG;
  const protocol = load<u16>(skb, SKB_VLAN_PROTO);
  memory.copy(data, from, ADDRESSES);
  store<u16>(data, protocol, ADDRESSES);
  store<u16>(data, bswap<u16>(load<u16>(skb, SKB_VLAN_TCI)), ADDRESSES + 2);
  skbSet(skb, data, skbEnd(skb));
  store<u32>(skb, protocol, SKB_PROTOCOL);
  const transport = load<u32>(skb, SKB_TRANSPORT_OFFSET);
  if (transport != 0) store<u32>(skb, transport + TAG, SKB_TRANSPORT_OFFSET);
  if (load<u32>(skb, SKB_IP_SUMMED) == CHECKSUM_COMPLETE) {
    const sum = csumPartial(data + ADDRESSES, TAG, 0);
    store<u32>(skb, csumAdd(load<u32>(skb, SKB_CSUM), sum), SKB_CSUM);
  }
  return true;
}

export function bpf_skb_vlan_pop(skb: u64): u64 {
  const at = <u32>skb;
  if (load<u32>(at, SKB_VLAN_PRESENT) != 0) {
    clearTag(at);
  } else {
    if (!isVlan(load<u16>(at, SKB_PROTOCOL))) return 0;
    if (skbLength(at) < VLAN_ETH_HLEN) return ENOMEM;
    removeTag(at);
  }
  // The next tag takes the place beside the packet.
  const protocol = load<u16>(at, SKB_PROTOCOL);
  if (!isVlan(protocol)) return 0;
  if (skbLength(at) < VLAN_ETH_HLEN) return ENOMEM;
  setTag(at, protocol, removeTag(at));
  return 0;
}

/** Takes the first tag out of the packet; returns its TCI. */
function removeTag(skb: u32): u16 {
  const from = skbData(skb);
  const tci = bswap<u16>(load<u16>(from, ADDRESSES + 2));
  if (load<u32>(skb, SKB_IP_SUMMED) == CHECKSUM_COMPLETE) {
    const sum = csumPartial(from + ADDRESSES, TAG, 0);
    store<u32>(skb, csumSub(load<u32>(skb, SKB_CSUM), sum), SKB_CSUM);
  }
  memory.copy(from + TAG, from, ADDRESSES);
  skbSet(skb, from + TAG, skbEnd(skb));
  store<u32>(skb, innerProtocol(from + TAG), SKB_PROTOCOL);
  keepNetworkHeader(skb);
  return tci;
}

/** EtherType of the packet, or what stands for 802.3 frames, which have a length there. */
function innerProtocol(data: u32): u16 {
  const type = load<u16>(data, ADDRESSES);
  if (bswap<u16>(type) >= ETH_P_802_3_MIN) return type;
  return load<u16>(data, ETH_HLEN) == 0xffff ? ETH_P_802_3 : ETH_P_802_2;
}

/**
 * Offsets count from a start that moved by 4; the network header is never inside the link header.
 */
function keepNetworkHeader(skb: u32): void {
  const network = load<i32>(skb, SKB_NETWORK_OFFSET) - <i32>TAG;
  store<i32>(skb, max<i32>(network, ETH_HLEN), SKB_NETWORK_OFFSET);
  const transport = load<u32>(skb, SKB_TRANSPORT_OFFSET);
  if (transport != 0) store<u32>(skb, transport - TAG, SKB_TRANSPORT_OFFSET);
}
