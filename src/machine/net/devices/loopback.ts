import type { DeviceOptions } from '../../../kernel/index.ts';
import { Device, noAddress } from '../device.ts';
import type { NetNamespace } from '../namespace.ts';
import { type Packet, packetTypeFor } from '../stack/packet.ts';

const MTU = 65536;

/** `lo` (drivers/net/loopback.c): what it sends it receives. */
export class LoopbackDevice extends Device {
  readonly kind = 'loopback';
  override readonly noArp = true;

  constructor(net: NetNamespace, name: string, ifindex: number, options: DeviceOptions) {
    super(net, name, ifindex, options, { mtu: MTU, address: noAddress });
  }

  xmit(packet: Packet): void {
    const { statistics } = this;
    const size = packet.data.length;
    statistics.tx_packets++;
    statistics.tx_bytes += size;
    statistics.rx_packets++;
    statistics.rx_bytes += size;
    if (!this.net.configured) this.sent.push({ data: packet.data.slice(), from: packet.from });
    packet.clearTimestamp();
    packet.type = packetTypeFor(packet.data, this.address);
    this.net.stack.netifRx(packet, this);
  }
}
