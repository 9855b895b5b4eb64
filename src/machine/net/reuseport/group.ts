/** Sockets that share an address (struct sock_reuseport, net/core/sock_reuseport.c). */
import { constants } from '../../../abi/index.ts';
import { KernelError } from '../../../base/index.ts';
import type { MachineProgram } from '../../program.ts';
import { isAny, sameAddress } from '../sockets/address.ts';
import type { Socket } from '../sockets/socket.ts';
import { ESTABLISHED } from '../sockets/states.ts';

const { BPF_SK_REUSEPORT_SELECT_OR_MIGRATE } = constants;
/** A group has at most so many (U16_MAX). */
const MOST = 65_535;

export class ReuseportGroup {
  /** Those that take packets. The last one goes where one leaves. */
  members: Socket[] = [];
  /** Listeners that were closed, whose connections others may take. */
  closed: Socket[] = [];
  /** Bound to any address: what programs read as bind_inany. */
  bindAny: boolean;
  #program: MachineProgram | undefined;

  constructor(first: Socket, bindAny: boolean) {
    this.bindAny = bindAny;
    this.members = [first];
    first.group = this;
  }

  get program(): MachineProgram | undefined {
    return this.#program;
  }

  /** Its program moves connections as well. */
  get migrates(): boolean {
    return this.#program?.expectedAttachType === BPF_SK_REUSEPORT_SELECT_OR_MIGRATE;
  }

  /** Another program, or none. */
  setProgram(program: MachineProgram | undefined): void {
    const old = this.#program;
    this.#program = program?.hold();
    old?.drop();
  }

  add(socket: Socket): void {
    if (this.members.length + this.closed.length >= MOST) {
      throw new KernelError('ENOMEM', 12, 'the group is full');
    }
    const old = socket.group;
    if (old === this) return;
    if (old && old.members.length + old.closed.length === 1) old.setProgram(undefined);
    this.members.push(socket);
    socket.group = this;
  }

  /** A listener stops, and may have connections that wait: reuseport_stop_listen_sock. */
  retire(socket: Socket): void {
    if (!this.migrates) return this.remove(socket);
    this.#takeOut(this.members, socket);
    this.closed.push(socket);
  }

  remove(socket: Socket): void {
    this.#takeOut(this.members, socket);
    this.#takeOut(this.closed, socket);
    socket.group = undefined;
    if (this.members.length + this.closed.length === 0) this.setProgram(undefined);
  }

  #takeOut(list: Socket[], socket: Socket): void {
    const at = list.indexOf(socket);
    if (at < 0) return;
    list[at] = list.at(-1)!;
    list.pop();
  }

  /** The hash decides; connected sockets get what is theirs and no more. */
  byHash(hash: number): Socket | undefined {
    const { members } = this;
    const first = Math.floor((hash * members.length) / 0x1_0000_0000);
    for (let i = 0; i < members.length; i++) {
      const socket = members[(first + i) % members.length]!;
      if (socket.type === 'tcp' || socket.state !== ESTABLISHED) return socket;
    }
    return undefined;
  }
}

/** A socket is going to take packets beside `others` (inet_reuseport_add_sock and UDP's). */
export function joinGroup(socket: Socket, others: Iterable<Socket>): void {
  if (!socket.options.reusePort) return;
  const bindAny = isAny(socket.local);
  for (const other of others) {
    if (other === socket || !sharesWith(socket, other)) continue;
    other.group ??= new ReuseportGroup(other, bindAny);
    other.group.add(socket);
    return;
  }
  socket.group ??= new ReuseportGroup(socket, bindAny);
  if (bindAny) socket.group.bindAny = true;
}

function sharesWith(socket: Socket, other: Socket): boolean {
  const [mine, its] = [socket.options, other.options];
  return (
    its.reusePort === true &&
    other.family === socket.family &&
    (its.v6only ?? false) === (mine.v6only ?? false) &&
    other.localPort === socket.localPort &&
    (its.uid ?? 0) === (mine.uid ?? 0) &&
    sameAddress(other.local, socket.local)
  );
}
