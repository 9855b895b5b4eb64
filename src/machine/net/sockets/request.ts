import type { PendingEvent } from '../../../runtime/events.ts';
import { kept } from '../../objects/kept.ts';
import type { NetNamespace } from '../namespace.ts';
import { type Tuple, tupleKey } from './address.ts';
import { ACK, RST, type Segment, seqBefore, SYN } from './segment.ts';
import type { Arrived } from '../reuseport/select.ts';
import { migrate } from './lookup.ts';
import { LISTEN, NEW_SYN_RECV } from './states.ts';
import { JIFFY, TcpSocket, WINDOW } from './tcp.ts';
import { FIRST_RTO, initialSequence, mssFor, sendSegment } from './tcp-output.ts';

/** net.ipv4.tcp_synack_retries. */
const SYNACK_RETRIES = 5;

/** A connection whose last acknowledgement is still to come (struct request_sock). */
export class RequestSocket implements Tuple {
  readonly state = NEW_SYN_RECV;
  /** Who takes the connection: another of its group if that one is closed. */
  listener: TcpSocket;
  readonly local: Uint8Array;
  readonly localPort: number;
  readonly remote: Uint8Array;
  readonly remotePort: number;
  readonly iss: number;
  readonly irs: number;
  readonly mss: number;
  #retries = 0;
  #firstWait = FIRST_RTO;
  #timer: PendingEvent | undefined;

  /** A SYN came: it is answered, and goes on by itself. */
  static begin(listener: TcpSocket, tuple: Tuple, syn: Segment): RequestSocket {
    const { net } = listener;
    const mss = Math.min(syn.mss, mssFor(net, tuple.remote));
    const made = new RequestSocket(listener, tuple, initialSequence(net, tuple), syn.seq, mss);
    made.#begin();
    return made;
  }

  static readonly kept = kept({
    name: 'request',
    of: RequestSocket,
    save: (socket: RequestSocket) => ({
      ...socket,
      retries: socket.#retries,
      timer: socket.#timer,
    }),
    make: (ask) => {
      const tuple = {
        local: ask('local'),
        localPort: ask('localPort'),
        remote: ask('remote'),
        remotePort: ask('remotePort'),
      };
      return new RequestSocket(ask('listener'), tuple, ask('iss'), ask('irs'), ask('mss'));
    },
    fill(socket, { retries, timer }, thaw) {
      socket.#retries = retries;
      thaw.arm(
        timer,
        () => socket.#timeout(),
        (event) => {
          socket.#timer = event;
        },
      );
    },
  });

  private constructor(listener: TcpSocket, tuple: Tuple, iss: number, irs: number, mss: number) {
    this.listener = listener;
    this.local = tuple.local.slice();
    this.localPort = tuple.localPort;
    this.remote = tuple.remote.slice();
    this.remotePort = tuple.remotePort;
    this.iss = iss;
    this.irs = irs;
    this.mss = mss;
  }

  #begin(): void {
    this.net.sockets.connections.set(tupleKey(this), this);
    this.listener.requests.add(this);
    const { ops } = this.net.stack.sockets.hooks;
    ops.call('rwndInit', this);
    const jiffies = ops.call('timeoutInit', this);
    if (jiffies > 0) this.#firstWait = jiffies * JIFFY;
    ops.call('needsEcn', this);
    this.#timer = this.#arm();
    this.#answer();
  }

  get net(): NetNamespace {
    return this.listener.net;
  }

  get family(): 4 | 6 {
    return this.listener.family;
  }

  #arm(): PendingEvent {
    const { events, now } = this.net.stack;
    return events.at(Number(now) + this.#firstWait * 2 ** this.#retries, () => this.#timeout());
  }

  #timeout(): void {
    const closed = this.listener.state !== LISTEN;
    if (closed && !this.#migrate(undefined)) return this.drop();
    if (this.#retries++ >= SYNACK_RETRIES) return this.drop();
    this.#timer = this.#arm();
    this.net.stack.perform(() => this.#answer());
  }

  #answer(): void {
    const { iss: seq, irs } = this;
    this.#say({ seq, ack: (irs + 1) >>> 0, flags: SYN | ACK });
  }

  #say(what: Pick<Segment, 'seq' | 'ack' | 'flags'>): void {
    const mss = mssFor(this.net, this.remote);
    const segment = { ...what, window: WINDOW, mss, data: new Uint8Array(0) };
    sendSegment(this.net, this, segment, this.listener);
  }

  /** tcp_check_req. */
  receive(segment: Segment, arrived: Arrived): void {
    if (this.listener.state !== LISTEN && !this.#migrate(arrived)) return this.drop();
    const { flags, seq, ack } = segment;
    if (flags & RST) return seq === (this.irs + 1) >>> 0 ? this.drop() : undefined;
    if (flags & SYN) return seq === this.irs ? this.#answer() : undefined;
    if (!(flags & ACK)) return;
    if (ack !== (this.iss + 1) >>> 0 || seqBefore(seq, this.irs + 1)) {
      return this.#say({ seq: ack, ack: 0, flags: RST });
    }
    if (this.listener.backlogFull) return;
    this.drop();
    const child = TcpSocket.childOf(this, segment);
    this.listener.offer(child);
    child.segment(segment);
  }

  /** Its listener was closed: to another of the group (inet_csk_reqsk_queue_drop, tcp_v4_rcv). */
  #migrate(arrived: Arrived | undefined): boolean {
    const heir = migrate(this.listener, this, arrived);
    if (!heir) return false;
    const old = this.listener;
    this.listener = heir;
    old.release(this);
    heir.requests.add(this);
    return true;
  }

  /** It will not become a connection (inet_csk_reqsk_queue_drop). */
  drop(): void {
    this.#timer?.cancel();
    this.listener.release(this);
    this.net.sockets.connections.delete(tupleKey(this));
    this.net.stack.sockets.forget(this);
  }

  abort(): void {
    this.drop();
  }
}
