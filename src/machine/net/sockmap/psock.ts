/** What a socket has while it is in maps of sockets (struct sk_psock, net/core/skmsg.c). */
import { constants } from '../../../abi/index.ts';
import { joinBytes, KernelError } from '../../../base/index.ts';
import type { MachineProgram } from '../../program.ts';
import type { MapPlace, MapPrograms } from '../../objects/map-programs.ts';
import { Socket } from '../sockets/socket.ts';
import { TcpSocket } from '../sockets/tcp.ts';
import type { UdpSocket } from '../sockets/udp.ts';
import type { Corked, MessageState } from './send.ts';
import { StreamParser } from './parser.ts';
import { runSkb, type SkbOutcome } from './skb.ts';

const {
  BPF_SK_MSG_VERDICT: MESSAGE,
  BPF_SK_SKB_STREAM_PARSER: PARSER,
  BPF_SK_SKB_STREAM_VERDICT: STREAM_VERDICT,
  BPF_SK_SKB_VERDICT: VERDICT,
} = constants;
/** Bytes that may wait for the reader (sk_rcvbuf; the kernel counts its overhead as well). */
const RECEIVE_BYTES = { tcp: 131_072, udp: 212_992 } as const;
const SK_PASS = 1;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Data that waits for the reader of a socket. */
interface Message {
  readonly data: Uint8Array;
  /** It came by this very connection: the window knows of it. */
  readonly own: boolean;
  /** Nothing follows. */
  readonly end: boolean;
}

/** Data that another socket sent here, and this one has not taken yet. */
interface Waiting {
  data: Uint8Array;
  readonly ingress: boolean;
  readonly own: boolean;
}

/** A piece of what came, and what a program says of it. */
interface Judged {
  readonly data: Uint8Array;
  readonly outcome: SkbOutcome | undefined;
  readonly end: boolean;
  /** Bytes as they came, and whether the window counts them still. */
  readonly size: number;
  readonly counted: boolean;
}

export class Psock {
  readonly socket: Socket;
  readonly #programs = new Map<MapPlace, MachineProgram>();
  /** Entries of maps that the socket is in, by the map's address. */
  readonly #entries = new Map<number, number>();
  /** Programs get what comes in (saved_data_ready). */
  #reads = false;
  #parser: StreamParser | undefined;
  /** SK_PSOCK_TX_ENABLED */
  #open = true;
  #messages: Message[] = [];
  #messageBytes = 0;
  #backlog: Waiting[] = [];
  #working = false;
  /** Of sk_msg programs: what their last word holds for. */
  sending: MessageState = { verdict: undefined, apply: 0, target: undefined, ingress: false };
  corked: Corked | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  program(place: MapPlace): MachineProgram | undefined {
    return this.#programs.get(place);
  }

  /** Maps it is in. */
  get maps(): readonly number[] {
    return [...this.#entries.keys()];
  }

  /**
   * One more entry of a map, whose programs it takes on (sock_map_link): 0 or the word of an errno.
   */
  enter(map: number, programs: MapPrograms | undefined): string | undefined {
    const taken = programs ? this.#conflict(programs) : false;
    if (taken) return 'EBUSY';
    this.#entries.set(map, (this.#entries.get(map) ?? 0) + 1);
    if (!programs) return undefined;
    for (const place of [MESSAGE, PARSER, STREAM_VERDICT, VERDICT] as const) {
      const program = programs.at(place);
      if (program) this.#set(place, program);
    }
    return this.#begin(programs);
  }

  #conflict(programs: MapPrograms): boolean {
    const both = (one: MapPlace, other: MapPlace) =>
      programs.at(one) !== undefined && this.#programs.has(other);
    return (
      both(MESSAGE, MESSAGE) ||
      both(PARSER, PARSER) ||
      both(VERDICT, VERDICT) ||
      both(VERDICT, STREAM_VERDICT) ||
      both(STREAM_VERDICT, VERDICT) ||
      both(STREAM_VERDICT, STREAM_VERDICT)
    );
  }

