import { joinBytes, KernelError } from '../../../base/index.ts';
import type { CompletionStatus, RdmaCounters, WorkRequest } from '../../../kernel/index.ts';
import type { EventQueue, PendingEvent } from '../../../runtime/index.ts';
import type { Thaw } from '../../objects/kept.ts';
import {
  type Done,
  type Message,
  NAK_ACCESS,
  NAK_INVALID,
  NAK_SEQUENCE,
  psnAdd,
  psnDiff,
  RNR_NAK,
} from './types.ts';
import { checkWork, isAnswered, isAtomic, packetOf, packetsOf, type Work } from './work.ts';

/** What a requester needs of its queue pair. */
export interface RequesterHost {
  readonly events: EventQueue;
  readonly counters: RdmaCounters;
  readonly mtu: number;
  readonly peer: number;
  /** Nanoseconds without an answer until packets are sent again. */
  readonly timeout: number;
  readonly retries: number;
  readonly rnrRetries: number;
  now(): number;
  send(message: Message): void;
  complete(completion: Done): void;
  /** It is over with the queue pair. */
  fail(): void;
}

/** Sequence numbers that may be on their way (RXE_MAX_UNACKED_PSNS). */
const WINDOW = 128;
/** Work requests that may wait. */
const QUEUE_MAX = 16_384;
/** Half of all sequence numbers: of more it could not be said what comes before what. */
const PACKETS_MAX = 2 ** 23;
const RNR_KIND = 1;
const RNR_FOREVER = 7;
const TEN_MICROSECONDS = 10_000;
/** IBTA table 45: what to wait when the other side had nowhere to put a message, in 10 us. */
const RNR_WAIT: readonly number[] = [
  65_536, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536,
  2048, 3072, 4096, 6144, 8192, 12_288, 16_384, 24_576, 32_768, 49_152,
];

export type RequesterParts = Requester['parts'];

/**
 * The asking half of a reliable connection (rxe_req.c, rxe_comp.c): sends as far as the window
 * allows, and from the oldest packet on that nobody confirmed when one was lost.
 */
export class Requester {
  readonly #host: RequesterHost;
  readonly #pending: Work[] = [];
  /** Sequence numbers: of the next request, the next packet to send, the oldest not confirmed. */
  #nextPsn: number;
  #cursor: number;
  #oldest: number;
  /** Behind the newest that was ever sent. */
  #sent: number;
  #nextRequest = 1;
  #timer: PendingEvent | undefined;
  /** The receiver was not ready: nothing is sent until the timer says so. */
  #isWaiting = false;
  #isPumping = false;
  /** Where it was last seen that an answer is missing: one gap is one retry. */
  #missing: number | undefined;
  #retriesLeft: number;
  #rnrLeft: number;

  constructor(host: RequesterHost, firstPsn: number) {
    this.#host = host;
    this.#nextPsn = this.#cursor = this.#oldest = this.#sent = firstPsn;
    this.#retriesLeft = host.retries;
    this.#rnrLeft = host.rnrRetries;
  }

  /** What is kept in a file. */
  get parts() {
    return {
      pending: this.#pending,
      nextPsn: this.#nextPsn,
      cursor: this.#cursor,
      oldest: this.#oldest,
      sent: this.#sent,
      nextRequest: this.#nextRequest,
      timer: this.#timer,
      isWaiting: this.#isWaiting,
      missing: this.#missing,
      retriesLeft: this.#retriesLeft,
      rnrLeft: this.#rnrLeft,
    };
  }

  resume(parts: RequesterParts, thaw: Thaw): void {
    this.#pending.push(...parts.pending);
    this.#nextPsn = parts.nextPsn;
    this.#cursor = parts.cursor;
    this.#oldest = parts.oldest;
    this.#sent = parts.sent;
    this.#nextRequest = parts.nextRequest;
    this.#isWaiting = parts.isWaiting;
    this.#missing = parts.missing;
    this.#retriesLeft = parts.retriesLeft;
    this.#rnrLeft = parts.rnrLeft;
    const then = parts.isWaiting ? () => this.#ready() : () => this.#late();
    thaw.arm(parts.timer, then, (event) => {
      this.#timer = event;
    });
  }

