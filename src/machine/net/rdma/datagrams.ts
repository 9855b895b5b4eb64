import { KernelError } from '../../../base/index.ts';
import type {
  DatagramTarget,
  RdmaCompletion,
  RdmaDatagramPair,
  RdmaPeer,
} from '../../../kernel/index.ts';
import type { Message } from './types.ts';
import { psnAdd } from './types.ts';

interface DatagramHost {
  readonly counters: { rdma_sends: number; rdma_recvs: number };
  send(peer: RdmaPeer, message: Message): void;
  complete(completion: RdmaCompletion): void;
  perform(action: () => void): void;
}

/** What is kept in a file. */
export interface DatagramParts {
  readonly mtu: number;
  readonly queueKey: number;
  readonly receives: readonly { readonly request: number; readonly bytes: Uint8Array }[];
  readonly psn: number;
  readonly requests: number;
  readonly received: number;
}

/** Keys with this bit are only for the privileged. */
const CONTROLLED = 0x8000_0000;

/** A queue pair for unreliable datagrams (UD): who knows its number and key may send to it. */
export class DatagramPair implements RdmaDatagramPair {
  readonly number: number;
  readonly mtu: number;
  readonly queueKey: number;
  readonly #host: DatagramHost;
  readonly #receives: { readonly request: number; readonly bytes: Uint8Array }[] = [];
  #psn = 0;
  #requests = 0;
  #received = 0;

  constructor(number: number, host: DatagramHost, mtu: number, queueKey: number) {
    this.number = number;
    this.#host = host;
    this.mtu = mtu;
    this.queueKey = queueKey;
  }

  /** What is kept in a file. */
  get parts(): DatagramParts {
    const { mtu, queueKey } = this;
    return {
      mtu,
      queueKey,
      receives: this.#receives,
      psn: this.#psn,
      requests: this.#requests,
      received: this.#received,
    };
  }

  resume({ receives, psn, requests, received }: DatagramParts): void {
    this.#receives.push(...receives);
    this.#psn = psn;
    this.#requests = requests;
    this.#received = received;
  }

  postReceive(bytes: Uint8Array): number {
    const request = ++this.#received;
    this.#receives.push({ request, bytes });
    return request;
  }

  send(to: DatagramTarget, data: Uint8Array, immediate?: number): number {
    if (data.length > this.mtu) {
      throw new KernelError('EMSGSIZE', 90, `${data.length} bytes in a datagram of ${this.mtu}`);
    }
    const request = ++this.#requests;
    const suffix = immediate === undefined ? '' : ' with immediate';
    // A controlled key means: the pair's own.
    const queueKey = to.queueKey >= CONTROLLED ? this.queueKey : to.queueKey;
    this.#host.counters.rdma_sends++;
    this.#host.perform(() =>
      this.#host.send(to, {
        operation: `UD SEND only${suffix}`,
        queuePair: to.queuePair,
        psn: this.#psn,
        queueKey,
        sourceQueuePair: this.number,
        ...(immediate === undefined ? {} : { immediate }),
        data: data.slice(),
      }),
    );
    this.#psn = psnAdd(this.#psn, 1);
    const done = { request, operation: 'send', status: 'success' } as const;
    this.#host.complete({ ...done, queuePair: this.number });
    return request;
  }

  /** A packet for this queue pair came. False: it has not its key. */
  receive(message: Message, address: string): boolean {
    if (!message.operation.startsWith('UD ') || message.queueKey !== this.queueKey) return false;
    const receive = this.#receives.shift();
    // Nobody answers a datagram, so nobody hears that there was no room.
    if (!receive) return true;
    const from = { address, queuePair: message.sourceQueuePair! };
    const { request, bytes } = receive;
    const { data, immediate } = message;
    const base = { queuePair: this.number, request, operation: 'receive', from } as const;
    if (data.length > bytes.length) {
      this.#host.complete({ ...base, status: 'local length error' });
      return true;
    }
    bytes.set(data);
    this.#host.counters.rdma_recvs++;
    const extra = immediate === undefined ? {} : { immediate };
    const filled = bytes.subarray(0, data.length);
    this.#host.complete({ ...base, status: 'success', data: filled, ...extra });
    return true;
  }
}
