/** `ip -s -j link show` of a real machine, read. */
import { FormatError } from '../../base/index.ts';

/** A function as `ip` lists it under its PF. */
export interface LinkVf {
  readonly vf: number;
  readonly address: string | undefined;
  /** 0: none. */
  readonly vlan: number;
  /** Mbit/s; 0: no limit. */
  readonly maxTxRate: number;
  readonly spoofchk: boolean | undefined;
  readonly trust: boolean | undefined;
  readonly linkState: string | undefined;
  /** Bytes and packets, if asked for with -s and the driver tells. */
  readonly stats: LinkCounts | undefined;
}

/** Counts of a link. */
export interface LinkCounts {
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly txBytes: number;
  readonly txPackets: number;
}

export interface Link {
  readonly ifindex: number;
  readonly ifname: string;
  readonly address: string | undefined;
  readonly mtu: number | undefined;
  readonly stats: LinkCounts | undefined;
  readonly vfs: readonly LinkVf[];
}

type Json = Readonly<Record<string, unknown>>;

const FORMAT = 'ip -j link';
const LINKS_MAX = 100_000;

/**
 * Reads it, of iproute2 4.17 (which says mac, tx_bytes) to 6.x (address, bytes). Fields it does not
 * know are left alone. Throws FormatError; its offset is the place in the list.
 *
 * @example
 * readIpLink('[{"ifindex":1,"ifname":"lo"}]')[0].vfs; // []
 */
export function readIpLink(text: string): Link[] {
  const list = parsed(text, FORMAT);
  if (!Array.isArray(list) || list.length > LINKS_MAX) {
    throw new FormatError(FORMAT, 0, 'a list of links is wanted');
  }
  return list.flatMap((one, i) => {
    // `ip -j` leaves empty objects for links it filtered out.
    const link = objectOf(one, FORMAT, i);
    return Object.keys(link).length === 0 ? [] : [linkOf(link, i)];
  });
}

/** JSON of a tool. Throws FormatError with where it ends being JSON. */
export function parsed(text: string, format: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const place = /position (\d+)/.exec((error as Error).message)?.[1];
    throw new FormatError(format, Number(place ?? 0), `no JSON: ${(error as Error).message}`);
  }
}

export function objectOf(value: unknown, format: string, at: number): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new FormatError(format, at, 'an object is wanted');
}

function linkOf(link: Json, at: number): Link {
  const { ifname } = link;
  if (typeof ifname !== 'string') throw new FormatError(FORMAT, at, 'a link without a name');
  const list = link['vfinfo_list'] ?? [];
  if (!Array.isArray(list)) throw new FormatError(FORMAT, at, 'vfinfo_list is a list');
  return {
    ifindex: countOf(link['ifindex'], 'ifindex', at) ?? 0,
    ifname,
    address: textOf(link['address']),
    mtu: countOf(link['mtu'], 'mtu', at),
    stats: countsOf(link['stats64'] ?? link['stats644'] ?? link['stats'], at),
    vfs: list.map((one) => vfOf(objectOf(one, FORMAT, at), at)),
  };
}

function vfOf(vf: Json, at: number): LinkVf {
  const number = countOf(vf['vf'], 'vf', at);
  if (number === undefined) throw new FormatError(FORMAT, at, 'a function without its number');
  const rate = vf['rate'] === undefined ? {} : objectOf(vf['rate'], FORMAT, at);
  return {
    vf: number,
    address: textOf(vf['address'] ?? vf['mac']),
    vlan: vlanOf(vf, at),
    maxTxRate: countOf(rate['max_tx'], 'max_tx', at) ?? countOf(vf['tx_rate'], 'tx_rate', at) ?? 0,
    spoofchk: flagOf(vf['spoofchk']),
    trust: flagOf(vf['trust']),
    linkState: textOf(vf['link_state']),
    stats: countsOf(vf['stats'], at),
  };
}

function vlanOf(vf: Json, at: number): number {
  const list = vf['vlan_list'];
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  const from = first === undefined ? vf : objectOf(first, FORMAT, at);
  return countOf(from['vlan'], 'vlan', at) ?? 0;
}

function countsOf(value: unknown, at: number): LinkCounts | undefined {
  if (value === undefined) return undefined;
  const { rx: received = {}, tx: sent = {} } = objectOf(value, FORMAT, at);
  const rx = objectOf(received, FORMAT, at);
  const tx = objectOf(sent, FORMAT, at);
  return {
    rxBytes: countOf(rx['bytes'], 'rx bytes', at) ?? 0,
    rxPackets: countOf(rx['packets'], 'rx packets', at) ?? 0,
    txBytes: countOf(tx['bytes'] ?? tx['tx_bytes'], 'tx bytes', at) ?? 0,
    txPackets: countOf(tx['packets'] ?? tx['tx_packets'], 'tx packets', at) ?? 0,
  };
}

/** A number from 0 on; counters beyond 2^53 are as near as JSON.parse makes them. */
function countOf(value: unknown, what: string, at: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw new FormatError(FORMAT, at, `${what} is no count`);
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined);
const flagOf = (value: unknown) => (typeof value === 'boolean' ? value : undefined);
