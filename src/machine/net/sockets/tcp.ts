import { constants, errnos } from '../../../abi/index.ts';
import { joinBytes } from '../../../base/index.ts';
import type { SocketAddress, SocketData } from '../../../kernel/index.ts';
import type { PendingEvent } from '../../../runtime/events.ts';
import { arrived } from '../cgroup/header-options.ts';
import { kept, keptFields, type Thaw } from '../../objects/kept.ts';
import { ipAddress } from '../ip/text.ts';
import { destinationOf, isAny, pathTo, tupleKey, unmapped } from './address.ts';
import { connectPort } from './ports.ts';
import type { Psock } from '../sockmap/psock.ts';
import { migrate } from './lookup.ts';
import type { RequestSocket } from './request.ts';
import { ACK, FIN, PSH, RST, type Segment, seqBefore, SYN } from './segment.ts';
import { Socket, socketError } from './socket.ts';
import {
  CLOSE,
  CLOSE_WAIT,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT1,
  FIN_WAIT2,
  LAST_ACK,
  LISTEN,
  SYN_RECV,
  SYN_SENT,
} from './states.ts';
import { joinGroup } from '../reuseport/group.ts';
import { sendMessage } from '../sockmap/send.ts';
import { insert, remove } from './table.ts';
import { receiveSegment } from './tcp-input.ts';
import { FIRST_RTO, initialSequence, mssFor, NO_DATA, sendSegment } from './tcp-output.ts';
import { saveSyn, savedSyn } from './tcp-options.ts';
import { TIME_WAIT_LENGTH, TimeWaitSocket } from './time-wait.ts';

/** The receive window: there is no window scaling. */
export const WINDOW = 65_535;
/** TCP_RTO_MIN: what Linux comes to where round trips take no time. */
const RTO = 200e6;
const RTO_MAX = 120e9;
const SYN_RETRIES = 'net/ipv4/tcp_syn_retries';
const RETRIES = 'net/ipv4/tcp_retries2';
/** Of Debian's kernels, in nanoseconds. */
export const JIFFY = 4e6;
/** Bytes that may wait to be sent (net.ipv4.tcp_wmem). */
const SEND_BYTES = 4_194_304;

/** A piece of the stream that is not acknowledged. */
interface Sent {
  readonly seq: number;
  readonly flags: number;
  readonly data: Uint8Array;
  /** When it was sent first; undefined: it was sent again, and tells nothing of the way. */
  at: bigint | undefined;
}

/** The two streams of a connection: a listener has none. */
export class Streams {
  iss: number;
  irs = 0;
  una: number;
  next: number;
  peerWindow = 0;
  mss: number;
  /** What the other side sends next. */
  expected = 0;
  sent: Sent[] = [];
  waiting: Uint8Array[] = [];
  waitingBytes = 0;
  received: Uint8Array[] = [];
  receivedBytes = 0;
  early: Segment[] = [];
  retries = 0;
  /** How long to wait for an answer to the first SYN, in nanoseconds. */
  firstWait = FIRST_RTO;
  /** Eight times the smoothed round trip in microseconds (srtt_us); 0: nothing was measured. */
  roundTrip = 0;
  timer: PendingEvent | undefined;
  /** Our FIN follows what waits; the peer's came. */
  finWaits = false;
  peerDone = false;
  bytesReceived = 0;
  bytesAcked = 0;

  constructor(iss: number, mss: number) {
    this.iss = iss;
    this.una = iss;
    this.next = iss;
    this.mss = mss;
  }

  get window(): number {
    return Math.max(0, WINDOW - this.receivedBytes);
  }

  /** What has come and nobody has looked at; the window knows of it until it is consumed. */
  takeUnread(): Uint8Array[] {
    const { received } = this;
    this.received = [];
    return received;
  }
}

export const keptStreams = keptFields('streams', Streams);

/** A TCP socket (net/ipv4/tcp*.c): no congestion control, no SACK, timestamps or scaling. */
export class TcpSocket extends Socket {
  readonly type = 'tcp';
  streams: Streams | undefined;
  readonly requests = new Set<RequestSocket>();
  #backlog = 0;
  #queue: TcpSocket[] | undefined;
  /** Its user closed it. */
  orphan = false;
  #keepsPort = false;
  #keepsAddress = false;
  /** BPF_SOCK_OPS_*_CB_FLAG: what programs want to hear of. */
  callbacks = 0;