  get outstanding(): number {
    return this.#pending.length;
  }

  /** Queues a request and sends what may go out; its number is in the completion that follows. */
  post(work: WorkRequest): number {
    checkWork(work);
    if (this.#pending.length >= QUEUE_MAX) {
      throw new KernelError('ENOMEM', 12, `${QUEUE_MAX} work requests wait already`);
    }
    const packets = packetsOf(work, this.#host.mtu);
    if (packets >= PACKETS_MAX) {
      throw new KernelError('EINVAL', 22, `a message of ${packets} packets`);
    }
    const request = this.#nextRequest++;
    this.#pending.push({ ...work, request, psn: this.#nextPsn, packets, answer: [] });
    this.#nextPsn = psnAdd(this.#nextPsn, packets);
    this.#host.counters.rdma_sends++;
    this.#pump();
    if (this.#pending.length === 1) this.#arm();
    return request;
  }

  /** What was posted after the end. */
  flush(work: WorkRequest): number {
    checkWork(work);
    const request = this.#nextRequest++;
    this.#host.complete({ request, operation: work.operation, status: 'flushed' });
    return request;
  }

  /** An answer of the other side. */
  receive(message: Message): void {
    if (this.#pending.length === 0 || psnDiff(message.psn, this.#sent) >= 0) return;
    const { operation, psn, syndrome = 0 } = message;
    if (/READ response/.test(operation)) this.#readPart(message);
    else if (operation === 'RC ATOMIC ACK') this.#atomicAnswer(message);
    else if (syndrome < RNR_NAK) this.#confirm(psn);
    else if (psnDiff(psn, this.#oldest) < 0) return;
    else if (syndrome >> 5 === RNR_KIND) this.#notReady(psn, syndrome & 31);
    else this.#refused(psn, syndrome);
  }

  /**
   * Packets up to `psn` have arrived: requests that ask for nothing back are done. True if an
   * answer turned out to be missing, which is asked for again.
   */
  #confirm(psn: number): boolean {
    const before = this.#oldest;
    let isMissing = false;
    for (;;) {
      const [first] = this.#pending;
      if (!first || psnDiff(psn, first.psn) < 0) break;
      if (isAnswered(first)) {
        isMissing = true;
        break;
      }
      const last = psnAdd(first.psn, first.packets - 1);
      const isDone = psnDiff(psn, last) >= 0;
      this.#advance(psnAdd(isDone ? last : psn, 1));
      if (!isDone) break;
      this.#finish();
    }
    if (this.#oldest !== before) this.#progress();
    const [first] = this.#pending;
    if (isMissing && first) this.#answerIsMissing(psnAdd(first.psn, first.answer.length));
    return isMissing;
  }

  #advance(psn: number): void {
    if (psnDiff(psn, this.#oldest) > 0) this.#oldest = psn;
    if (psnDiff(this.#oldest, this.#cursor) > 0) this.#cursor = this.#oldest;
  }

  /** Later packets were confirmed, so the answer to an earlier one was lost. */
  #answerIsMissing(psn: number): void {
    if (this.#missing === psn) return;
    this.#missing = psn;
    this.#again();
  }

  #atomicAnswer({ psn, original = 0n }: Message): void {
    this.#confirm(psnAdd(psn, -1));
    const [first] = this.#pending;
    if (!first || !isAtomic(first) || first.psn !== psn) return;
    this.#advance(psnAdd(psn, 1));
    this.#finish(wordBytes(original));
    this.#progress();
  }

  #readPart({ psn, data }: Message): void {
    const [oldest] = this.#pending;
    if (oldest!.operation !== 'read') this.#confirm(psnAdd(psn, -1));
    const [first] = this.#pending;
    if (first?.operation !== 'read') return;
    const part = psnDiff(psn, first.psn);
    const { length: have } = first.answer;
    if (part > have) this.#answerIsMissing(psnAdd(first.psn, have));
    if (part !== have) return;
    const { mtu } = this.#host;
    const length = first.length ?? 0;
    if (data.length !== Math.min(mtu, length - part * mtu)) return this.#fail('bad response');
    first.answer.push(data);
    this.#advance(psnAdd(psn, 1));
    if (have + 1 === first.packets) this.#finish(joinBytes(first.answer));
    this.#progress();
  }

  #finish(data?: Uint8Array): void {
    const { request, operation } = this.#pending.shift()!;
    const brought = data === undefined ? {} : { data };
    this.#host.complete({ request, operation, status: 'success', ...brought });
  }

  #progress(): void {
    this.#retriesLeft = this.#host.retries;
    this.#rnrLeft = this.#host.rnrRetries;
    this.#pump();
    this.#arm();
  }

  #refused(psn: number, syndrome: number): void {
    const isUnderWay = this.#confirm(psnAdd(psn, -1));
    if (syndrome === NAK_SEQUENCE) {
      this.#host.counters.rcvd_seq_err++;
      if (!isUnderWay) this.#again();
    } else if (syndrome === NAK_INVALID) this.#fail('invalid request');
    else if (syndrome === NAK_ACCESS) this.#fail('remote access error');
    else this.#fail('remote operational error');
  }

  #notReady(psn: number, code: number): void {
    this.#host.counters.rcvd_rnr_err++;
    this.#confirm(psnAdd(psn, -1));
    if (this.#host.rnrRetries !== RNR_FOREVER && this.#rnrLeft-- === 0) {
      this.#host.counters.retry_rnr_exceeded_err++;
      return this.#fail('receiver not ready');
    }
    this.#isWaiting = true;
    this.#cursor = this.#oldest;
    this.#wait(RNR_WAIT[code]! * TEN_MICROSECONDS, () => this.#ready());
  }

  /** The other side has had its time. */
  #ready(): void {
    this.#isWaiting = false;
    this.#pump();
    this.#arm();
  }

  /** Sends everything from the oldest packet on that was not confirmed (go back n). */
  #again(): void {
    if (this.#pending.length === 0 || this.#isWaiting) return;
    if (this.#retriesLeft-- === 0) {
      this.#host.counters.retry_exceeded_err++;
      return this.#fail('retry exceeded');
    }
    this.#host.counters.completer_retry_err++;
    this.#cursor = this.#oldest;
    this.#pump();
    this.#arm();
  }

  /** Sends what the window allows. An answer may come while it sends: the outer call goes on. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      for (let message = this.#next(); message; message = this.#next()) this.#host.send(message);
    } finally {
      this.#isPumping = false;
    }
  }

  /** The packet at the cursor, which moves on, if one may go out. */
  #next(): Message | undefined {
    if (this.#isWaiting || psnDiff(this.#cursor, this.#oldest) >= WINDOW) return undefined;
    for (const work of this.#pending) {
      const i = Math.max(0, psnDiff(this.#cursor, work.psn));
      if (i >= work.packets) continue;
      // A read is one packet, whatever its answer takes.
      const takes = work.operation === 'read' ? work.packets - i : 1;
      this.#cursor = psnAdd(work.psn, i + takes);
      if (psnDiff(this.#cursor, this.#sent) > 0) this.#sent = this.#cursor;
      return packetOf(work, i, this.#host.peer, this.#host.mtu);
    }
    return undefined;
  }

  #arm(): void {
    if (this.#isWaiting) return;
    if (this.#pending.length === 0) return void this.#timer?.cancel();
    this.#wait(this.#host.timeout, () => this.#late());
  }

  /** No answer came. */
  #late(): void {
    this.#missing = undefined;
    this.#again();
  }

  #wait(time: number, then: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#host.events.at(this.#host.now() + time, then);
  }

  #fail(status: CompletionStatus): void {
    this.end(status);
    this.#host.fail();
  }

  /** The oldest request ends with this, the others are flushed. */
  end(status: CompletionStatus): void {
    this.#timer?.cancel();
    let now = status;
    for (const { request, operation } of this.#pending.splice(0)) {
      this.#host.complete({ request, operation, status: now });
      now = 'flushed';
    }
  }
}

function wordBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}
