import { ipFrame, TCP } from '../ip/wire.ts';
import type { NetNamespace } from '../namespace.ts';
import { pathTo, type Tuple } from './address.ts';
import { tupleHash } from './lookup.ts';
import { PLAIN_SERVICE, type Socket } from './socket.ts';
import { DEFAULT_MSS, makeSegment, type Segment } from './segment.ts';

/** TCP_TIMEOUT_INIT, in nanoseconds: no round trips are measured. */
export const FIRST_RTO = 1e9;
export const NO_DATA: Uint8Array = new Uint8Array(0);

/** Sends a segment of whoever is at `ends.local`; `sender`: the socket that answers for it. */
export function sendSegment(
  net: NetNamespace,
  ends: Tuple,
  segment: Segment,
  sender?: Socket,
): void {
  const { local: source, remote: destination } = ends;
  const payload = makeSegment(ends, segment);
  const { ip, sockets } = net.stack;
  const service = sender?.service ?? PLAIN_SERVICE;
  const parts = { source, destination, protocol: TCP, payload, ...service };
  sockets.transmit(net, ipFrame({ ...parts, dontFragment: true, id: ip.nextId() }), sender);
}

/** The largest segment that needs no fragments on the way's first link. */
export function mssFor(net: NetNamespace, remote: Uint8Array): number {
  try {
    // No IPv4 packet is longer than its length can say, whatever the device takes.
    const { mtu } = pathTo(net, remote);
    return remote.length === 4 ? Math.min(mtu, 0xffff) - 40 : Math.min(mtu - 60, 0xffff);
  } catch {
    return DEFAULT_MSS;
  }
}

/** Where numbers begin: of both ends and the clock, as in Linux, but without its secret. */
export function initialSequence(net: NetNamespace, tuple: Tuple): number {
  return (tupleHash(tuple) + Number(BigInt.asUintN(32, net.stack.now >> 6n))) >>> 0;
}
