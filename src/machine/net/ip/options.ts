import { ETHERNET, type IpHeader } from './wire.ts';

const HOP_BY_HOP = 0;
const DESTINATION = 60;
const EXTENSIONS = new Set([HOP_BY_HOP, 43, DESTINATION]);
/** Options Linux knows, by header: padding, router alert, CALIPSO, IOAM, jumbo; home address. */
const KNOWN: Readonly<Record<number, ReadonlySet<number>>> = {
  [HOP_BY_HOP]: new Set([0, 1, 5, 7, 49, 0xc2]),
  [DESTINATION]: new Set([0, 1, 0xc9]),
};
const PAD1 = 0;

/**
 * An option nobody here knows: where it is, counted from the IPv6 header, and what is to be done.
 */
export interface UnknownOption {
  readonly at: number;
  /**
   * The two highest bits of its type: 1 dropped, 2 and 3 the sender is told (3: not about groups).
   */
  readonly action: number;
}

/**
 * The first unknown option that must not be skipped (ip6_parse_tlv), of hop-by-hop headers and,
 * where the packet is for us, of destination headers.
 */
export function unknownOption(
  data: Uint8Array,
  header: IpHeader,
  forUs: boolean,
): UnknownOption | undefined {
  if (header.version === 4) return undefined;
  let kind = data[ETHERNET + 6]!;
  let at = ETHERNET + 40;
  while (EXTENSIONS.has(kind) && at < header.payload) {
    const end = at + (data[at + 1]! + 1) * 8;
    const known = kind === HOP_BY_HOP || forUs ? KNOWN[kind] : undefined;
    const found = known && inOptions(data, at + 2, end, known);
    if (found) return found;
    kind = data[at]!;
    at = end;
  }
  return undefined;
}

function inOptions(
  data: Uint8Array,
  from: number,
  end: number,
  known: ReadonlySet<number>,
): UnknownOption | undefined {
  for (let at = from; at < end; ) {
    const type = data[at]!;
    if (!known.has(type) && type >> 6 !== 0) return { at: at - ETHERNET, action: type >> 6 };
    at += type === PAD1 ? 1 : data[at + 1]! + 2;
  }
  return undefined;
}
