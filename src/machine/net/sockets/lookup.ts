/** Which socket a packet is for (inet_hashtables.c, udp.c). */
import type { NetNamespace } from '../namespace.ts';
import { isAny, sameAddress, type Tuple } from './address.ts';
import type { Socket } from './socket.ts';
import { CLOSE, ESTABLISHED } from './states.ts';
import type { Connection } from './table.ts';
import type { TcpSocket } from './tcp.ts';
import type { UdpSocket } from './udp.ts';

/** What sk_lookup programs say: this socket, none at all, or nothing. */
export type Steered = { readonly socket: Socket; readonly noReuseport: boolean } | 'drop';

/** The socket a UDP datagram is for. `ifindex`: where it came in. */
export function lookupUdp(net: NetNamespace, tuple: Tuple, ifindex = 0): UdpSocket | undefined {
  const candidates = net.sockets.udp.get(tuple.localPort) ?? [];
  const exact = best(candidates, tuple, false);
  if (exact?.state === ESTABLISHED) return exact;
  const steered = net.steer?.('udp', tuple, ifindex);
  if (steered) return chosen(steered, tuple, candidates) as UdpSocket | undefined;
  return exact ?? best(candidates, tuple, true);
}

/** The connection or listener a TCP segment is for. */
export function lookupTcp(net: NetNamespace, tuple: Tuple, ifindex = 0): Connection | undefined {
  return net.sockets.connection(tuple) ?? lookupListener(net, tuple, ifindex);
}

export function lookupListener(
  net: NetNamespace,
  tuple: Tuple,
  ifindex: number,
): TcpSocket | undefined {
  const candidates = net.sockets.listeners.get(tuple.localPort) ?? [];
  const steered = net.steer?.('tcp', tuple, ifindex);
  if (steered) return chosen(steered, tuple, candidates) as TcpSocket | undefined;
  return best(candidates, tuple, false) ?? best(candidates, tuple, true);
}

/** A program's choice may be one of a group that shares its address. */
function chosen(steered: Steered, tuple: Tuple, candidates: readonly Socket[]): Socket | undefined {
  if (steered === 'drop') return undefined;
  const { socket, noReuseport } = steered;
  return noReuseport ? socket : oneOfGroup(socket, tuple, candidates);
}

/** The socket that fits best: of those bound to the address, or (`wild`) to any. */
function best<One extends Socket>(
  candidates: readonly One[],
  tuple: Tuple,
  wild: boolean,
): One | undefined {
  let found: One | undefined;
  let most = -1;
  for (const socket of candidates) {
    const score = scoreOf(socket, tuple, wild);
    if (score <= most) continue;
    most = score;
    found = socket;
  }
  return found && oneOfGroup(found, tuple, candidates);
}

/** compute_score: -1 if the packet is not for this socket. */
function scoreOf(socket: Socket, tuple: Tuple, wild: boolean): number {
  if (wild ? !isAny(socket.local) : !sameAddress(socket.local, tuple.local)) return -1;
  if (!socket.takes(tuple.local.length)) return -1;
  let score = tuple.local.length === 4 && socket.family === 4 ? 2 : 1;
  if (socket.remotePort === 0) return score;
  if (socket.remotePort !== tuple.remotePort) return -1;
  if (!sameAddress(socket.remote, tuple.remote)) return -1;
  score += 8;
  return score;
}

/** reuseport_select_sock: the tuple's hash spreads packets over the group. */
function oneOfGroup<One extends Socket>(
  socket: One,
  tuple: Tuple,
  candidates: readonly One[],
): One {
  if (!socket.options.reusePort || socket.state === ESTABLISHED) return socket;
  const group = candidates.filter((one) => sharesWith(one, socket));
  if (group.length === 0) return socket;
  return group[Math.floor((tupleHash(tuple) * group.length) / 0x1_0000_0000)]!;
}

function sharesWith(one: Socket, other: Socket): boolean {
  return (
    one.options.reusePort === true &&
    one.family === other.family &&
    one.localPort === other.localPort &&
    one.options.uid === other.options.uid &&
    (one.type === 'tcp' || one.state === CLOSE) &&
    sameAddress(one.local, other.local)
  );
}

/** A hash of both ends: the kernel's has a secret that is new with every boot. */
export function tupleHash({ local, localPort, remote, remotePort }: Tuple): number {
  let hash = Math.imul(localPort ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(remotePort, 0xc2b2ae35);
  for (const byte of local) hash = Math.imul(hash ^ byte, 0x01000193);
  for (const byte of remote) hash = Math.imul(hash ^ byte, 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
