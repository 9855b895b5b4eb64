/**
 * Looking up a route (net/ipv4/fib_trie.c, net/ipv6/ip6_fib.c): the longest prefix that matches,
 * then the lowest metric. One for helpers and for the network around them.
 */
import type { HostRoute } from '../types.ts';

export const MAIN_TABLE = 254;
export const LOCAL_TABLE = 255;
/** What the default rules ask, in order: the first table that knows decides. */
const DEFAULT_TABLES: readonly number[] = [LOCAL_TABLE, MAIN_TABLE];

/** The routes of one prefix length, by the bits that count. */
interface Level {
  readonly prefixLength: number;
  readonly byPrefix: Map<number | string, HostRoute[]>;
}

/** Levels of a table and an address size, longest prefix first. */
type Index = Map<string, Level[]>;

/** Lists of routes never change: a change makes another list. */
const indexes = new WeakMap<readonly HostRoute[], Index>();

/**
 * The route to an address of 4 or 16 bytes; with `out` only routes through that interface.
 *
 * @example
 * lookupRoute(host.routes, Uint8Array.of(10, 0, 0, 7))?.ifindex
 */
export function lookupRoute(
  routes: readonly HostRoute[],
  address: Uint8Array,
  tables: readonly number[] = DEFAULT_TABLES,
  out?: number,
): HostRoute | undefined {
  const index = indexOf(routes);
  for (const table of tables) {
    for (const level of index.get(`${table}/${address.length}`) ?? []) {
      const found = level.byPrefix.get(prefixKey(address, level.prefixLength));
      const route = found?.find(({ ifindex }) => out === undefined || ifindex === out);
      if (route) return route;
    }
  }
  return undefined;
}

function indexOf(routes: readonly HostRoute[]): Index {
  let index = indexes.get(routes);
  if (!index) {
    index = makeIndex(routes);
    indexes.set(routes, index);
  }
  return index;
}

function makeIndex(routes: readonly HostRoute[]): Index {
  const index: Index = new Map();
  for (const route of routes) {
    const key = `${route.table ?? MAIN_TABLE}/${route.destination.length}`;
    const levels = index.get(key) ?? [];
    index.set(key, levels);
    let level = levels.find(({ prefixLength }) => prefixLength === route.prefixLength);
    if (!level) {
      level = { prefixLength: route.prefixLength, byPrefix: new Map() };
      levels.push(level);
    }
    const bits = prefixKey(route.destination, route.prefixLength);
    level.byPrefix.set(bits, [...(level.byPrefix.get(bits) ?? []), route]);
  }
  for (const levels of index.values()) {
    levels.sort((a, b) => b.prefixLength - a.prefixLength);
    for (const { byPrefix } of levels) {
      for (const same of byPrefix.values()) same.sort((a, b) => (a.metric ?? 0) - (b.metric ?? 0));
    }
  }
  return index;
}

/** The first bits of an address as a key: a number for IPv4, text for IPv6. */
function prefixKey(address: Uint8Array, bits: number): number | string {
  if (address.length === 4) {
    const whole =
      ((address[0]! << 24) | (address[1]! << 16) | (address[2]! << 8) | address[3]!) >>> 0;
    return bits === 0 ? 0 : (whole & (0xffffffff << (32 - bits))) >>> 0;
  }
  let key = '';
  for (let i = 0; i < bits; i += 8) {
    const mask = (0xff00 >> Math.min(8, bits - i)) & 0xff;
    key += String.fromCharCode(address[i >> 3]! & mask);
  }
  return key;
}
