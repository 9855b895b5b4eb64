import { KernelError } from '../../../base/index.ts';
import type {
  KernelRdma,
  MemoryRegion,
  QueuePairOptions,
  RdmaCompletion,
  RdmaCounters,
  RdmaOptions,
  RdmaPeer,
  RegionAccess,
} from '../../../kernel/index.ts';
import { dissect, ethernet, ipv4, ipv6, packet, roce, udp } from '../../../packet/index.ts';
import type { EventQueue } from '../../../runtime/index.ts';
import { addressText, ipAddress } from '../ip/text.ts';
import type { Thaw } from '../../objects/kept.ts';
import { DatagramPair } from './datagrams.ts';
import { Memory } from './memory.ts';
import { QueuePair } from './queue-pair.ts';
import type { Message } from './types.ts';
import { type ReceivedMessage, receivedMessage } from './wire.ts';

/** What an RDMA device uses of the machine. */
export interface RdmaHost {
  readonly events: EventQueue;
  /** Most bytes of data in a packet that the network device can. */
  readonly mtu: number;
  now(): number;
  /** The device's own address for packets to `peer`. Throws KernelError EADDRNOTAVAIL. */
  sourceFor(peer: string): string;
  /** A frame leaves; its hardware addresses are for others to fill in. */
  send(frame: Uint8Array): void;
  /** Does something that sends packets, and then all that follows from them. */
  perform(action: () => void): void;
  /** What programs at the hook say of a packet. `remote`: the other side's address. */
  passes(hook: 'rx' | 'tx', message: ReceivedMessage | Message, remote: string): boolean;
}

/** Queue pairs below are special (RXE_MIN_QP_INDEX is 16). */
const FIRST_QUEUE_PAIR = 17;
/** Queue pairs of a device. */
const PAIRS_MAX = 65_536;
const QUEUE_PAIR_BITS = 0xffffff;
/** Source ports of RoCE say which flow a packet is of. */
const SOURCE_PORT_BASE = 0xc000;
/** UDP port of RoCE v2 (ROCE_V2_UDP_DPORT). */
export const ROCE_PORT = 4791;
const MTUS = [256, 512, 1024, 2048, 4096];
/** Of RoCE without its data (RXE_MAX_HDR_LENGTH). */
const HEADERS_MAX = 80;
const QUEUE_KEY = 0x1111_1111;
const PARTITION_MASK = 0x7fff;
/** Nanoseconds between congestion notifications of one queue pair. */
const CNP_PAUSE = 50_000;
const CNP_SIZE = 16;

export type RdmaParts = RdmaDevice['parts'];

/** The largest size of packets that fits a network device (rxe_param.h: eth_mtu_int_to_enum). */
export const rdmaMtu = (mtu: number): number =>
  MTUS.findLast((size) => size <= mtu - HEADERS_MAX) ?? MTUS[0]!;

/**
 * RDMA over Converged Ethernet in software on a device of the network, as Linux's rxe: reliable
 * connections with SEND, WRITE, READ and atomic operations, and datagrams.
 *
 * @example
 * const { eth0 } = host.devices;
 * const pair = eth0.rxe().connect({ address: '10.0.0.2', queuePair: 17 });
 * pair.post({ operation: 'write', data, address: region.address, remoteKey: region.remoteKey });
 */
export class RdmaDevice implements KernelRdma {
  readonly counters: RdmaCounters = noCounters();
  readonly completions: RdmaCompletion[] = [];
  readonly #host: RdmaHost;
  #memory = new Memory();
  readonly #pairs = new Map<number, QueuePair | DatagramPair>();
  readonly #notified = new Map<QueuePair, number>();
  readonly #tellsCongestion: boolean;
  #next = FIRST_QUEUE_PAIR;

  constructor(host: RdmaHost, { congestionNotification = false }: RdmaOptions = {}) {
    this.#host = host;
    this.#tellsCongestion = congestionNotification;
  }

