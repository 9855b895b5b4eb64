/** Programs that see and change options of sockets (__cgroup_bpf_run_filter_setsockopt). */
import { showPacket, socketPointer, packetPointer } from '../../../runtime/index.ts';
import { constants } from '../../../abi/index.ts';
import { throwRetval } from '../../cgroup/retval.ts';
import { refuse } from '../../errno.ts';
import type { Machine } from '../../machine.ts';
import type { Sockets } from '../sockets/layer.ts';
import { getOption, setOption } from '../sockets/options.ts';
import type { Socket } from '../sockets/socket.ts';
import { Context } from './context.ts';

const { BPF_CGROUP_GETSOCKOPT, BPF_CGROUP_SETSOCKOPT } = constants;
/** Programs see no more of a value than a page. */
const PAGE = 4096;
/** So much room a program has at least. */
const LEAST = 16;

export class SocketOptionHooks {
  readonly #sockets: Sockets;
  readonly #machine: () => Machine;
  #context: Context | undefined;
  #buffer = 0;

  constructor(sockets: Sockets, machine: () => Machine) {
    this.#sockets = sockets;
    this.#machine = machine;
  }

  /** setsockopt(2). Throws KernelError. */
  set(socket: Socket, level: number, name: number, value: Uint8Array): void {
    if (!this.#hooked(socket, BPF_CGROUP_SETSOCKOPT)) {
      throwRetval(setOption(socket, level, name, value), 'the option');
      return;
    }
    const context = this.#enter(socket, level, name, value, Math.max(LEAST, value.length));
    const room = Math.min(PAGE, Math.max(LEAST, value.length));
    const { retval } = socket.cgroup.runPrograms(BPF_CGROUP_SETSOCKOPT, context.address);
    if (retval > 0) return;
    throwRetval(retval, 'the option');
    const length = context.get('optlen') | 0;
    if (length === -1) return;
    const [newLevel, newName] = [context.get('level') | 0, context.get('optname') | 0];
    if (length > room || length < -1) {
      if (value.length <= PAGE || length < 0) refuse('EFAULT', 'optlen is longer than the buffer');
      throwRetval(setOption(socket, level, name, value), 'the option');
      return;
    }
    const given = length === 0 ? value : this.#bytes(length);
    throwRetval(setOption(socket, newLevel, newName, given), 'the option');
  }

  /** getsockopt(2) with so much room: the value. Throws KernelError. */
  get(socket: Socket, level: number, name: number, size: number): Uint8Array {
    const found = getOption(socket, level, name, size);
    if (!this.#hooked(socket, BPF_CGROUP_GETSOCKOPT)) {
      if (typeof found !== 'number') return found;
      throwRetval(found, 'the option');
    }
    const value = typeof found === 'number' ? new Uint8Array(0) : found;
    const original = typeof found === 'number' ? size : found.length;
    const context = this.#enter(socket, level, name, value, size);
    context.put('optlen', original);
    const { retval } = socket.cgroup.runPrograms(BPF_CGROUP_GETSOCKOPT, context.address, {
      retval: typeof found === 'number' ? found : 0,
      cell: context.at('retval'),
    });
    if (retval < 0) throwRetval(retval, 'the option');
    const length = context.get('optlen') | 0;
    if (length > Math.min(PAGE, size) || length < 0) {
      if (original <= PAGE || length < 0) refuse('EFAULT', 'optlen is longer than the buffer');
      return value;
    }
    return length === 0 ? value : this.#bytes(length);
  }

  #hooked(socket: Socket, attachType: number): boolean {
    if (!this.#machine().cgroups.enabled(attachType)) return false;
    return socket.cgroup.effective(attachType).length > 0;
  }

  #bytes(length: number): Uint8Array {
    return this.#machine()
      .runtime.u8()
      .slice(this.#buffer, this.#buffer + length);
  }

  #enter(socket: Socket, level: number, name: number, value: Uint8Array, room: number): Context {
    const { runtime } = this.#machine();
    this.#context ??= new Context(runtime, 'bpf_sockopt');
    this.#buffer ||= runtime.allocate(PAGE, 16);
    const context = this.#context;
    const size = Math.min(PAGE, room);
    runtime.u8().fill(0, this.#buffer, this.#buffer + PAGE);
    runtime.u8().set(value.subarray(0, size), this.#buffer);
    showPacket(runtime, this.#buffer, size);
    context.clear();
    context.putPointer('sk', socketPointer(runtime, this.#sockets.recordOf(socket)));
    context.putPointer('optval', packetPointer(this.#buffer));
    context.putPointer('optval_end', packetPointer(this.#buffer + size));
    context.put('level', level);
    context.put('optname', name);
    context.put('optlen', value.length);
    return context;
  }
}
