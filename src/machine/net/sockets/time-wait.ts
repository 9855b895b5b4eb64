import type { SocketOptions } from '../../../kernel/index.ts';
import type { PendingEvent } from '../../../runtime/events.ts';
import { kept } from '../../objects/kept.ts';
import type { NetNamespace } from '../namespace.ts';
import { type Tuple, tupleKey } from './address.ts';
import { ACK, FIN, RST, type Segment, seqBefore, SYN } from './segment.ts';
import { TIME_WAIT } from './states.ts';
import type { TcpSocket } from './tcp.ts';
import { NO_DATA, sendSegment } from './tcp-output.ts';

/** TCP_TIMEWAIT_LEN. */
export const TIME_WAIT_LENGTH = 60e9;

type Ends = Tuple & Pick<TcpSocket, 'net' | 'family' | 'options'>;

/** What stays of a connection that this side closed first (struct inet_timewait_sock). */
export class TimeWaitSocket implements Tuple {
  readonly state = TIME_WAIT;
  readonly net: NetNamespace;
  readonly family: 4 | 6;
  readonly options: SocketOptions;
  readonly local: Uint8Array;
  readonly localPort: number;
  readonly remote: Uint8Array;
  readonly remotePort: number;
  readonly #seq: number;
  readonly #ack: number;
  #timer: PendingEvent | undefined;

  /** Takes the place of the socket in the tables. */
  static replace(socket: TcpSocket, seq: number, ack: number): TimeWaitSocket {
    const made = new TimeWaitSocket(socket, seq, ack);
    made.#begin();
    return made;
  }

  static readonly kept = kept({
    name: 'time_wait',
    of: TimeWaitSocket,
    save: (socket: TimeWaitSocket) => ({
      ...socket,
      seq: socket.#seq,
      ack: socket.#ack,
      timer: socket.#timer,
    }),
    make: (ask) => {
      const ends = {
        net: ask('net'),
        family: ask('family'),
        options: ask('options'),
        local: ask('local'),
        localPort: ask('localPort'),
        remote: ask('remote'),
        remotePort: ask('remotePort'),
      };
      return new TimeWaitSocket(ends, ask('seq'), ask('ack'));
    },
    fill(socket, { timer }, thaw) {
      thaw.arm(
        timer,
        () => socket.drop(),
        (event) => {
          socket.#timer = event;
        },
      );
    },
  });

  private constructor(socket: Ends, seq: number, ack: number) {
    this.net = socket.net;
    this.family = socket.family;
    this.options = socket.options;
    this.local = socket.local;
    this.localPort = socket.localPort;
    this.remote = socket.remote;
    this.remotePort = socket.remotePort;
    this.#seq = seq;
    this.#ack = ack;
  }

  #begin(): void {
    this.#timer = this.#arm();
    this.net.sockets.connections.set(tupleKey(this), this);
    this.net.sockets.hold(this.localPort, this);
  }

  #arm(): PendingEvent {
    const { events, now } = this.net.stack;
    return events.at(Number(now) + TIME_WAIT_LENGTH, () => this.drop());
  }

  /**
   * tcp_timewait_state_process; 'syn': a new connection may begin. A FIN that comes again shows
   * that our answer was lost.
   */
  receive({ flags, seq, data }: Segment): 'syn' | undefined {
    if (flags & RST) {
      if (seq === this.#ack) this.drop();
      return undefined;
    }
    if (flags & SYN && !(flags & ACK) && seqBefore(this.#ack, seq)) {
      this.drop();
      return 'syn';
    }
    if (flags & FIN) {
      this.#timer?.cancel();
      this.#timer = this.#arm();
    }
    if (flags & (FIN | SYN) || data.length > 0) {
      const answer = { seq: this.#seq, ack: this.#ack, flags: ACK, window: 0, mss: 0 };
      sendSegment(this.net, this, { ...answer, data: NO_DATA });
    }
    return undefined;
  }

  drop(): void {
    this.#timer?.cancel();
    this.net.sockets.connections.delete(tupleKey(this));
    this.net.sockets.release(this.localPort, this);
    this.net.stack.sockets.forget(this);
  }

  abort(): void {
    this.drop();
  }
}
