/**
 * Link types (LINKTYPE_* of the capture file registry) whose packets XDP and tc programs can be
 * given: Ethernet as it is, IP-carrying links behind an Ethernet header made for them.
 */
export interface LinkDef {
  readonly name: string;
  /** Bytes before the network header; they are replaced by an Ethernet header. 0 for Ethernet. */
  readonly headerSize: number;
  /** EtherType of the packet at `at`, or 0 if it cannot be told. Undefined for Ethernet itself. */
  readonly etherType?: (bytes: Uint8Array, at: number) => number;
}

const IPV4 = 0x0800;
const IPV6 = 0x86dd;

function fromVersion(bytes: Uint8Array, at: number): number {
  const version = bytes[at]! >> 4;
  return version === 4 ? IPV4 : version === 6 ? IPV6 : 0;
}

/** Address families 2 (everywhere) and 10, 24, 28, 30 (IPv6 by system), in either byte order. */
function fromFamily(bytes: Uint8Array, at: number): number {
  const family = bytes[at]! | bytes[at + 3]!;
  if (family === 2) return IPV4;
  return family === 10 || family === 24 || family === 28 || family === 30 ? IPV6 : 0;
}

function bigEndian16(offset: number): (bytes: Uint8Array, at: number) => number {
  return (bytes, at) => (bytes[at + offset]! << 8) | bytes[at + offset + 1]!;
}

const RAW: LinkDef = { name: 'raw IP', headerSize: 0, etherType: fromVersion };

const LINKS: Readonly<Record<number, LinkDef>> = {
  0: { name: 'BSD loopback', headerSize: 4, etherType: fromFamily },
  1: { name: 'Ethernet', headerSize: 0 },
  12: RAW,
  14: RAW,
  101: RAW,
  108: { name: 'OpenBSD loopback', headerSize: 4, etherType: fromFamily },
  113: { name: 'Linux cooked capture', headerSize: 16, etherType: bigEndian16(14) },
  228: { name: 'raw IPv4', headerSize: 0, etherType: () => IPV4 },
  229: { name: 'raw IPv6', headerSize: 0, etherType: () => IPV6 },
  276: { name: 'Linux cooked capture v2', headerSize: 20, etherType: bigEndian16(0) },
};

/** How packets of a link type can be run, or undefined if they cannot. */
export function linkDef(linkType: number): LinkDef | undefined {
  return LINKS[linkType];
}

/** Every link type that can be run, for messages. */
export function knownLinks(): string {
  return [...new Set(Object.values(LINKS).map((link) => link.name))].join(', ');
}
