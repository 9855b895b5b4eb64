import { CRC_START, crc32, endCrc } from '../checksum.ts';
import { enclosing, type Placed } from '../protocol.ts';

const ICRC_SIZE = 4;
/** A local route header as RoCE has none: 8 bytes that count as ones. */
const NO_ROUTE = new Uint8Array(8).fill(0xff);
/** Bytes of each header that routers may change, which count as ones: from, to before. */
const IPV4_VARIANT = [1, 2, 8, 9, 10, 12];
const IPV6_VARIANT = [7, 8];
const UDP_CHECKSUM = [6, 8];
/** Congestion bits and reserved ones beside the queue pair. */
const BTH_RESERVED = [4, 5];

/**
 * The invariant CRC of the packet whose base transport header is at `place` (IBTA annex A17): over
 * the headers from IP on, with ones for what routers change. Undefined without IP and UDP around.
 */
export function icrcOf(place: Placed): number | undefined {
  const { packet, start, end } = place;
  const udp = enclosing(place, 'UDP');
  const ip = enclosing(place, 'IPv4', 'IPv6');
  if (!udp || !ip) return undefined;
  const bytes = packet.slice(ip.start, end - ICRC_SIZE);
  const mask = (at: number, ranges: readonly number[]) => {
    for (let i = 0; i < ranges.length; i += 2) {
      bytes.fill(0xff, at - ip.start + ranges[i]!, at - ip.start + ranges[i + 1]!);
    }
  };
  if (ip.protocol.name === 'IPv4') mask(ip.start, IPV4_VARIANT);
  else {
    // Traffic class and flow label, but not the version.
    bytes[0]! |= 0x0f;
    bytes.fill(0xff, 1, 4);
    mask(ip.start, IPV6_VARIANT);
  }
  mask(udp.start, UDP_CHECKSUM);
  mask(start, BTH_RESERVED);
  return endCrc(crc32(crc32(CRC_START, NO_ROUTE), bytes));
}
