/** Programs of a group of sockets (setsockopt SO_ATTACH_REUSEPORT_EBPF, net/core/filter.c). */
import { refuse } from '../../errno.ts';
import { MachineProgram } from '../../program.ts';
import type { Socket } from '../sockets/socket.ts';
import { ReuseportGroup } from './group.ts';

const TYPES: ReadonlySet<string> = new Set(['socket_filter', 'sk_reuseport']);

/** Throws KernelError EINVAL. */
export function attachReuseport(socket: Socket, program: unknown): void {
  if (!(program instanceof MachineProgram) || !TYPES.has(program.type.name)) {
    refuse('EINVAL', 'no program of type sk_reuseport or socket_filter');
  }
  if (!program.alive) refuse('EBADF', `program '${program.spec.name}' was closed`);
  if (!socket.hashed && socket.options.reusePort) {
    socket.group ??= new ReuseportGroup(socket, false);
  }
  if (!socket.group) refuse('EINVAL', 'the socket shares no port');
  socket.group.setProgram(program);
}

/** SO_DETACH_REUSEPORT_BPF. Throws KernelError EINVAL, ENOENT. */
export function detachReuseport({ group, hashed, options }: Socket): void {
  if (!group) refuse(options.reusePort ? 'ENOENT' : 'EINVAL', 'the socket is in no group');
  const gone = !hashed && group.closed.length > 0;
  if (gone || !group.program) refuse('ENOENT', 'the group has no program');
  group.setProgram(undefined);
}
