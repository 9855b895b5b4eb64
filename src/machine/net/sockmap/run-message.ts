/** sk_msg programs run over a message, which their helpers change (struct sk_msg_md). */
import { socketPointer, showPacket } from '../../../runtime/index.ts';
import { writeEnds } from '../sockets/ends.ts';
import { errnos, fieldOffsets } from '../../../abi/index.ts';
import type { Runtime } from '../../../runtime/types.ts';
import {
  MSG_APPLY,
  MSG_CORK,
  MSG_CTX_SIZE,
  MSG_DATA,
  MSG_DATA_END,
  MSG_REDIRECT,
  MSG_REDIRECT_FLAGS,
  MSG_SIZE,
  MSG_SK,
} from '../../../runtime/layout.ts';
import type { Machine } from '../../machine.ts';
import type { MachineProgram } from '../../program.ts';
import type { Socket } from '../sockets/socket.ts';
import type { SkMessage } from './message.ts';

const AT = fieldOffsets('sk_msg_md');

/** One message at a time is with a program. */
export class MessageRunner {
  readonly #machine: () => Machine;
  #context = 0;
  /** Where the visible bytes are, and how many fit. */
  #bytes = 0;
  #room = 0;
  #current: SkMessage | undefined;

  constructor(machine: () => Machine) {
    this.#machine = machine;
  }

  get #runtime(): Runtime {
    return this.#machine().runtime;
  }

  /** Gives the helpers their bodies. */
  install(): void {
    this.#runtime.host.changeMessage = (what, start, size, flags) => {
      const message = this.#current;
      if (!message) return -errnos['EINVAL']!;
      this.#collect(message);
      const result = message[what](start, size, flags);
      this.#show(message);
      return result;
    };
  }

  /** Runs a program; what it says is in the message then. Returns its verdict. */
  run(program: MachineProgram, socket: Socket, message: SkMessage): number {
    const runtime = this.#runtime;
    this.#context ||= runtime.allocate(MSG_CTX_SIZE, 16);
    const at = this.#context;
    runtime.u8().fill(0, at, at + MSG_CTX_SIZE);
    this.#describe(at, socket);
    const words = [MSG_REDIRECT, MSG_REDIRECT_FLAGS, MSG_APPLY, MSG_CORK] as const;
    const { redirect, redirectFlags, apply, cork } = message;
    [redirect, redirectFlags, apply, cork].forEach((value, i) => {
      runtime.u32()[(at + words[i]!) >>> 2] = value;
    });
    message.showFirst();
    this.#current = message;
    this.#show(message);
    const code = socket.net.stack.runner.run(program, at);
    this.#collect(message);
    this.#current = undefined;
    const [to, flags, applied, corked] = words.map((word) => runtime.u32()[(at + word) >>> 2]!);
    message.redirect = to!;
    message.redirectFlags = flags!;
    message.apply = applied!;
    message.cork = corked!;
    return code;
  }

  #describe(at: number, socket: Socket): void {
    const record = socket.net.stack.sockets.recordOf(socket);
    writeEnds(this.#runtime, at, AT, socket);
    this.#runtime.view().setBigUint64(at + MSG_SK, socketPointer(this.#runtime, record), true);
  }

  /** Puts what is visible into linear memory. */
  #show(message: SkMessage): void {
    const { shown } = message;
    if (shown.length > this.#room) {
      if (this.#bytes !== 0) this.#runtime.release(this.#bytes);
      this.#room = Math.max(65_536, shown.length);
      this.#bytes = this.#runtime.allocate(this.#room, 16);
    }
    const [start, end] = [this.#bytes, this.#bytes + shown.length];
    this.#runtime.u8().set(shown, start);
    const view = this.#runtime.view();
    view.setBigUint64(this.#context + MSG_DATA, BigInt(start), true);
    view.setBigUint64(this.#context + MSG_DATA_END, BigInt(end), true);
    view.setUint32(this.#context + MSG_SIZE, message.size, true);
    showPacket(this.#runtime, start, shown.length);
  }

  /** The program may have written to it. */
  #collect(message: SkMessage): void {
    const { element, offset, length } = message.window;
    if (length === 0) return;
    const bytes = this.#runtime.u8().subarray(this.#bytes, this.#bytes + length);
    message.elements[element]!.set(bytes, offset);
  }
}
