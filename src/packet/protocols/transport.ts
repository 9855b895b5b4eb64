import { foldChecksum, sumWords } from '../checksum.ts';
import { enclosing, type Placed } from '../protocol.ts';

/** Offset of the addresses in a header of IP, and their bytes, both together. */
const ADDRESSES = { IPv4: { at: 12, size: 8 }, IPv6: { at: 8, size: 32 } } as const;
/** Headers that carry their own addresses and end the search for those of IP. */
const IP = ['IPv4', 'IPv6'] as const;

/**
 * Checksum over a header, what it carries and the pseudo-header of IP around it, as if the 16 bits
 * at `field` bytes from its start were zero. Undefined without IP, and for fragments.
 */
export function transportChecksum(
  place: Placed,
  number: number,
  field: number,
): number | undefined {
  const around = enclosing(place, ...IP);
  if (!around || isFragment(place)) return undefined;
  const { packet, start, end } = place;
  const { at, size } = ADDRESSES[around.protocol.name as 'IPv4' | 'IPv6'];
  const length = end - start;
  let sum = number + (length >>> 16) + (length & 0xffff);
  sum = sumWords(packet, around.start + at, around.start + at + size, sum);
  sum = sumWords(packet, start, start + field, sum);
  return foldChecksum(sumWords(packet, start + field + 2, end, sum));
}

function isFragment(place: Placed): boolean {
  const around = enclosing(place, 'IPv4', 'fragment');
  const { flags, more, fragmentOffset } = around?.values ?? {};
  return /MF/.test(String(flags ?? '')) || more === 1 || Number(fragmentOffset ?? 0) > 0;
}
