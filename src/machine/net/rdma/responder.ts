import type { RdmaCounters } from '../../../kernel/index.ts';
import type { Memory } from './memory.ts';
import {
  ACK,
  type Done,
  type Message,
  NAK_ACCESS,
  NAK_INVALID,
  NAK_SEQUENCE,
  packetsFor,
  placeOf,
  psnAdd,
  psnDiff,
  RNR_NAK,
} from './types.ts';

/** Code of the time after which a sender tries again: 0.64 ms (IBTA table 45). */
const RNR_TIMER = 0x0c;
const ATOMIC_SIZE = 8;
/** Results of the last atomic operations, for requests that come again. */
const REMEMBERED = 16;

/** What a responder needs of its queue pair. */
export interface ResponderHost {
  readonly memory: Memory;
  readonly counters: RdmaCounters;
  readonly mtu: number;
  readonly peer: number;
  send(message: Message): void;
  complete(completion: Done): void;
  /** It is over with the queue pair. */
  fail(): void;
}

export interface Receive {
  readonly request: number;
  readonly bytes: Uint8Array;
  filled: number;
}

const NOTHING = new Uint8Array();

export type ResponderParts = Responder['parts'];

/** The answering half of a reliable connection. */
export class Responder {
  readonly #host: ResponderHost;
  readonly #receives: Receive[] = [];
  #expected: number;
  #messages = 0;
  /** A gap was reported; nothing more is said until what is missing comes. */
  #gapReported = false;
  /** Where a WRITE of several packets goes on. */
  #writing: { key: number; address: bigint; left: number } | undefined;
  /** A SEND or WRITE of several packets is under way. */
  #inside: 'SEND' | 'WRITE' | undefined;
  readonly #atomics = new Map<number, bigint>();

  constructor(host: ResponderHost, firstPsn: number) {
    this.#host = host;
    this.#expected = firstPsn;
  }

  /** What is kept in a file. */
  get parts() {
    return {
      receives: this.#receives,
      expected: this.#expected,
      messages: this.#messages,
      gapReported: this.#gapReported,
      writing: this.#writing,
      inside: this.#inside,
      atomics: this.#atomics,
    };
  }

  resume(parts: ResponderParts): void {
    this.#receives.push(...parts.receives);
    this.#expected = parts.expected;
    this.#messages = parts.messages;
    this.#gapReported = parts.gapReported;
    this.#writing = parts.writing;
    this.#inside = parts.inside;
    for (const [psn, original] of parts.atomics) this.#atomics.set(psn, original);
  }

  postReceive(request: number, bytes: Uint8Array): void {
    this.#receives.push({ request, bytes, filled: 0 });
  }

  /** Receives that wait. */
  get posted(): number {
    return this.#receives.length;
  }

  /** Receives that were posted and not used. */
  flush(): readonly number[] {
    return this.#receives.splice(0).map(({ request }) => request);
  }

  receive(message: Message): void {
    const ahead = psnDiff(message.psn, this.#expected);
    if (ahead > 0) this.#gap();
    else if (ahead < 0) this.#duplicate(message);
    else this.#expectedOne(message);
  }

  #gap(): void {
    this.#host.counters.out_of_seq_request++;
    if (this.#gapReported) return;
    this.#gapReported = true;
    this.#answer(NAK_SEQUENCE, this.#expected);
  }

  /** A request that came before: its answer was lost. Nothing is done twice. */
  #duplicate(message: Message): void {
    this.#host.counters.duplicate_request++;
    const word = wordOf(message);
    if (word === 'READ') this.#read(message, true);
    else if (word === 'COMPARE' || word === 'FETCH') {
      const original = this.#atomics.get(message.psn);
      if (original !== undefined) this.#answerAtomic(message.psn, original);
    } else this.#answer(ACK, psnAdd(this.#expected, -1));
  }

