import { KernelError } from '../../../base/index.ts';
import { lookupRoute } from '../../../runtime/index.ts';
import { addressKey, addressText } from '../ip/text.ts';
import type { NetNamespace } from '../namespace.ts';

export const ANY4: Uint8Array = new Uint8Array(4);
export const ANY6: Uint8Array = new Uint8Array(16);
const LOOPBACK6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const LOOPBACK4 = Uint8Array.of(127, 0, 0, 1);
/** net.ipv4.ip_local_port_range. */
export const FIRST_PORT = 32_768;
export const LAST_PORT = 60_999;

/** Both ends of a packet as its receiver sees them. */
export interface Tuple {
  readonly local: Uint8Array;
  readonly localPort: number;
  readonly remote: Uint8Array;
  readonly remotePort: number;
}

/** The key of a connection in its namespace. */
export function tupleKey({ local, localPort, remote, remotePort }: Tuple): string {
  return `${localPort}|${remotePort}|${addressKey(local)}|${addressKey(remote)}`;
}

export function isAny(address: Uint8Array): boolean {
  for (let i = 0; i < address.length; i++) if (address[i] !== 0) return false;
  return true;
}

export function sameAddress(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

/** ::ffff:a.b.c.d as the four bytes that go over the wire. */
export function unmapped(address: Uint8Array): Uint8Array {
  if (address.length !== 16 || address[10] !== 0xff || address[11] !== 0xff) return address;
  return isAny(address.subarray(0, 10)) ? address.slice(12) : address;
}

/** The address as a socket of IPv6 shows it. */
export function mapped(address: Uint8Array): Uint8Array {
  if (address.length === 16) return address;
  const six = new Uint8Array(16);
  six.fill(0xff, 10, 12);
  six.set(address, 12);
  return six;
}

/** connect(2) to the address of nobody means this host. */
export function destinationOf(address: Uint8Array): Uint8Array {
  if (!isAny(address)) return unmapped(address);
  return address.length === 4 ? LOOPBACK4 : LOOPBACK6;
}

/** How packets get to an address: from where, how long. Throws ENETUNREACH, EADDRNOTAVAIL. */
export function pathTo(net: NetNamespace, to: Uint8Array): { source: Uint8Array; mtu: number } {
  const route = lookupRoute(net.routes, to);
  const local = route?.type === 'local';
  const out = local ? net.devices.get('lo') : net.byIndex.get(route?.ifindex ?? 0);
  if (!route || !out || (route.type !== 'unicast' && !local)) {
    const text = `no route to ${addressText(to)}`;
    throw new KernelError('ENETUNREACH', 101, text);
  }
  const source = route.source ?? (local ? to : net.sourceFor(out, to.length));
  if (source?.length === to.length) return { source, mtu: route.mtu ?? out.mtu };
  const text = `no address to send to ${addressText(to)} from`;
  throw new KernelError('EADDRNOTAVAIL', 99, text);
}
