import type { DeviceOptions, ReceiveResult } from '../../../kernel/index.ts';
import { Device, numberedAddress } from '../device.ts';
import { flowHash } from '../flow-hash.ts';
import type { NetNamespace } from '../namespace.ts';
import type { Card } from '../nic/card.ts';
import type { VirtualFunction } from '../nic/function.ts';
import type { Packet } from '../stack/packet.ts';

const MTU = 1500;
const QUEUES_MAX = 64;

/** What a queue of a card has moved. */
export interface QueueCounts {
  packets: number;
  bytes: number;
}

/** A function of a card with queues. */
abstract class FunctionDevice extends Device {
  override readonly noQueue = false;
  override readonly gro = true;
  readonly rxQueues: QueueCounts[];
  readonly txQueues: QueueCounts[];

  constructor(
    net: NetNamespace,
    name: string,
    ifindex: number,
    options: DeviceOptions & { readonly queues?: number },
  ) {
    super(net, name, ifindex, options, { mtu: MTU, address: numberedAddress, nativeXdp: true });
    const queues = Math.max(1, Math.min(QUEUES_MAX, options.queues ?? 1));
    const counts = () => Array.from({ length: queues }, () => ({ packets: 0, bytes: 0 }));
    this.rxQueues = counts();
    this.txQueues = counts();
  }

  override queueOf(data: Uint8Array): number {
    const { length } = this.rxQueues;
    return length === 1 ? 0 : flowHash(data, 0, data.length) % length;
  }

  /** The driver has given a frame to the card. */
  countSent({ data }: Packet): void {
    this.statistics.tx_packets++;
    this.statistics.tx_bytes += data.length;
    count(this.txQueues[this.queueOf(data)]!, data.length);
  }

  /** The card has a frame for the driver. */
  countReceived({ data, queue }: Packet): void {
    this.statistics.rx_packets++;
    this.statistics.rx_bytes += data.length;
    count(this.rxQueues[queue]!, data.length);
  }

  override xdpRefusal(): string | undefined {
    return undefined;
  }
}

function count(queue: QueueCounts, bytes: number): void {
  queue.packets++;
  queue.bytes += bytes;
}

/** The physical function; in switchdev mode it is the uplink's representor. */
export class PfDevice extends FunctionDevice {
  readonly kind = 'nic';
  card!: Card;

  /** From the wire: the card decides who gets it. */
  override receive(data: Uint8Array, options: { readonly queue?: number } = {}): ReceiveResult {
    let own: ReceiveResult | undefined;
    this.net.stack.perform(() => {
      if (!this.card.fromWire(data)) return;
      const queue = options.queue ?? this.queueOf(data);
      if (this.up) count(this.rxQueues[queue % this.rxQueues.length]!, data.length);
      own = super.receive(data, { queue });
    });
    const none = { verdictCode: undefined, target: undefined, fault: undefined };
    return own ?? { verdict: 'pass', data, ...none };
  }

  xmit(packet: Packet): void {
    this.countSent(packet);
    this.card.fromHost(packet);
  }
}

/** A virtual function, in the namespace it was passed to. */
export class VfDevice extends FunctionDevice {
  readonly kind = 'vf';
  card!: Card;
  vf!: VirtualFunction;

  xmit(packet: Packet): void {
    this.countSent(packet);
    this.card.fromFunction(this.vf, packet);
  }
}

/** Stands in the host for a virtual function: what it sends the function gets, and back. */
export class RepresentorDevice extends Device {
  readonly kind = 'representor';
  override readonly gro = true;
  readonly #card: Card;
  readonly #vf: VirtualFunction;

  constructor(
    net: NetNamespace,
    name: string,
    ifindex: number,
    { card, vf, mtu }: { card: Card; vf: VirtualFunction; mtu: number },
  ) {
    super(net, name, ifindex, { mtu }, { mtu: MTU, address: numberedAddress });
    this.#card = card;
    this.#vf = vf;
  }

  xmit(packet: Packet): void {
    this.statistics.tx_packets++;
    this.statistics.tx_bytes += packet.data.length;
    this.#card.deliver(this.#vf, packet, packet.data, 'slow');
  }

  override xdpRefusal(): string | undefined {
    return undefined;
  }
}