  #expectedOne(message: Message): void {
    this.#gapReported = false;
    const error = this.#check(message) ?? this.#carryOut(message);
    if (error === RNR_NAK) {
      this.#host.counters.send_rnr_err++;
      this.#answer(RNR_NAK | RNR_TIMER, message.psn);
    } else if (error !== undefined) {
      this.#answer(error, message.psn);
      this.#host.fail();
    }
  }

  /** The order of first, middle and last packets, and their sizes (check_length of rxe). */
  #check({ operation, data }: Message): number | undefined {
    const word = wordOf({ operation });
    const continues = /middle|last/.test(operation);
    if (continues !== (this.#inside !== undefined)) return NAK_INVALID;
    if (continues && word !== this.#inside) return NAK_INVALID;
    const { mtu } = this.#host;
    const isWhole = !/first|middle/.test(operation);
    if (isWhole ? data.length > mtu : data.length !== mtu) return NAK_INVALID;
    return /last/.test(operation) && data.length === 0 ? NAK_INVALID : undefined;
  }

  #carryOut(message: Message): number | undefined {
    switch (wordOf(message)) {
      case 'SEND':
        return this.#sendOne(message);
      case 'WRITE':
        return this.#write(message);
      case 'READ':
        return this.#read(message, false);
      case 'COMPARE':
      case 'FETCH':
        return this.#atomic(message);
      default:
        return NAK_INVALID;
    }
  }

  #sendOne(message: Message): number | undefined {
    const [receive] = this.#receives;
    if (!receive) return RNR_NAK;
    if (receive.filled + message.data.length > receive.bytes.length) return this.#tooLong();
    if (/invalidate/.test(message.operation)) {
      if (!this.#host.memory.invalidate(message.remoteKey!)) return NAK_ACCESS;
    }
    receive.bytes.set(message.data, receive.filled);
    receive.filled += message.data.length;
    this.#step(message, 'SEND');
    if (!isEnd(message)) return undefined;
    this.#received(message);
    return undefined;
  }

  /** More came than the buffer holds: both sides hear of it. */
  #tooLong(): number {
    const { request } = this.#receives.shift()!;
    this.#host.complete({ request, operation: 'receive', status: 'local length error' });
    return NAK_INVALID;
  }

  /** The oldest receive is used up. */
  #received({ immediate }: Message): void {
    const { request, bytes, filled } = this.#receives.shift()!;
    this.#host.counters.rdma_recvs++;
    const data = bytes.subarray(0, filled);
    const extra = immediate === undefined ? {} : { immediate };
    this.#host.complete({ request, operation: 'receive', status: 'success', data, ...extra });
  }

  #write(message: Message): number | undefined {
    if (/first|only/.test(message.operation)) {
      const { remoteKey: key = 0, address = 0n, length = 0 } = message;
      if (!this.#host.memory.range(key, address, length, 'write')) return NAK_ACCESS;
      this.#writing = { key, address, left: length };
    }
    const writing = this.#writing!;
    const { data } = message;
    const bad = isEnd(message) ? data.length !== writing.left : data.length >= writing.left;
    if (bad) return NAK_INVALID;
    const usesReceive = message.immediate !== undefined;
    if (usesReceive && this.#receives.length === 0) return RNR_NAK;
    const range = this.#host.memory.range(writing.key, writing.address, data.length, 'write');
    if (!range) return NAK_ACCESS;
    range.set(data);
    writing.address += BigInt(data.length);
    writing.left -= data.length;
    this.#step(message, 'WRITE');
    if (usesReceive) this.#received(message);
    return undefined;
  }

  #step(message: Message, word: 'SEND' | 'WRITE'): void {
    this.#expected = psnAdd(message.psn, 1);
    this.#inside = isEnd(message) ? undefined : word;
    if (isEnd(message)) this.#messages++;
    if (isEnd(message) || message.ackRequest) this.#answer(ACK, message.psn);
  }

  #read(message: Message, again: boolean): number | undefined {
    const { remoteKey = 0, address = 0n, length = 0, psn } = message;
    const range = this.#host.memory.range(remoteKey, address, length, 'read');
    if (!range) return NAK_ACCESS;
    const { mtu } = this.#host;
    const count = packetsFor(length, mtu);
    if (!again) {
      this.#expected = psnAdd(psn, count);
      this.#messages++;
    }
    for (let i = 0; i < count; i++) {
      const part = range.slice(i * mtu, (i + 1) * mtu);
      const operation = `RC READ response ${placeOf(i, count)}`;
      this.#reply(operation, psnAdd(psn, i), { syndrome: ACK }, part);
    }
    return undefined;
  }

  #atomic(message: Message): number | undefined {
    const { remoteKey = 0, address = 0n, swap = 0n, compare = 0n, psn } = message;
    if (address % BigInt(ATOMIC_SIZE) !== 0n) return NAK_INVALID;
    const range = this.#host.memory.range(remoteKey, address, ATOMIC_SIZE, 'atomic');
    if (!range) return NAK_ACCESS;
    const view = new DataView(range.buffer, range.byteOffset, ATOMIC_SIZE);
    const original = view.getBigUint64(0, true);
    if (wordOf(message) === 'FETCH') view.setBigUint64(0, original + swap, true);
    else if (original === compare) view.setBigUint64(0, swap, true);
    this.#expected = psnAdd(psn, 1);
    this.#messages++;
    this.#remember(psn, original);
    this.#answerAtomic(psn, original);
    return undefined;
  }

  #remember(psn: number, original: bigint): void {
    this.#atomics.set(psn, original);
    if (this.#atomics.size <= REMEMBERED) return;
    const [oldest] = this.#atomics.keys();
    this.#atomics.delete(oldest!);
  }

  #answerAtomic(psn: number, original: bigint): void {
    this.#reply('RC ATOMIC ACK', psn, { syndrome: ACK, original });
  }

  #answer(syndrome: number, psn: number): void {
    this.#reply('RC ACK', psn, { syndrome });
  }

  #reply(operation: string, psn: number, values: Partial<Message>, data = NOTHING): void {
    const messages = this.#messages & 0xffffff;
    this.#host.send({ operation, queuePair: this.#host.peer, psn, messages, ...values, data });
  }
}

/** SEND, WRITE, READ, COMPARE, FETCH. */
const wordOf = ({ operation }: Pick<Message, 'operation'>): string => operation.split(' ')[1]!;
const isEnd = ({ operation }: Message): boolean => /last|only/.test(operation);
