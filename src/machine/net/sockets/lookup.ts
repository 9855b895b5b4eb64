/** Which socket a packet is for (inet_hashtables.c, udp.c). */
import type { NetNamespace } from '../namespace.ts';
import { isAny, sameAddress, type Tuple } from './address.ts';
import type { Socket } from './socket.ts';
import type { Arrived } from '../reuseport/select.ts';
import type { Known } from './layer.ts';
import { ESTABLISHED } from './states.ts';
import type { Connection } from './table.ts';
import type { TcpSocket } from './tcp.ts';
import type { UdpSocket } from './udp.ts';

/** What sk_lookup programs say: this socket, none at all, or nothing. */
export type Steered = { readonly socket: Socket; readonly noReuseport: boolean } | 'drop';

/** The socket a UDP datagram is for. `ifindex`: where it came in. */
export function lookupUdp(
  net: NetNamespace,
  tuple: Tuple,
  ifindex = 0,
  arrived?: Arrived,
): UdpSocket | undefined {
  const candidates = net.sockets.udp.get(tuple.localPort) ?? [];
  const exact = best(candidates, tuple, false, arrived);
  if (exact !== 'drop' && exact?.state === ESTABLISHED) return exact;
  const steered = net.steer?.('udp', tuple, ifindex);
  const found = steered
    ? chosen(steered, tuple, arrived)
    : (exact ?? best(candidates, tuple, true, arrived));
  return found === 'drop' ? undefined : (found as UdpSocket | undefined);
}

/** The connection or listener a TCP segment is for. */
export function lookupTcp(
  net: NetNamespace,
  tuple: Tuple,
  ifindex = 0,
  arrived?: Arrived,
): Connection | undefined {
  return net.sockets.connection(tuple) ?? lookupListener(net, tuple, ifindex, arrived);
}

export function lookupListener(
  net: NetNamespace,
  tuple: Tuple,
  ifindex: number,
  arrived?: Arrived,
): TcpSocket | undefined {
  const candidates = net.sockets.listeners.get(tuple.localPort) ?? [];
  const steered = net.steer?.('tcp', tuple, ifindex);
  const found = steered
    ? chosen(steered, tuple, arrived)
    : (best(candidates, tuple, false, arrived) ?? best(candidates, tuple, true, arrived));
  return found === 'drop' ? undefined : (found as TcpSocket | undefined);
}

/** A program's choice may be one of a group that shares its address. */
function chosen(
  steered: Steered,
  tuple: Tuple,
  arrived: Arrived | undefined,
): Socket | 'drop' | undefined {
  if (steered === 'drop') return undefined;
  const { socket, noReuseport } = steered;
  return noReuseport ? socket : oneOfGroup(socket, tuple, arrived);
}

/** The socket that fits best: of those bound to the address, or (`wild`) to any. */
function best<One extends Socket>(
  candidates: readonly One[],
  tuple: Tuple,
  wild: boolean,
  arrived: Arrived | undefined,
): One | 'drop' | undefined {
  let found: One | undefined;
  let most = -1;
  for (const socket of candidates) {
    const score = scoreOf(socket, tuple, wild);
    if (score <= most) continue;
    most = score;
    found = socket;
  }
  return found && oneOfGroup(found, tuple, arrived);
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

/** inet_lookup_reuseport: a program of the group chooses, or the hash of the tuple. */
function oneOfGroup<One extends Socket>(
  socket: One,
  tuple: Tuple,
  arrived: Arrived | undefined,
): One | 'drop' {
  if (!socket.group || (socket.type === 'udp' && socket.state === ESTABLISHED)) return socket;
  const { groups } = socket.net.stack.sockets;
  return (groups.select(socket, tuple, tupleHash(tuple), arrived) as One | 'drop') ?? socket;
}

/** Who takes over a connection of a listener that was closed (reuseport_migrate_sock). */
export function migrate(
  from: TcpSocket,
  connection: Known & Tuple,
  arrived: Arrived | undefined,
): TcpSocket | undefined {
  const { groups } = from.net.stack.sockets;
  return groups.migrate(from, connection, tupleHash(connection), arrived) as TcpSocket | undefined;
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
