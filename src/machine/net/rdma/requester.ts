import type { EventQueue, PendingEvent } from '../../../runtime/index.ts';
import {
  type Completion,
  type CompletionStatus,
  type Message,
  NAK_ACCESS,
  NAK_INVALID,
  NAK_SEQUENCE,
  psnAdd,
  psnDiff,
  type RdmaCounters,
} from './types.ts';

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
  complete(completion: Omit<Completion, 'queuePair'>): void;
  /** It is over with the queue pair. */
  fail(): void;
}

type Operation = Exclude<Completion['operation'], 'receive'>;

/** What is asked of the other side. */
export interface WorkRequest {
  readonly operation: Operation;
  readonly data?: Uint8Array;
  readonly immediate?: number;
  readonly invalidate?: number;
  readonly address?: bigint;
  readonly remoteKey?: number;
  /** Of a read. */
  readonly length?: number;
  readonly swap?: bigint;
  readonly compare?: bigint;
}

interface Pending extends WorkRequest {
  readonly request: number;
  readonly psn: number;
  /** Packets of the request, or of the answer to a read. */
  readonly packets: number;
  readonly messages: readonly Message[];
  /** Bytes that a read has brought so far. */
  readonly answer: Uint8Array[];
}

const NOTHING = new Uint8Array();
/** Nanoseconds to wait when the other side had nowhere to put a message: code 0x0c. */
const RNR_WAIT = 640_000;
const RNR_KIND = 1;

/** The asking half of a reliable connection: sends, and sends again what was lost. */
export class Requester {
  readonly #host: RequesterHost;
  readonly #pending: Pending[] = [];
  #nextPsn: number;
  #nextRequest = 1;
  #timer: PendingEvent | undefined;
  #retriesLeft: number;
  #rnrLeft: number;

  constructor(host: RequesterHost, firstPsn: number) {
    this.#host = host;
    this.#nextPsn = firstPsn;
    this.#retriesLeft = host.retries;
    this.#rnrLeft = host.rnrRetries;
  }

  /** Work requests under way. */
  get outstanding(): number {
    return this.#pending.length;
  }

  /** Sends a request; its number is in the completion that follows. */
  post(work: WorkRequest): number {
    const request = this.#nextRequest++;
    const psn = this.#nextPsn;
    const messages = segments(work, psn, this.#host);
    const packets =
      work.operation === 'read'
        ? Math.max(1, Math.ceil((work.length ?? 0) / this.#host.mtu))
        : messages.length;
    this.#nextPsn = psnAdd(psn, packets);
    this.#pending.push({ ...work, request, psn, packets, messages, answer: [] });
    this.#host.counters.rdma_sends++;
    for (const message of messages) this.#host.send(message);
    this.#arm();
    return request;
  }

  /** An answer of the other side. */
  receive(message: Message): void {
    const syndrome = message.syndrome ?? 0x1f;
    if (message.operation === 'RC ACK' && syndrome >> 5 === RNR_KIND) this.#notReady(message.psn);
    else if (message.operation === 'RC ACK' && syndrome >= NAK_SEQUENCE) {
      this.#refused(message.psn, syndrome);
    } else if (/READ response/.test(message.operation)) this.#readPart(message);
    else this.#acknowledged(message);
  }

  #acknowledged({ psn, original }: Message): void {
    const before = this.#pending.length;
    this.#retire(psn, original);
    if (this.#pending.length < before) this.#progress();
  }

  /** Everything before `psn`, and the packet itself, has arrived. */
  #retire(psn: number, original?: bigint): void {
    while (this.#pending.length > 0) {
      const [first] = this.#pending;
      const last = psnAdd(first!.psn, first!.packets - 1);
      const isAnswered = first!.operation === 'read' || isAtomic(first!);
      if (psnDiff(psn, last) < 0 || (isAnswered && original === undefined)) return;
      this.#finish(original === undefined ? NOTHING : wordBytes(original));
      if (isAnswered) return;
    }
  }

  #readPart({ psn, data, operation }: Message): void {
    const [first] = this.#pending;
    if (first?.operation !== 'read') return;
    const part = psnDiff(psn, first.psn);
    if (part !== first.answer.length) {
      // A part is missing: the read is asked for again, from its beginning.
      if (part > first.answer.length) this.#again();
      return;
    }
    first.answer.push(data);
    if (/last|only/.test(operation)) {
      const all = new Uint8Array(first.length ?? 0);
      let at = 0;
      for (const each of first.answer) {
        all.set(each, at);
        at += each.length;
      }
      this.#finish(all);
    }
    this.#progress();
  }

  #finish(data: Uint8Array): void {
    const { request, operation } = this.#pending.shift()!;
    const brought = operation === 'send' || operation === 'write' ? {} : { data };
    this.#host.complete({ request, operation, status: 'success', ...brought });
  }

