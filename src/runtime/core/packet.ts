/**
 * Packets in place: what helpers that move or resize a packet share. Both kinds of context end with
 * HARD_START and HARD_END, the room of the frame the packet lies in.
 */
import {
  CPU_REGIONS,
  R_END,
  R_START,
  SKB_DATA,
  SKB_DATA_END,
  SKB_DATA_META,
  SKB_HARD_END,
  SKB_HARD_START,
  SKB_LEN,
} from '../layout';
import { cpu_block } from './instance';

export const ETH_HLEN: u32 = 14;

/** Checked code may access start .. end through packet pointers (region 0) from now on. @inline */
export function packetRegion(start: u32, end: u32): void {
  store<u32>(cpu_block + CPU_REGIONS, start, R_START);
  store<u32>(cpu_block + CPU_REGIONS, end, R_END);
}

/** @inline */
export function skbData(skb: u32): u32 {
  return load<u32>(skb, SKB_DATA);
}

/** All of it: of data of streams programs may see less than there is. @inline */
export function skbLength(skb: u32): u32 {
  return load<u32>(skb, SKB_LEN);
}

/** Behind its last byte. @inline */
export function skbEnd(skb: u32): u32 {
  return load<u32>(skb, SKB_DATA) + load<u32>(skb, SKB_LEN);
}

/** The packet is data .. end now; metadata stays right in front of it if there is room. */
export function skbSet(skb: u32, data: u32, end: u32): void {
  const meta = load<u32>(skb, SKB_DATA) - load<u32>(skb, SKB_DATA_META);
  const room = data - load<u32>(skb, SKB_HARD_START);
  const start = data - min<u32>(meta, room);
  store<u32>(skb, data, SKB_DATA);
  store<u32>(skb, end, SKB_DATA_END);
  store<u32>(skb, start, SKB_DATA_META);
  store<u32>(skb, end - data, SKB_LEN);
  packetRegion(start, end);
}

/**
 * Makes `head` free bytes in front of the packet and `tail` behind it. Linux reallocates; here the
 * packet moves inside its frame, so it fails (returns false) when the frame is too small.
 */
export function skbRoom(skb: u32, head: u32, tail: u32): bool {
  const hardStart = load<u32>(skb, SKB_HARD_START);
  const hardEnd = load<u32>(skb, SKB_HARD_END);
  const data = load<u32>(skb, SKB_DATA);
  const end = skbEnd(skb);
  if (data - hardStart >= head && hardEnd - end >= tail) return true;
  const length = end - data;
  const free = hardEnd - hardStart - length;
  if (<u64>head + tail > free) return false;
  const at = hardStart + head;
  memory.copy(at, data, length);
  store<u32>(skb, at, SKB_DATA_META);
  store<u32>(skb, at, SKB_DATA);
  store<u32>(skb, at + length, SKB_DATA_END);
  packetRegion(at, at + length);
  return true;
}
