import type { EventQueue } from '../../../runtime/index.ts';
import type { Memory } from './memory.ts';
import { Requester, type WorkRequest } from './requester.ts';
import { Responder } from './responder.ts';
import type { Completion, Message, RdmaCounters } from './types.ts';

/** Where the other end of a connection is. */
export interface Peer {
  /** Its address, IPv4 or IPv6. */
  readonly address: string;
  readonly queuePair: number;
}

export interface QueuePairOptions {
  /** First packet sequence number that this side sends. Default 0. */
  readonly psn?: number;
  /** The other side's. Default 0. */
  readonly peerPsn?: number;
  /** Bytes of data in a packet: 256, 512, 1024 (default), 2048, 4096. */
  readonly mtu?: number;
  /** Nanoseconds without an answer until packets are sent again. Default 67 ms. */
  readonly timeout?: number;
  /** Times that a packet is sent again, and after a receiver was not ready. Default 7. */
  readonly retries?: number;
  readonly rnrRetries?: number;
}

/** What a queue pair uses of its device. */
export interface QueuePairHost {
  readonly events: EventQueue;
  readonly memory: Memory;
  readonly counters: RdmaCounters;
  now(): number;
  send(peer: Peer, message: Message): void;
  complete(completion: Completion): void;
}

/** 4.096 microseconds times 2^14. */
const TIMEOUT = 67_108_864;

/** One end of a reliable connection (RC). */
export class QueuePair {
  readonly number: number;
  readonly #responder: Responder;
  readonly #requester: Requester;
  readonly #host: QueuePairHost;
  #failed = false;
  #receives = 0;

  constructor(number: number, host: QueuePairHost, peer: Peer, options: QueuePairOptions = {}) {
    this.number = number;
    this.#host = host;
    const { psn = 0, peerPsn = 0, mtu = 1024, timeout = TIMEOUT } = options;
    const { retries = 7, rnrRetries = 7 } = options;
    const both = {
      ...{ events: host.events, memory: host.memory, counters: host.counters, mtu },
      ...{ peer: peer.queuePair, timeout, retries, rnrRetries },
      now: () => host.now(),
      send: (message: Message) => host.send(peer, message),
      complete: (done: Omit<Completion, 'queuePair'>) =>
        host.complete({ ...done, queuePair: number }),
      fail: () => this.#fail(),
    };
    this.#responder = new Responder(both, peerPsn);
    this.#requester = new Requester(both, psn);
  }

  /** False when an error ended the connection: what is posted then is flushed. */
  get usable(): boolean {
    return !this.#failed;
  }

  /** Work requests that are not done. */
  get outstanding(): number {
    return this.#requester.outstanding;
  }

  /** A buffer for what the other side sends next. Returns the number that its completion has. */
  postReceive(bytes: Uint8Array): number {
    const request = ++this.#receives;
    this.#responder.postReceive(request, bytes);
    return request;
  }

  /** Asks something of the other side. Returns the number that its completion has. */
  post(work: WorkRequest): number {
    return this.#requester.post(work);
  }

  /** A packet for this queue pair came. */
  receive(message: Message): void {
    if (this.#failed) return;
    if (/response|ACK/.test(message.operation)) this.#requester.receive(message);
    else this.#responder.receive(message);
  }

  #fail(): void {
    this.#failed = true;
    for (const request of this.#responder.flush()) {
      const flushed = { request, operation: 'receive', status: 'flushed' } as const;
      this.#host.complete({ ...flushed, queuePair: this.number });
    }
  }
}