  static readonly kept = kept({
    name: 'tcp',
    of: TcpSocket,
    save: (socket: TcpSocket) => ({
      ...socket.parts,
      streams: socket.streams,
      requests: socket.requests,
      backlog: socket.#backlog,
      queue: socket.#queue,
      orphan: socket.orphan,
      keepsPort: socket.#keepsPort,
      keepsAddress: socket.#keepsAddress,
      callbacks: socket.callbacks,
      syn: savedSyn(socket),
    }),
    make: (ask) => new TcpSocket(ask('net'), ask('options')),
    fill(socket, parts, thaw) {
      socket.restore(parts);
      socket.streams = parts.streams;
      for (const request of parts.requests) socket.requests.add(request);
      socket.#backlog = parts.backlog;
      socket.#queue = parts.queue;
      socket.orphan = parts.orphan;
      socket.#keepsPort = parts.keepsPort;
      socket.#keepsAddress = parts.keepsAddress;
      socket.callbacks = parts.callbacks;
      if (parts.syn) saveSyn(socket, parts.syn);
      thaw.later(() => socket.#resumeTimer(thaw));
    },
  });

  /** The retransmission timer, or the wait of an orphan for the other side's FIN. */
  #resumeTimer(thaw: Thaw): void {
    const { streams } = this;
    if (!streams?.timer) return;
    const orphaned = this.state === FIN_WAIT2;
    const late = () => (orphaned ? this.#waitedForFin() : this.#timeout(streams));
    thaw.armMember(streams, 'timer', late);
  }

  /** The connection that a request has become (tcp_v4_syn_recv_sock). */
  static childOf(request: RequestSocket, segment: Segment): TcpSocket {
    const { window } = segment;
    const { listener } = request;
    const { options, cgroup, family } = listener;
    const child = new TcpSocket(listener.net, { ...options, family, cgroup });
    child.inheritOptions(listener);
    child.local = request.local;
    child.localPort = request.localPort;
    child.remote = request.remote;
    child.remotePort = request.remotePort;
    const streams = new Streams(request.iss, request.mss);
    streams.irs = request.irs;
    streams.una = streams.next = (request.iss + 1) >>> 0;
    streams.expected = (request.irs + 1) >>> 0;
    streams.peerWindow = window;
    child.streams = streams;
    child.state = SYN_RECV;
    child.callbacks = listener.callbacks;
    const syn = savedSyn(request);
    if (syn) saveSyn(child, syn);
    child.#join();
    child.hooks.ops.callWith(arrived(segment), 'passive', child);
    child.state = ESTABLISHED;
    return child;
  }

  protected override bound(): void {
    this.#keepsPort = true;
    this.#keepsAddress = !isAny(this.local);
  }

  protected override unbind(): void {
    this.net.sockets.release(this.localPort, this);
    this.local = this.any;
    this.localPort = 0;
    this.#keepsPort = false;
  }

  /** TCP_BPF_SOCK_OPS_CB_FLAGS: 0, or -EINVAL for bits that mean nothing. */
  setCallbacks(flags: number): number {
    if (flags & ~constants.BPF_SOCK_OPS_ALL_CB_FLAGS) return -errnos['EINVAL']!;
    this.callbacks = flags;
    this.hooks.ops.flagsChanged(this);
    return 0;
  }

  /** tcp_set_state */
  override get state(): number {
    return super.state;
  }

  override set state(state: number) {
    if (state === this.state) return;
    if (this.callbacks !== 0) this.hooks.ops.call('state', this, this.state, state);
    super.state = state;
  }

  override holders(port: number): Iterable<Socket | TimeWaitSocket> {
    return this.net.sockets.bound.get(port) ?? [];
  }

  protected override hash(): void {
    this.net.sockets.hold(this.localPort, this);
  }

  /** Into the table of connections. */
  #join(): void {
    this.net.sockets.connections.set(tupleKey(this), this);
    this.net.sockets.hold(this.localPort, this);
  }