  #set(place: MapPlace, program: MachineProgram | undefined): void {
    const old = this.#programs.get(place);
    if (program) this.#programs.set(place, program.hold());
    else this.#programs.delete(place);
    old?.drop();
  }

  /** From now on programs read what comes, if the map has such. */
  #begin(programs: MapPrograms): string | undefined {
    if (this.#reads) return undefined;
    const stream = programs.at(STREAM_VERDICT) !== undefined;
    if (programs.at(PARSER) && stream) {
      if (this.socket.type !== 'tcp') return 'EOPNOTSUPP';
      this.#parser = new StreamParser();
    }
    this.#reads = stream || programs.at(VERDICT) !== undefined;
    return undefined;
  }

  /** An entry of a map is gone; true: it was the last one of all (sock_map_unref). */
  leave(map: number, programs: MapPrograms | undefined): boolean {
    const count = this.#entries.get(map) ?? 0;
    if (count > 1) this.#entries.set(map, count - 1);
    else this.#entries.delete(map);
    if (programs && this.#reads) this.#stop(programs);
    return this.#entries.size === 0;
  }

  #stop(programs: MapPrograms): void {
    const parser = programs.at(PARSER) !== undefined;
    const verdict = programs.at(STREAM_VERDICT) !== undefined || programs.at(VERDICT) !== undefined;
    if (!parser && !verdict) return;
    this.#reads = false;
    if (parser) this.#set(PARSER, undefined);
    if (parser) this.#parser = undefined;
    if (!verdict) return;
    this.#set(STREAM_VERDICT, undefined);
    this.#set(VERDICT, undefined);
  }

  /** It is in no map any more, or closed: what waits is lost (sk_psock_drop). */
  end(): void {
    this.#open = false;
    this.#reads = false;
    this.#entries.clear();
    for (const place of [MESSAGE, PARSER, STREAM_VERDICT, VERDICT] as const) {
      this.#set(place, undefined);
    }
    this.#backlog = [];
    this.#messages = [];
    this.corked = undefined;
  }

  /** A program decides on what is sent. */
  get judgesSending(): boolean {
    return this.#programs.has(MESSAGE) || this.corked !== undefined;
  }

  /** Nothing waits for the reader. */
  get empty(): boolean {
    return this.#messages.length === 0;
  }

  /** Whether user space reads what programs let through only. */
  get reads(): boolean {
    return this.#programs.has(STREAM_VERDICT) || this.#programs.has(VERDICT);
  }

  /** Something has come in; `end`: the stream ends with it. True: the reader may hear of it. */
  dataReady(end: boolean): boolean {
    if (!this.#reads) return true;
    const { socket } = this;
    return socket instanceof TcpSocket
      ? this.#readStream(socket, end)
      : this.#readDatagram(socket as UdpSocket);
  }

  /** tcp_read_skb, or the parser's own way of reading. */
  #readStream(socket: TcpSocket, end: boolean): boolean {
    const { streams } = socket;
    if (!streams) return false;
    const before = this.#messages.length;
    if (this.#parser) {
      for (const piece of streams.takeUnread()) this.#parse(socket, piece);
      return end || this.#messages.length > before;
    }
    const pieces = streams.takeUnread();
    if (end && pieces.length === 0) pieces.push(NOTHING);
    pieces.forEach((piece, i) => this.#judge(piece, end && i === pieces.length - 1));
    return true;
  }

  #parse(socket: TcpSocket, piece: Uint8Array): void {
    const parser = this.#parser!;
    socket.consumed(piece.length);
    const failed = parser.push(
      piece,
      (head) => this.#messageLength(head),
      (head, offset, size) => this.#judgeMessage(head, offset, size),
    );
    if (failed === undefined) return;
    socket.fail(failed);
  }

  #messageLength(head: Uint8Array): number {
    const program = this.#programs.get(PARSER);
    return program ? (runSkb(program, this.socket, head)?.code ?? 0) : head.length;
  }

  /** sk_psock_strp_read: the program sees all of the buffers the message lies in. */
  #judgeMessage(head: Uint8Array, offset: number, size: number): void {
    const program = this.#programs.get(STREAM_VERDICT);
    const outcome = program && runSkb(program, this.socket, head);
    const all = outcome?.data ?? head;
    const data = all.slice(offset, offset + size);
    this.#apply({ data, outcome, end: false, size, counted: false });
  }

  #readDatagram(socket: UdpSocket): boolean {
    const datagram = socket.takeUnread();
    if (datagram) this.#judge(datagram, false);
    return true;
  }

  /** sk_psock_verdict_recv. */
  #judge(piece: Uint8Array, end: boolean): void {
    const program = this.#programs.get(STREAM_VERDICT) ?? this.#programs.get(VERDICT);
    const outcome = program && runSkb(program, this.socket, piece);
    const data = outcome?.data ?? piece;
    this.#apply({ data, outcome, end, size: piece.length, counted: true });
  }

  /** sk_psock_verdict_apply */
  #apply(judged: Judged): void {
    const { socket } = this;
    const { outcome, data, size, counted } = judged;
    if (outcome?.code !== SK_PASS) return counted ? this.#eat(size) : undefined;
    const named = outcome.redirect !== 0;
    const known = named ? socket.net.stack.sockets.byNumber(outcome.redirect) : undefined;
    const target = known instanceof Socket ? known : undefined;
    if (!named || (target === socket && outcome.ingress)) return this.#keep(judged);
    if (counted) this.#eat(size);
    target?.psock?.takeOver({ data, ingress: outcome.ingress, own: false });
  }

  /** The bytes need no room any more (tcp_eat_skb). */
  #eat(size: number): void {
    const { socket } = this;
    if (socket instanceof TcpSocket) socket.consumed(size);
  }

  /** For its own reader: the window counts it until it is read, as long as it is now. */
  #keep({ data, end, size, counted }: Judged): void {
    const known = counted ? size : 0;
    if (!this.#open) return this.#eat(known);
    this.#eat(known - data.length);
    if (this.#backlog.length === 0) this.queue(data, true, end);
    else this.takeOver({ data, ingress: true, own: true });
  }

  /** sk_psock_queue_msg; false: it is closed. */
  queue(data: Uint8Array, own = false, end = false): boolean {
    if (!this.#open) return false;
    this.#messages.push({ data, own, end });
    this.#messageBytes += data.length;
    this.socket.onEvent?.('readable');
    return true;
  }

  /** Data from another socket: the kernel's worker brings it in (sk_psock_backlog). */
  takeOver(waiting: Waiting): void {
    if (!this.#open) return;
    this.#backlog.push(waiting);
    this.wake();
  }

  /** There may be room again. */
  wake(): void {
    if (this.#working || !this.#open || this.#backlog.length === 0) return;
    this.#working = true;
    this.socket.net.stack.defer(() => this.#work());
  }

  #work(): void {
    this.#working = false;
    while (this.#open && this.#backlog.length > 0) {
      const first = this.#backlog[0]!;
      const done = this.#handle(first);
      if (done === 'wait') return;
      if (done === 'broken') return this.#break('EPIPE');
      this.#backlog.shift();
    }
  }

  /** sk_psock_handle_skb. An empty one counts as an error there. */
  #handle(first: Waiting): 'done' | 'wait' | 'broken' {
    if (first.data.length === 0) return 'broken';
    if (!first.ingress) return this.#forward(first);
    if (!first.own && this.#messageBytes > RECEIVE_BYTES[this.socket.type]) return 'wait';
    this.queue(first.data, first.own);
    return 'done';
  }

  #forward(first: Waiting): 'done' | 'wait' | 'broken' {
    try {
      while (first.data.length > 0) {
        if (!this.socket.writable) return 'wait';
        const sent = this.socket.sendRaw(first.data);
        if (sent === 0) return 'wait';
        first.data = first.data.subarray(sent);
      }
      return 'done';
    } catch (error) {
      if (error instanceof KernelError) return 'broken';
      throw error;
    }
  }

  /** Hard errors break the pipe. */
  #break(error: string): void {
    this.#open = false;
    this.socket.fail(error);
  }

  /** Bytes for the reader; undefined: there is nothing (__sk_msg_recvmsg). */
  receive(): Uint8Array | undefined {
    if (this.#messages.length === 0) return undefined;
    const pieces: Uint8Array[] = [];
    let own = 0;
    while (this.#messages.length > 0 && !this.#messages[0]!.end) {
      const { data, own: mine } = this.#messages.shift()!;
      pieces.push(data);
      if (mine) own += data.length;
    }
    // What ends a stream stays: every read from here on says so.
    const last = this.#messages[0];
    if (last && last.data.length > 0) {
      pieces.push(last.data);
      if (last.own) own += last.data.length;
      this.#messages[0] = { ...last, data: NOTHING };
    }
    const all = joinBytes(pieces);
    this.#messageBytes -= all.length;
    this.#eat(own);
    this.wake();
    return all;
  }
}
