import type { PhysicalOptions, RxMetadataOptions } from '../../../kernel/index.ts';
import { Device, numberedAddress } from '../device.ts';
import { flowHash } from '../flow-hash.ts';
import type { NetNamespace } from '../namespace.ts';
import type { RxMetadata } from '../../../runtime/types.ts';
import { cardMetadata } from '../rx-metadata.ts';
import type { Packet } from '../stack/packet.ts';
import { fillChecksum } from '../xsk/metadata.ts';

const MTU = 1500;

/** A network card: its wire ends in `receive` and in `sent`. */
export class PhysicalDevice extends Device {
  readonly kind = 'physical';
  override readonly noQueue = false;
  override readonly gro = true;
  override readonly bindsXdp = true;
  override readonly queues: number;
  override readonly txLatency: number;
  readonly metadata: RxMetadataOptions;

  constructor(net: NetNamespace, name: string, ifindex: number, options: PhysicalOptions) {
    super(net, name, ifindex, options, { mtu: MTU, address: numberedAddress, nativeXdp: true });
    this.txLatency = options.txLatency ?? 0;
    this.metadata = options.rxMetadata ?? {};
    this.queues = Math.max(1, Math.min(64, options.queues ?? 1));
  }

  override queueOf(data: Uint8Array): number {
    return this.queues === 1 ? 0 : flowHash(data, 0, data.length) % this.queues;
  }

  xmit(packet: Packet): void {
    const { statistics } = this;
    statistics.tx_packets++;
    statistics.tx_bytes += packet.data.length;
    if (packet.checksum) fillChecksum(packet.writable(), packet.checksum);
    packet.checksum = undefined;
    packet.owned = false;
    this.sent.push({ data: packet.data, from: packet.from });
    if (packet.trail) this.net.stack.tracer.add(packet, { kind: 'wire' }, this);
  }

  override get takesTags(): boolean {
    return this.metadata.vlanTag === true;
  }

  override rxMetadata(packet: Packet): RxMetadata {
    return cardMetadata(packet, this.metadata);
  }

  override xdpRefusal(): string | undefined {
    return undefined;
  }
}