  override connect(to: SocketAddress): this {
    if (this.state === SYN_SENT) throw socketError('EALREADY', 'it is connecting');
    if (this.state !== CLOSE || this.orphan) throw socketError('EISCONN', 'it is connected');
    const { net } = this;
    const address = ipAddress(to.address);
    const other = !this.takes(unmapped(address).length);
    if (other) throw socketError('EINVAL', `${to.address}: another family`);
    const place = this.redirected('connect', { address, port: to.port });
    const remote = destinationOf(place.address);
    const { source } = pathTo(net, remote);
    const local = isAny(this.local) ? source : this.local;
    const ends = { local, remote, remotePort: place.port };
    const localPort = this.localPort || connectPort(this, ends);
    if (localPort === undefined) throw socketError('EADDRNOTAVAIL', 'no port is free');
    const tuple = { ...ends, localPort };
    if (net.sockets.connection(tuple)) throw socketError('EADDRNOTAVAIL', 'there is that one');
    Object.assign(this, tuple);
    net.configured = true;
    this.#join();
    this.streams = new Streams(initialSequence(net, tuple), mssFor(net, remote));
    this.state = SYN_SENT;
    const { ops } = this.hooks;
    ops.call('connect', this);
    ops.call('rwndInit', this);
    this.streams.firstWait = waitFrom(ops.call('timeoutInit', this));
    ops.call('needsEcn', this);
    this.#queueSegment(SYN, NO_DATA);
    return this;
  }

  override connected(): void {
    if (this.state !== CLOSE) return;
    // tcp_disconnect: the port stays to be seen.
    if (!this.#keepsAddress) this.local = this.any;
    this.throwError();
  }

  override listen(backlog = 128): this {
    if (this.state !== CLOSE && this.state !== LISTEN) throw socketError('EINVAL', 'connected');
    const { sysctls } = this.net.stack.machine;
    this.#backlog = Math.min(backlog >>> 0, sysctls.number('net/core/somaxconn'));
    if (this.state === LISTEN) return this;
    if (this.localPort === 0) this.bindTo(this.any, this.portFor(this.any, 0));
    super.state = LISTEN;
    for (const other of this.net.sockets.listeners.get(this.localPort) ?? []) {
      if (other.localPort !== this.localPort || mayShare(this, other)) continue;
      super.state = CLOSE;
      throw socketError('EADDRINUSE', `port ${this.localPort} has a listener`);
    }
    this.#queue = [];
    joinGroup(this, this.net.sockets.listeners.get(this.localPort) ?? []);
    insert(this.net.sockets.listeners, this.localPort, this);
    this.hooks.ops.call('listen', this);
    return this;
  }

  /** How many connections may wait. */
  get backlog(): number {
    return this.#backlog;
  }

  /** sk_acceptq_is_full. */
  get backlogFull(): boolean {
    return (this.#queue?.length ?? 0) > this.#backlog;
  }

  /** Connections that wait for accept(). */
  get offered(): readonly TcpSocket[] {
    return this.#queue ?? [];
  }

  /** The other side has answered (tcp_finish_connect). */
  established(segment: Segment): void {
    this.hooks.ops.callWith(arrived(segment), 'active', this);
  }

  /** A connection waits for accept(). */
  offer(child: TcpSocket): void {
    this.#queue!.push(child);
    this.onEvent?.('accept');
  }

  override accept(): TcpSocket | undefined {
    if (this.state !== LISTEN) throw socketError('EINVAL', 'the socket does not listen');
    return this.#queue!.shift();
  }

  override send(data: Uint8Array | string): number {
    this.throwError();
    const { streams } = this;
    const open = this.state === ESTABLISHED || this.state === CLOSE_WAIT || this.state === SYN_SENT;
    if (!streams || !open || streams.finWaits) {
      const errno = streams || this.orphan ? 'EPIPE' : 'ENOTCONN';
      throw socketError(errno, 'nothing can be sent');
    }
    const given = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    const { psock } = this;
    return psock?.judgesSending ? sendMessage(this, psock, given) : this.sendRaw(given);
  }

  override get hashed(): boolean {
    return this.state !== CLOSE;
  }

  override get writable(): boolean {
    return (this.streams?.waitingBytes ?? 0) < SEND_BYTES / 2;
  }

  override sendRaw(given: Uint8Array): number {
    const { streams } = this;
    const open = this.state === ESTABLISHED || this.state === CLOSE_WAIT;
    if (!streams || streams.finWaits || !(open || this.state === SYN_SENT)) {
      throw socketError('EPIPE', 'nothing can be sent');
    }
    const body = given.slice(0, Math.max(0, SEND_BYTES - streams.waitingBytes));
    if (body.length > 0) streams.waiting.push(body);
    streams.waitingBytes += body.length;
    this.push();
    return body.length;
  }

  /** Sends what the peer's window has room for (tcp_write_xmit). */
  push(): void {
    const { streams } = this;
    if (!streams || this.state === SYN_SENT) return;
    const most = this.#mostData(streams);
    while (streams.waiting.length > 0) {
      const inFlight = (streams.next - streams.una) >>> 0;
      const room = streams.peerWindow - inFlight;
      const size = Math.min(most, room, streams.waiting[0]!.length);
      if (size <= 0) {
        streams.timer ??= this.#arm(streams);
        return;
      }
      this.#queueSegment(ACK | PSH, this.#cut(streams, size));
    }
    this.psock?.wake();
    if (!streams.finWaits) return;
    streams.finWaits = false;
    this.#queueSegment(FIN | ACK, NO_DATA);
  }

  /** Data in a segment: what programs may want of its header counts (tcp_current_mss). */
  #mostData({ mss, waiting }: Streams): number {
    if (this.callbacks === 0 || waiting.length === 0) return mss;
    return Math.max(1, mss - this.hooks.ops.options.mostLength(this));
  }

  #cut(streams: Streams, size: number): Uint8Array {
    const [first] = streams.waiting;
    const piece = first!.subarray(0, size);
    if (size === first!.length) streams.waiting.shift();
    else streams.waiting[0] = first!.subarray(size);
    streams.waitingBytes -= piece.length;
    return piece;
  }

