import { KernelError } from '../../../base/index.ts';
import type {
  QueuePairOptions,
  RdmaCompletion,
  RdmaCounters,
  RdmaPeer,
  RdmaQueuePair,
  WorkRequest,
} from '../../../kernel/index.ts';
import type { EventQueue } from '../../../runtime/index.ts';
import type { Thaw } from '../../objects/kept.ts';
import type { Memory } from './memory.ts';
import { Requester } from './requester.ts';
import { Responder } from './responder.ts';
import type { Done, Message } from './types.ts';

/** What a queue pair uses of its device. */
export interface QueuePairHost {
  readonly events: EventQueue;
  readonly memory: Memory;
  readonly counters: RdmaCounters;
  now(): number;
  send(peer: RdmaPeer, message: Message): void;
  complete(completion: RdmaCompletion): void;
  /** Does something that sends packets, and then all that follows from them. */
  perform(action: () => void): void;
}

/** 4.096 microseconds times 2^14. */
const TIMEOUT = 67_108_864;
const RETRIES = 7;
/** Receives that may be posted. */
const RECEIVES_MAX = 16_384;

export type QueuePairParts = QueuePair['parts'];

/** One end of a reliable connection (RC). */
export class QueuePair implements RdmaQueuePair {
  readonly number: number;
  readonly mtu: number;
  readonly #peer: RdmaPeer;
  readonly #responder: Responder;
  readonly #requester: Requester;
  readonly #host: QueuePairHost;
  readonly #options: QueuePairOptions & { readonly mtu: number };
  #failed = false;
  #receives = 0;

  constructor(
    number: number,
    host: QueuePairHost,
    peer: RdmaPeer,
    options: QueuePairOptions & { readonly mtu: number },
  ) {
    const { psn = 0, peerPsn = 0 } = options;
    this.#options = options;
    this.number = number;
    this.mtu = options.mtu;
    this.#peer = peer;
    this.#host = host;
    const { mtu, timeout = TIMEOUT, retries = RETRIES, rnrRetries = RETRIES } = options;
    const both = {
      events: host.events,
      memory: host.memory,
      counters: host.counters,
      mtu,
      peer: peer.queuePair,
      timeout,
      retries,
      rnrRetries,
      now: () => host.now(),
      send: (message: Message) => host.send(peer, message),
      complete: (done: Done) => host.complete({ ...done, queuePair: number }),
      fail: () => this.#fail(),
    };
    this.#responder = new Responder(both, peerPsn);
    this.#requester = new Requester(both, psn);
  }

  /** What is kept in a file. */
  get parts() {
    return {
      peer: this.#peer,
      options: this.#options,
      responder: this.#responder.parts,
      requester: this.#requester.parts,
      failed: this.#failed,
      receives: this.#receives,
    };
  }

  resume(parts: QueuePairParts, thaw: Thaw): void {
    this.#responder.resume(parts.responder);
    this.#requester.resume(parts.requester, thaw);
    this.#failed = parts.failed;
    this.#receives = parts.receives;
  }

  get usable(): boolean {
    return !this.#failed;
  }

  get outstanding(): number {
    return this.#requester.outstanding;
  }

  postReceive(bytes: Uint8Array): number {
    if (this.#responder.posted >= RECEIVES_MAX) {
      throw new KernelError('ENOMEM', 12, `${RECEIVES_MAX} receives wait already`);
    }
    const request = ++this.#receives;
    if (this.#failed) this.#flushed(request);
    else this.#responder.postReceive(request, bytes);
    return request;
  }

  post(work: WorkRequest): number {
    if (this.#failed) return this.#requester.flush(work);
    let request = 0;
    this.#host.perform(() => {
      request = this.#requester.post(work);
    });
    return request;
  }

  /** A packet for this queue pair came. False: not from its peer. */
  receive(message: Message, from: string): boolean {
    if (from !== this.#peer.address || !message.operation.startsWith('RC ')) return false;
    if (this.#failed) return true;
    if (/response|ACK/.test(message.operation)) this.#requester.receive(message);
    else this.#responder.receive(message);
    return true;
  }

  /** The other end, for congestion notifications. */
  get peer(): RdmaPeer {
    return this.#peer;
  }

  #fail(): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#requester.end('flushed');
    for (const request of this.#responder.flush()) this.#flushed(request);
  }

  #flushed(request: number): void {
    const flushed = { request, operation: 'receive', status: 'flushed' } as const;
    this.#host.complete({ ...flushed, queuePair: this.number });
  }
}
