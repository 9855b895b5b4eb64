/** Which ports may be taken (inet_csk_get_port, udp_lib_get_port). */
import type { NetNamespace } from '../namespace.ts';
import { FIRST_PORT, isAny, LAST_PORT, sameAddress, type Tuple } from './address.ts';
import type { Socket } from './socket.ts';
import { LISTEN } from './states.ts';
import type { TimeWaitSocket } from './time-wait.ts';

/** What is asked of who holds a port. */
type Holder = Socket | TimeWaitSocket;

/** Whether `socket` may have this address and port beside those that have it. */
export function mayBind(socket: Socket, local: Uint8Array, port: number): boolean {
  for (const other of socket.holders(port)) {
    if (other === socket || !overlaps(socket, local, other)) continue;
    if (!tolerates(socket, other)) return false;
  }
  return true;
}

function overlaps(socket: Socket, local: Uint8Array, other: Holder): boolean {
  const [mine, its] = [isAny(local), isAny(other.local)];
  if (mine && socket.family === 6) return !socket.options.v6only || other.local.length === 16;
  if (its && other.family === 6) return !other.options.v6only || local.length === 16;
  if (local.length !== other.local.length) return false;
  return mine || its || sameAddress(local, other.local);
}

function tolerates(socket: Socket, other: Holder): boolean {
  const [mine, its] = [socket.options, other.options];
  if (mine.reusePort && its.reusePort && (mine.uid ?? 0) === (its.uid ?? 0)) return true;
  if (!mine.reuseAddress || !its.reuseAddress) return false;
  return socket.type === 'udp' || (socket.state !== LISTEN && other.state !== LISTEN);
}

/** A free port to bind to, or undefined. */
export function freePort(socket: Socket, local: Uint8Array): number | undefined {
  return search(socket.net, (port) => mayBind(socket, local, port));
}

/** A port from which there is no connection to that peer yet (__inet_hash_connect). */
export function connectPort(socket: Socket, ends: Omit<Tuple, 'localPort'>): number | undefined {
  const { net } = socket;
  return search(net, (localPort) => {
    if (net.sockets.connection({ ...ends, localPort })) return false;
    for (const holder of socket.holders(localPort)) if (holder.remotePort === 0) return false;
    return true;
  });
}

/** Linux begins anywhere; here ports count up, so that every run gives the same. */
function search(net: NetNamespace, free: (port: number) => boolean): number | undefined {
  const all = LAST_PORT - FIRST_PORT + 1;
  for (let i = 0; i < all; i++) {
    const at = (net.sockets.nextPort + i) % all;
    if (!free(FIRST_PORT + at)) continue;
    net.sockets.nextPort = at + 1;
    return FIRST_PORT + at;
  }
  return undefined;
}