  /** Sends a piece and keeps it until it is acknowledged. */
  #queueSegment(flags: number, data: Uint8Array): void {
    const streams = this.streams!;
    const piece: Sent = { seq: streams.next, flags, data, at: this.net.stack.now };
    streams.sent.push(piece);
    const length = data.length + (flags & (SYN | FIN) ? 1 : 0);
    streams.next = (streams.next + length) >>> 0;
    this.#sendPiece(piece);
    streams.timer ??= this.#arm(streams);
  }

  #sendPiece({ seq, flags, data }: Omit<Sent, 'at'>): void {
    const { expected: ack, window } = this.streams!;
    const mss = mssFor(this.net, this.remote);
    const segment = { seq, ack, flags, window, mss, data };
    const { callbacks } = this;
    const options =
      callbacks === 0 ? undefined : this.hooks.ops.options.write(this, callbacks, segment);
    sendSegment(this.net, this, options ? { ...segment, options } : segment, this);
  }

  /** Says what was received, without data of its own. */
  acknowledge(): void {
    const { next } = this.streams!;
    this.#sendPiece({ seq: next, flags: ACK, data: NO_DATA });
  }

  #arm(streams: Streams): PendingEvent {
    const { events, now } = this.net.stack;
    const first = this.state === SYN_SENT ? streams.firstWait : RTO;
    const wait = Math.min(first * 2 ** streams.retries, RTO_MAX);
    return events.at(Number(now) + wait, () => this.#timeout(streams));
  }

  /** icsk_rto */
  #waitJiffies(streams: Streams): number {
    const first = this.state === SYN_SENT ? streams.firstWait : RTO;
    return Math.min(first * 2 ** streams.retries, RTO_MAX) / JIFFY;
  }

  /** The retransmission timer (tcp_retransmit_timer). */
  #timeout(streams: Streams): void {
    streams.timer = undefined;
    if (this.streams !== streams) return;
    if (streams.sent.length === 0) return this.#probe(streams);
    const first = streams.sent[0]!;
    const { sysctls } = this.net.stack.machine;
    const most = sysctls.number(this.state === SYN_SENT ? SYN_RETRIES : RETRIES);
    const { ops } = this.hooks;
    const expired = streams.retries >= most;
    ops.call('timeout', this, streams.retries, this.#waitJiffies(streams), expired ? 1 : 0);
    if (streams.retries++ >= most) return this.end('ETIMEDOUT');
    streams.timer = this.#arm(streams);
    first.at = undefined;
    this.net.stack.perform(() => this.#sendPiece(first));
    ops.call('retransmit', this, first.seq, 1, 0);
  }

  /** One byte asks a peer without a window for it (tcp_probe_timer). */
  #probe(streams: Streams): void {
    if (streams.waiting.length === 0) return;
    const ask = () => this.#queueSegment(ACK | PSH, this.#cut(streams, 1));
    this.net.stack.perform(ask);
  }

  /** Everything before `ack` has arrived. */
  acknowledged(ack: number): void {
    const streams = this.streams!;
    const { sent } = streams;
    streams.bytesAcked += (ack - streams.una) >>> 0;
    streams.una = ack;
    while (sent.length > 0) {
      const { seq, data, flags } = sent[0]!;
      const end = (seq + data.length + (flags & (SYN | FIN) ? 1 : 0)) >>> 0;
      if (seqBefore(ack, end)) break;
      this.#measure(streams, sent.shift()!);
    }
    streams.timer?.cancel();
    streams.retries = 0;
    streams.timer = sent.length > 0 ? this.#arm(streams) : undefined;
  }

  /** tcp_rtt_estimator: eight times the smoothed time of a round trip, in microseconds. */
  #measure(streams: Streams, { at }: Sent): void {
    if (at === undefined) return;
    const took = Math.max(1, Number(this.net.stack.now - at) / 1000) | 0;
    const { roundTrip } = streams;
    streams.roundTrip = roundTrip === 0 ? took << 3 : roundTrip + took - (roundTrip >>> 3);
    if (this.callbacks !== 0) this.hooks.ops.call('roundTrip', this, took, streams.roundTrip);
  }

  segment(segment: Segment): void {
    receiveSegment(this, segment);
  }

  /** Programs see the header of what came. */
  parse(segment: Segment): void {
    this.hooks.ops.options.parse(this, segment);
  }

  override receive(): SocketData | undefined {
    const { streams } = this;
    if (!streams?.receivedBytes) this.throwError();
    if (!streams) throw socketError('ENOTCONN', 'the socket is not connected');
    const from = this.remoteAddress!;
    const { psock } = this;
    if (psock) {
      const data = this.#receiveBehind(psock, streams);
      if (data !== 'own') return data && { data, from };
    }
    if (streams.received.length === 0) {
      return streams.peerDone ? { data: NO_DATA, from } : undefined;
    }
    const was = streams.window;
    const data = joinBytes(streams.received);
    streams.received = [];
    streams.receivedBytes = 0;
    if (was < streams.mss && this.state !== CLOSE) this.acknowledge();
    return { data, from };
  }

  /** tcp_bpf_recvmsg: what programs let through, and what others sent here; 'own': neither. */
  #receiveBehind(psock: Psock, streams: Streams): Uint8Array | 'own' | undefined {
    if (!psock.reads) {
      if (streams.received.length > 0 && psock.empty) return 'own';
      return psock.receive() ?? 'own';
    }
    if (streams.received.length > 0) psock.dataReady(false);
    const data = psock.receive();
    if (data) return data;
    return streams.peerDone ? NO_DATA : undefined;
  }

  /** Bytes that programs or the reader have done with: there is room for as many. */
  consumed(size: number): void {
    const { streams } = this;
    if (!streams || size === 0) return;
    const was = streams.window;
    streams.receivedBytes = Math.max(0, streams.receivedBytes - size);
    if (was < streams.mss && streams.window > was && this.state !== CLOSE) this.acknowledge();
  }

  override shutdown(): void {
    if (this.state !== ESTABLISHED && this.state !== CLOSE_WAIT) {
      throw socketError('ENOTCONN', 'the socket is not connected');
    }
    this.state = this.state === ESTABLISHED ? FIN_WAIT1 : LAST_ACK;
    this.streams!.finWaits = true;
    this.push();
  }

  /** tcp_close. */
  override close(): void {
    if (this.orphan) return;
    this.hooks.release(this);
    this.orphan = true;
    const { streams } = this;
    this.net.stack.sockets.maps.close(this);
    if (this.state === LISTEN) return this.#stopListening();
    if (streams && streams.receivedBytes > 0 && this.state !== CLOSE) return this.#reset();
    if (this.state === ESTABLISHED || this.state === CLOSE_WAIT) return this.shutdown();
    if (this.state === FIN_WAIT2) return this.waitForFin();
    if (this.state === SYN_SENT || this.state === CLOSE) this.end();
  }

  /** An orphan in FIN_WAIT2 does not wait for ever (tcp_fin_timeout). */
  waitForFin(): void {
    const { events, now } = this.net.stack;
    const late = () => this.#waitedForFin();
    this.streams!.timer = events.at(Number(now) + TIME_WAIT_LENGTH, late);
    // Linux keeps less than a socket from here on: for programs it is closed.
    if (this.callbacks !== 0) this.hooks.ops.call('state', this, this.state, CLOSE);
    this.callbacks = 0;
  }

  #waitedForFin(): void {
    if (this.state === FIN_WAIT2) this.end();
  }

  #stopListening(): void {
    remove(this.net.sockets.listeners, this.localPort, this);
    if (this.array !== undefined) this.net.stack.sockets.maps.leaveArray(this);
    this.group?.retire(this);
    this.state = CLOSE;
    // Requests of a group that migrates wait for what comes next (tcp_check_req).
    if (!this.group) for (const request of this.requests) request.drop();
    for (const child of this.#queue ?? []) this.#handOver(child);
    this.#queue = [];
    this.end();
  }

  /** A request is no more its own; a closed listener stays as long as it has some. */
  release(request: RequestSocket): void {
    this.requests.delete(request);
    if (this.orphan && this.state === CLOSE && this.requests.size === 0) this.gone();
  }

  /** A connection nobody accepted: to another of the group, or it ends. */
  #handOver(child: TcpSocket): void {
    const heir = migrate(this, child, undefined);
    if (heir && !heir.backlogFull) return heir.offer(child);
    child.orphan = true;
    child.abort();
  }

  /** Tells the peer that the connection is no more. */
  #reset(error?: string): void {
    const { next } = this.streams!;
    this.#sendPiece({ seq: next, flags: RST | ACK, data: NO_DATA });
    this.end(error);
  }

  /** tcp_abort. */
  override abort(): void {
    if (this.state === LISTEN) {
      this.#stopListening();
      return this.fail('ECONNABORTED');
    }
    const telling = [ESTABLISHED, CLOSE_WAIT, FIN_WAIT1, FIN_WAIT2].includes(this.state);
    if (telling) this.#reset('ECONNABORTED');
    else this.end('ECONNABORTED');
  }

  /** An ICMP error: fatal only while it connects. */
  icmpError(error: string): void {
    if (this.state === SYN_SENT) this.end(error);
  }

  /** Both sides have closed, this one first: something stays to answer a late FIN. */
  timeWait(): void {
    const { next, expected } = this.streams!;
    this.#leave();
    TimeWaitSocket.replace(this, next, expected);
    this.#finish();
  }

  /** tcp_done: out of the tables; with an error its user is told. */
  end(error?: string): void {
    if (this.streams) this.#leave();
    else this.net.sockets.release(this.localPort, this);
    this.#finish();
    if (error !== undefined) this.fail(error);
  }

  #finish(): void {
    this.state = CLOSE;
    if (this.orphan && this.requests.size === 0) this.gone();
    this.onEvent?.('closed');
  }

  #leave(): void {
    const { sockets } = this.net;
    const key = tupleKey(this);
    if (sockets.connections.get(key) === this) sockets.connections.delete(key);
    if (!this.#keepsPort || this.orphan) sockets.release(this.localPort, this);
    this.streams!.timer?.cancel();
    this.streams!.timer = undefined;
    this.streams!.peerDone = true;
  }

  /** States in which our FIN is on its way. */
  get isClosing(): boolean {
    return this.state === FIN_WAIT1 || this.state === CLOSING || this.state === LAST_ACK;
  }
}

/** What programs say of the first wait, in jiffies; else what it is without them. */
const waitFrom = (jiffies: number): number => (jiffies > 0 ? jiffies * JIFFY : FIRST_RTO);

/** Two listeners of one port. */
function mayShare(one: TcpSocket, other: TcpSocket): boolean {
  if (one.options.reusePort && other.options.reusePort) return true;
  const [mine, its] = [isAny(one.local), isAny(other.local)];
  return !mine && !its && tupleKey(one) !== tupleKey(other);
}
