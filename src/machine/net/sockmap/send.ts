/** Sending through an sk_msg program (net/ipv4/tcp_bpf.c). */
import { constants } from '../../../abi/index.ts';
import { KernelError } from '../../../base/index.ts';
import { Socket, socketError } from '../sockets/socket.ts';
import type { TcpSocket } from '../sockets/tcp.ts';
import { SkMessage } from './message.ts';
import type { Psock } from './psock.ts';

const { BPF_SK_MSG_VERDICT, BPF_F_INGRESS } = constants;
const SK_PASS = 1;

type Verdict = 'pass' | 'redirect' | 'drop';

/** What a program said last, and for how many bytes more it holds (0: for this message). */
export interface MessageState {
  verdict: Verdict | undefined;
  apply: number;
  target: Socket | undefined;
  ingress: boolean;
}

/** A message that waits for more bytes before a program looks at it again. */
export interface Corked {
  readonly message: SkMessage;
  wanted: number;
}

/** tcp_bpf_sendmsg: how many bytes were taken. Throws KernelError EACCES, EPIPE. */
export function sendMessage(socket: TcpSocket, psock: Psock, data: Uint8Array): number {
  let copied = 0;
  while (copied < data.length && socket.writable) {
    const message = psock.corked?.message ?? new SkMessage();
    const rest = data.subarray(copied);
    const taken = message.append(rest);
    copied += taken;
    if (waits(psock, data.length, taken < rest.length)) return copied;
    const { less, error } = judge(socket, psock, message);
    copied -= less;
    if (!error) continue;
    if (copied > 0) return copied;
    throw error;
  }
  return copied;
}

/** Whether what was asked for is not all there yet. */
function waits({ corked, sending }: Psock, size: number, full: boolean): boolean {
  if (!corked || corked.wanted === 0) return false;
  corked.wanted = size > corked.wanted ? 0 : corked.wanted - size;
  if (corked.wanted > 0 && !full) return true;
  corked.wanted = 0;
  sending.verdict = undefined;
  return false;
}

interface Judged {
  /** Bytes that were not sent after all. */
  readonly less: number;
  readonly error?: KernelError;
}

/** tcp_bpf_send_verdict: the program decides on it, piece by piece if it wants so. */
function judge(socket: TcpSocket, psock: Psock, message: SkMessage): Judged {
  const { sending } = psock;
  const wasFull = message.full;
  let shrunk = 0;
  do {
    if (sending.verdict === undefined) {
      const before = message.size;
      ask(socket, psock, message);
      shrunk = before - message.size;
    }
    if (message.cork > message.size && !wasFull) {
      psock.corked = { message, wanted: message.cork - message.size };
      return { less: 0 };
    }
    const { size } = message;
    const sent = sending.apply > 0 ? Math.min(sending.apply, size) : size;
    if (sending.verdict === 'drop') {
      message.clear();
      applied(psock, sent);
      return { less: sent + shrunk, error: socketError('EACCES', 'a program says so') };
    }
    const judged =
      sending.verdict === 'redirect'
        ? redirect(psock, message, sent)
        : pass(socket, psock, message, sent);
    if (judged) return judged;
    if (sending.apply === 0) forget(psock);
  } while (message.size > 0);
  return { less: 0 };
}

/** sk_psock_msg_verdict */
function ask(socket: TcpSocket, psock: Psock, message: SkMessage): void {
  const { sending } = psock;
  const program = psock.program(BPF_SK_MSG_VERDICT);
  if (!program) {
    sending.verdict = 'pass';
    return;
  }
  const { sockets } = socket.net.stack;
  const code = sockets.maps.messages.run(program, socket, message);
  const named = message.redirect !== 0;
  sending.verdict = code !== SK_PASS ? 'drop' : named ? 'redirect' : 'pass';
  sending.apply = message.apply;
  if (sending.verdict !== 'redirect') return;
  const known = sockets.byNumber(message.redirect);
  const target = known instanceof Socket ? known : undefined;
  sending.target = target;
  sending.ingress = (message.redirectFlags & BPF_F_INGRESS) !== 0;
  if (!target) sending.verdict = 'drop';
}

/** sk_msg_apply_bytes */
function applied({ sending }: Psock, bytes: number): void {
  if (sending.apply > 0) sending.apply = Math.max(0, sending.apply - bytes);
}

function forget({ sending }: Psock): void {
  sending.verdict = undefined;
  sending.target = undefined;
}

/** Undefined: it went. */
function pass(
  socket: TcpSocket,
  psock: Psock,
  message: SkMessage,
  size: number,
): Judged | undefined {
  const failed = sendAll(socket, message, size);
  if (failed) return { less: message.clear(), error: failed };
  applied(psock, size);
  return undefined;
}

/** Sends bytes of a message's front; what stops it. */
function sendAll(socket: Socket, message: SkMessage, size: number): KernelError | undefined {
  const data = message.take(size);
  try {
    const sent = socket.sendRaw(data);
    if (sent === data.length) return undefined;
    message.elements.unshift(data.subarray(sent));
    return socketError('EAGAIN', 'the socket has no room');
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    message.elements.unshift(data);
    return error;
  }
}

/** tcp_bpf_sendmsg_redir: to another socket, or to its reader as if it had come. */
function redirect(psock: Psock, message: SkMessage, size: number): Judged | undefined {
  const { sending, corked } = psock;
  const { ingress } = sending;
  const target = sending.target!;
  applied(psock, size);
  if (sending.apply === 0) forget(psock);
  psock.corked = undefined;
  const failed = deliver(target, ingress, message, size);
  const less = failed ? message.clear() : 0;
  if (corked) message.clear();
  if (!failed || corked) return undefined;
  return { less, error: failed };
}

function deliver(
  target: Socket,
  ingress: boolean,
  message: SkMessage,
  size: number,
): KernelError | undefined {
  const { psock } = target;
  if (!psock) return socketError('EPIPE', 'the other socket is in no map');
  if (!ingress) return sendAll(target, message, size);
  psock.queue(message.take(size).slice());
  return undefined;
}
