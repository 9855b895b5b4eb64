import type {
  KernelCgroup,
  KernelProgram,
  KernelSocket,
  SocketAddress,
  SocketData,
  SocketEvent,
  SocketGroup,
  SocketState,
} from '../../../kernel/index.ts';
import type { RuntimeOwner } from '../../../runtime/index.ts';
import { refuse } from '../../errno.ts';
import { MachineProgram } from '../../program.ts';
import { attachReuseport, detachReuseport } from '../reuseport/attach.ts';
import type { Socket } from './socket.ts';
import { stateWord } from './states.ts';

/** A socket in the hands of its user: a file descriptor. Calls do all that follows from them. */
export class SocketHandle implements KernelSocket {
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  get type(): 'udp' | 'tcp' {
    return this.socket.type;
  }

  get namespace(): string {
    return this.socket.net.name;
  }

  get state(): SocketState {
    return stateWord(this.socket.state);
  }

  get local(): SocketAddress {
    const { socket } = this;
    return socket.net.stack.sockets.hooks.seen('getsockname', socket, socket.localAddress);
  }

  get remote(): SocketAddress | undefined {
    const { socket } = this;
    const { remoteAddress } = socket;
    if (!remoteAddress) return undefined;
    return socket.net.stack.sockets.hooks.seen('getpeername', socket, remoteAddress);
  }

  get cookie(): number {
    return this.socket.owner.number;
  }

  get cgroup(): KernelCgroup {
    return this.socket.cgroup;
  }

  get owner(): RuntimeOwner {
    return this.socket.owner;
  }

  get reuseport(): SocketGroup {
    const { socket } = this;
    return {
      members: (socket.group?.members ?? []).map(({ owner }) => owner.number),
      program: socket.group?.program,
      attach: (program) =>
        attachReuseport(socket, 'kernelProgram' in program ? program.kernelProgram : program),
      detach: () => detachReuseport(socket),
    };
  }

  get filter(): KernelProgram | undefined {
    return this.socket.filter;
  }

  set filter(program: KernelProgram | undefined) {
    const fits = program instanceof MachineProgram && program.type.name === 'socket_filter';
    if (program && !fits) refuse('EINVAL', 'no program of type socket_filter');
    this.socket.setFilter(program as MachineProgram | undefined);
  }

  get onEvent(): ((event: SocketEvent) => void) | undefined {
    return this.socket.onEvent;
  }

  set onEvent(listener: ((event: SocketEvent) => void) | undefined) {
    this.socket.onEvent = listener;
  }

  bind(to: Partial<SocketAddress>): this {
    this.socket.bind(to);
    return this;
  }

  connect(to: SocketAddress): this {
    const { socket } = this;
    this.#perform(() => socket.connect(to));
    socket.connected?.();
    return this;
  }

  listen(backlog?: number): this {
    this.socket.listen(backlog);
    return this;
  }

  accept(): SocketHandle | undefined {
    const socket = this.socket.accept();
    return socket && new SocketHandle(socket);
  }

  send(data: Uint8Array | string, to?: SocketAddress): number {
    return this.#perform(() => this.socket.send(data, to));
  }

  receive(): SocketData | undefined {
    return this.#perform(() => this.socket.receive());
  }

  setOption(level: number, name: number, value: number | string | Uint8Array): void {
    this.socket.net.stack.sockets.hooks.options.set(this.socket, level, name, bytesOf(value));
  }

  getOption(level: number, name: number, size = 4): Uint8Array {
    return this.socket.net.stack.sockets.hooks.options.get(this.socket, level, name, size);
  }

  takeError(): string | undefined {
    return this.socket.takeError();
  }

  shutdown(): void {
    this.#perform(() => this.socket.shutdown());
  }

  close(): void {
    this.#perform(() => this.socket.close());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #perform<Result>(action: () => Result): Result {
    let result: Result;
    this.socket.net.stack.perform(() => {
      result = action();
    });
    return result!;
  }
}

/** An option's value as setsockopt(2) takes it. */
function bytesOf(value: number | string | Uint8Array): Uint8Array {
  if (typeof value === 'number') return new Uint8Array(Int32Array.of(value).buffer);
  return typeof value === 'string' ? new TextEncoder().encode(value) : value;
}
