import { dissect, ethernet, ipv4, ipv6, packet, roce, udp } from '../../../packet/index.ts';
import type { EventQueue } from '../../../runtime/index.ts';
import { Memory, type MemoryRegion, type RegionAccess } from './memory.ts';
import { type Peer, QueuePair, type QueuePairOptions } from './queue-pair.ts';
import type { Completion, Message, RdmaCounters } from './types.ts';

export interface RdmaDeviceOptions {
  /** Address of the device it works on, IPv4 or IPv6. */
  readonly address: string;
  readonly hardware: string;
  readonly events: EventQueue;
  now(): number;
  /** Hardware address of the next hop for an address. */
  neighbour(address: string): string;
  /** A frame leaves. */
  send(frame: Uint8Array): void;
}

/** Queue pairs 0 and 1 are special. */
const FIRST_QUEUE_PAIR = 17;
/** Source ports of RoCE say which flow a packet is of. */
const SOURCE_PORT_BASE = 0xc000;
const PORT = 4791;

/**
 * RDMA over Converged Ethernet in software on a device of the network, as Linux's rxe: reliable
 * connections with SEND, WRITE, READ and atomic operations.
 *
 * @example
 * const region = rxe.register(new Uint8Array(4096), { write: true });
 * other.connect(pair, { address: '10.0.0.1', queuePair: 17 }).post({ operation: 'write', ... });
 */
export class RdmaDevice {
  readonly counters: RdmaCounters = noCounters();
  readonly completions: Completion[] = [];
  readonly #options: RdmaDeviceOptions;
  readonly #memory = new Memory();
  readonly #pairs = new Map<number, QueuePair>();
  #next = FIRST_QUEUE_PAIR;

  constructor(options: RdmaDeviceOptions) {
    this.#options = options;
  }

  /** Registers memory that the other side may use. The bytes are not copied. */
  register(bytes: Uint8Array, access: RegionAccess): MemoryRegion {
    return this.#memory.register(bytes, access);
  }

  deregister(region: MemoryRegion): void {
    this.#memory.deregister(region);
  }

  /** The number that the next queue pair will have, to be told to the other side. */
  get nextQueuePair(): number {
    return this.#next;
  }

  /** Makes a queue pair that is connected to one of another device. */
  connect(peer: Peer, options?: QueuePairOptions): QueuePair {
    const { events } = this.#options;
    const host = {
      ...{ events, memory: this.#memory, counters: this.counters },
      now: () => this.#options.now(),
      send: (to: Peer, message: Message) => this.#send(to, message, pair.number),
      complete: (done: Completion) => this.completions.push(done),
    };
    const pair = new QueuePair(this.#next++, host, peer, options);
    this.#pairs.set(pair.number, pair);
    return pair;
  }

  /** A frame came in. True if it was RoCE for this device: it is used up. */
  receive(frame: Uint8Array): boolean {
    const layers = dissect(frame);
    const bth = layers.find(({ protocol }) => protocol === 'BTH');
    const ip = layers.find(({ protocol }) => protocol === 'IPv4' || protocol === 'IPv6');
    if (!bth || ip?.values['destination'] !== this.#options.address) return false;
    this.counters.rcvd_pkts++;
    if (bth.problems.length > 0) {
      this.counters.icrc_err++;
      return true;
    }
    const message = messageOf(frame, layers);
    this.#pairs.get(message.queuePair)?.receive(message);
    return true;
  }

  #send(peer: Peer, { data, ...message }: Message, from: number): void {
    const { address: source, hardware, neighbour } = this.#options;
    const addresses = { source, destination: peer.address };
    const frame = packet(
      ethernet({ source: hardware, destination: neighbour(peer.address) }),
      source.includes(':') ? ipv6(addresses) : ipv4({ ...addresses, flags: 'DF' }),
      udp({ sourcePort: SOURCE_PORT_BASE + (from & 0x3fff), destinationPort: PORT, checksum: 0 }),
      ...roce(message, data),
    );
    this.counters.sent_pkts++;
    this.#options.send(frame);
  }
}

/** What a frame says, by the fields of all its headers. */
function messageOf(frame: Uint8Array, layers: ReturnType<typeof dissect>): Message {
  const from = layers.findIndex(({ protocol }) => protocol === 'BTH');
  const values = Object.assign({}, ...layers.slice(from).map((layer) => layer.values)) as Record<
    string,
    number
  >;
  const opcode = layers[from]!.fields.find(({ name }) => name === 'opcode')!;
  const contents = layers.find(({ protocol }) => protocol === 'data');
  const data = contents
    ? frame.slice(contents.start, contents.end - values['padCount']!)
    : new Uint8Array();
  return {
    ...(values as unknown as Message),
    operation: opcode.text.replace(/ \(\d+\)$/, ''),
    ackRequest: values['ackRequest'] === 1,
    data,
  };
}

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
  rdma_sends: 0,
  rdma_recvs: 0,
  icrc_err: 0,
});
