import { keptFields } from '../../objects/kept.ts';
import { type Tuple, tupleKey } from './address.ts';
import type { RequestSocket } from './request.ts';
import type { TcpSocket } from './tcp.ts';
import type { TimeWaitSocket } from './time-wait.ts';
import type { UdpSocket } from './udp.ts';

/** What stands for a connection: a socket, or less than one. */
export type Connection = TcpSocket | RequestSocket | TimeWaitSocket;

/** Sockets of one namespace by what packets say (struct inet_hashinfo, struct udp_table). */
export class SocketTable {
  /** UDP sockets by local port. */
  readonly udp = new Map<number, UdpSocket[]>();
  /** Listeners by local port. */
  readonly listeners = new Map<number, TcpSocket[]>();
  /** Connections by both ends. */
  readonly connections = new Map<string, Connection>();
  /** All that holds a local TCP port (bind hash). */
  readonly bound = new Map<number, Set<TcpSocket | TimeWaitSocket>>();
  /** Where the search for a free port begins. */
  nextPort = 0;

  get size(): number {
    let size = this.connections.size;
    for (const some of this.udp.values()) size += some.length;
    for (const some of this.listeners.values()) size += some.length;
    return size;
  }

  /** Sockets that somebody may have a descriptor of. */
  *open(): Iterable<UdpSocket | TcpSocket> {
    for (const some of this.udp.values()) yield* some;
    const held = new Set<TcpSocket>();
    for (const some of this.bound.values()) {
      for (const one of some) if ('requests' in one && !one.orphan) held.add(one);
    }
    for (const one of held) for (const child of one.offered) held.delete(child);
    yield* held;
  }

  connection(tuple: Tuple): Connection | undefined {
    return this.connections.get(tupleKey(tuple));
  }

  hold(port: number, socket: TcpSocket | TimeWaitSocket): void {
    const holders = this.bound.get(port);
    if (holders) holders.add(socket);
    else this.bound.set(port, new Set([socket]));
  }

  release(port: number, socket: TcpSocket | TimeWaitSocket): void {
    const holders = this.bound.get(port);
    if (holders?.delete(socket) && holders.size === 0) this.bound.delete(port);
  }
}

export const keptTable = keptFields('sockets', SocketTable);

export function insert<Item>(table: Map<number, Item[]>, port: number, item: Item): void {
  const there = table.get(port);
  if (there) there.push(item);
  else table.set(port, [item]);
}

export function remove<Item>(table: Map<number, Item[]>, port: number, item: Item): void {
  const there = table.get(port);
  const at = there?.indexOf(item) ?? -1;
  if (at < 0) return;
  if (there!.length === 1) table.delete(port);
  else there!.splice(at, 1);
}