  #progress(): void {
    this.#retriesLeft = this.#host.retries;
    this.#rnrLeft = this.#host.rnrRetries;
    this.#arm();
  }

  #refused(psn: number, syndrome: number): void {
    if (syndrome === NAK_SEQUENCE) {
      this.#host.counters.rcvd_seq_err++;
      this.#retire(psnAdd(psn, -1));
      this.#again();
    } else if (syndrome === NAK_INVALID) this.#fail('invalid request');
    else if (syndrome === NAK_ACCESS) this.#fail('remote access error');
    else this.#fail('remote operational error');
  }

  #notReady(psn: number): void {
    this.#host.counters.rcvd_rnr_err++;
    this.#retire(psnAdd(psn, -1));
    if (this.#rnrLeft-- === 0) {
      this.#host.counters.retry_rnr_exceeded_err++;
      this.#fail('receiver not ready');
      return;
    }
    this.#wait(RNR_WAIT, () => this.#sendPending());
  }

  /** Sends everything from the oldest request on again (go back n). */
  #again(): void {
    if (this.#pending.length === 0) return;
    if (this.#retriesLeft-- === 0) {
      this.#host.counters.retry_exceeded_err++;
      this.#fail('retry exceeded');
      return;
    }
    this.#host.counters.completer_retry_err++;
    this.#sendPending();
  }

  #sendPending(): void {
    for (const { messages, answer } of this.#pending) {
      answer.length = 0;
      for (const message of messages) this.#host.send(message);
    }
    this.#arm();
  }

  #arm(): void {
    if (this.#pending.length === 0) this.#timer?.cancel();
    else this.#wait(this.#host.timeout, () => this.#again());
  }

  #wait(time: number, then: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#host.events.at(this.#host.now() + time, then);
  }

  #fail(status: CompletionStatus): void {
    this.#timer?.cancel();
    let now = status;
    for (const { request, operation } of this.#pending.splice(0)) {
      this.#host.complete({ request, operation, status: now });
      now = 'flushed';
    }
    this.#host.fail();
  }
}

const isAtomic = ({ operation }: WorkRequest): boolean =>
  operation === 'compare swap' || operation === 'fetch add';

function wordBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

/** The packets of a request. */
function segments(work: WorkRequest, psn: number, host: RequesterHost): Message[] {
  const { peer: queuePair, mtu } = host;
  const { address = 0n, remoteKey = 0, data = NOTHING } = work;
  const base = { queuePair, ackRequest: true, data: NOTHING };
  if (work.operation === 'read') {
    const length = work.length ?? 0;
    return [{ ...base, operation: 'RC READ request', psn, address, remoteKey, length }];
  }
  if (isAtomic(work)) {
    const operation = work.operation === 'fetch add' ? 'RC FETCH ADD' : 'RC COMPARE SWAP';
    const { swap = 0n, compare = 0n } = work;
    return [{ ...base, operation, psn, address, remoteKey, swap, compare }];
  }
  const count = Math.max(1, Math.ceil(data.length / mtu));
  return Array.from({ length: count }, (_, i) => {
    const isLast = i === count - 1;
    const place = count === 1 ? 'only' : i === 0 ? 'first' : isLast ? 'last' : 'middle';
    return {
      queuePair,
      psn: psnAdd(psn, i),
      ackRequest: isLast,
      operation: `RC ${work.operation.toUpperCase()} ${place}${isLast ? suffix(work) : ''}`,
      ...(work.operation === 'write' && i === 0 ? { address, remoteKey, length: data.length } : {}),
      ...(isLast && work.immediate !== undefined ? { immediate: work.immediate } : {}),
      ...(isLast && work.invalidate !== undefined ? { remoteKey: work.invalidate } : {}),
      data: data.slice(i * mtu, (i + 1) * mtu),
    };
  });
}

function suffix({ immediate, invalidate }: WorkRequest): string {
  if (immediate !== undefined) return ' with immediate';
  return invalidate === undefined ? '' : ' with invalidate';
}