  /** What is kept in a file. */
  get parts() {
    return {
      counters: this.counters,
      completions: this.completions,
      memory: this.#memory,
      connected: [...this.#pairs].flatMap(([number, pair]) =>
        pair instanceof QueuePair
          ? [{ number, notified: this.#notified.get(pair), parts: pair.parts }]
          : [],
      ),
      datagrams: [...this.#pairs].flatMap(([number, pair]) =>
        pair instanceof DatagramPair ? [{ number, parts: pair.parts }] : [],
      ),
      tellsCongestion: this.#tellsCongestion,
      next: this.#next,
    };
  }

  resume(saved: RdmaParts, thaw: Thaw): void {
    Object.assign(this.counters, saved.counters);
    this.completions.push(...saved.completions);
    this.#memory = saved.memory;
    this.#next = saved.next;
    for (const { number, notified, parts } of saved.connected) {
      const pair = new QueuePair(number, this.#pairHost(number), parts.peer, parts.options);
      pair.resume(parts, thaw);
      this.#pairs.set(number, pair);
      if (notified !== undefined) this.#notified.set(pair, notified);
    }
    for (const { number, parts } of saved.datagrams) {
      const host = this.#pairHost(number);
      const pair = new DatagramPair(number, host, parts.mtu, parts.queueKey);
      pair.resume(parts);
      this.#pairs.set(number, pair);
    }
  }

  register(bytes: Uint8Array, access: RegionAccess): MemoryRegion {
    return this.#memory.register(bytes, access);
  }

  deregister(region: MemoryRegion): void {
    this.#memory.deregister(region);
  }

  /** Queue pairs of connections, by number. */
  get pairs(): QueuePair[] {
    return [...this.#pairs.values()].filter((pair) => pair instanceof QueuePair);
  }

  get nextQueuePair(): number {
    return this.#next;
  }

  connect(to: RdmaPeer, { mtu, ...options }: QueuePairOptions = {}): QueuePair {
    const peer = { ...to, address: addressText(ipAddress(to.address)) };
    this.#host.sourceFor(peer.address);
    const size = mtu ?? this.#host.mtu;
    if (!MTUS.includes(size) || size > this.#host.mtu) {
      const text = `an MTU of ${size} (the device can ${this.#host.mtu})`;
      throw new KernelError('EINVAL', 22, text);
    }
    const number = this.#number();
    const pair = new QueuePair(number, this.#pairHost(number), peer, { ...options, mtu: size });
    this.#pairs.set(number, pair);
    return pair;
  }

  datagrams({ queueKey = QUEUE_KEY }: { readonly queueKey?: number } = {}): DatagramPair {
    const number = this.#number();
    const pair = new DatagramPair(number, this.#pairHost(number), this.#host.mtu, queueKey);
    this.#pairs.set(number, pair);
    return pair;
  }

  #number(): number {
    if (this.#pairs.size < PAIRS_MAX) return this.#next++;
    throw new KernelError('ENOMEM', 12, `${PAIRS_MAX} queue pairs are there already`);
  }

  #pairHost(number: number) {
    const { events } = this.#host;
    return {
      events,
      memory: this.#memory,
      counters: this.counters,
      now: () => this.#host.now(),
      send: (to: RdmaPeer, message: Message) => this.#send(to, message, number),
      complete: (done: RdmaCompletion) => void this.completions.push(done),
      perform: (action: () => void) => this.#host.perform(action),
    };
  }

  /** A frame came in. True if it was RoCE: it is used up. */
  receive(frame: Uint8Array): boolean {
    const layers = dissect(frame);
    if (!layers.some(({ protocol }) => protocol === 'BTH')) return false;
    this.counters.rcvd_pkts++;
    const message = receivedMessage(frame, layers);
    if (message === undefined) this.counters.icrc_err++;
    else if (!this.#host.passes('rx', message, message.from)) this.counters.bpf_drop++;
    else if (!this.#deliver(message)) this.counters.discarded++;
    return true;
  }

  #deliver(message: ReceivedMessage): boolean {
    const pair = this.#pairs.get(message.queuePair);
    if (!pair || message.version !== 0 || !inPartition(message.partition)) return false;
    if (message.operation === 'CNP') {
      this.counters.rp_cnp_handled++;
      return true;
    }
    if (message.isMarked) this.#congestion(pair);
    return pair.receive(message, message.from);
  }

  /** A router had too much to do: the sender is told, not too often. */
  #congestion(pair: QueuePair | DatagramPair): void {
    this.counters.np_ecn_marked_roce_packets++;
    if (!this.#tellsCongestion || !(pair instanceof QueuePair)) return;
    const now = this.#host.now();
    if (now - (this.#notified.get(pair) ?? Number.NEGATIVE_INFINITY) < CNP_PAUSE) return;
    this.#notified.set(pair, now);
    this.counters.np_cnp_sent++;
    const { queuePair } = pair.peer;
    const message = { operation: 'CNP', queuePair, psn: 0, data: new Uint8Array(CNP_SIZE) };
    this.#send(pair.peer, message, pair.number);
  }

  #send(peer: RdmaPeer, message: Message, from: number): void {
    if (!this.#host.passes('tx', message, peer.address)) {
      this.counters.bpf_drop++;
      return;
    }
    const { data, ...header } = message;
    const addresses = { source: this.#host.sourceFor(peer.address), destination: peer.address };
    const sourcePort = SOURCE_PORT_BASE + (from & 0x3fff);
    const frame = packet(
      ethernet(),
      peer.address.includes(':') ? ipv6(addresses) : ipv4({ ...addresses, flags: 'DF' }),
      udp({ sourcePort, destinationPort: ROCE_PORT, ...checksumFor(peer.address) }),
      ...roce({ ...header, queuePair: header.queuePair & QUEUE_PAIR_BITS }, data),
    );
    this.counters.sent_pkts++;
    this.#host.send(frame);
  }
}

/** rxe sends no checksum where UDP may go without: the invariant CRC does more. */
const checksumFor = (address: string): { checksum?: number } =>
  address.includes(':') ? {} : { checksum: 0 };

/** Of the default partition, as full or limited member. */
const inPartition = (key: number): boolean => (key & PARTITION_MASK) === PARTITION_MASK;

const noCounters = (): RdmaCounters => ({
  sent_pkts: 0,
  rcvd_pkts: 0,
  duplicate_request: 0,
  out_of_seq_request: 0,
  rcvd_rnr_err: 0,
  send_rnr_err: 0,
  rcvd_seq_err: 0,
  retry_exceeded_err: 0,
  retry_rnr_exceeded_err: 0,
  completer_retry_err: 0,
  send_err: 0,
  rdma_sends: 0,
  rdma_recvs: 0,
  np_ecn_marked_roce_packets: 0,
  np_cnp_sent: 0,
  rp_cnp_handled: 0,
  icrc_err: 0,
  discarded: 0,
  bpf_drop: 0,
});
