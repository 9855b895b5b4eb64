import type { VethOptions } from '../../../kernel/index.ts';
import { numberedAddress } from '../device.ts';
import type { RxMetadata } from '../../../runtime/types.ts';
import type { NetNamespace } from '../namespace.ts';
import { bufferHash } from '../rx-metadata.ts';
import { ETHERNET_HEADER } from '../packets.ts';
import { type Packet, packetTypeFor } from '../stack/packet.ts';
import { PairDevice } from './pair.ts';

const MTU = 1500;
const none = (): undefined => undefined;

/** An end of a virtual cable (drivers/net/veth.c). */
export class VethDevice extends PairDevice {
  readonly kind = 'veth';
  override readonly bindsXdp = true;

  constructor(net: NetNamespace, name: string, ifindex: number, options: Partial<VethOptions>) {
    super(net, name, ifindex, options, { mtu: MTU, address: numberedAddress, nativeXdp: true });
  }

  xmit(packet: Packet): void {
    const { peer } = this;
    const { stack } = this.net;
    if (!peer) return stack.dropSent(packet, this, 'NOT_SPECIFIED', 'the other end is gone');
    if (!peer.up) return stack.dropSent(packet, this, 'NOT_SPECIFIED', `${peer.path} is down`);
    if (packet.data.length > peer.frameLimit) {
      return stack.dropSent(packet, this, 'NOT_SPECIFIED', `too long for ${peer.path}`);
    }
    const polls = peer.xdp.native.programs.length > 0;
    // The poll function counts socket buffers without their Ethernet header.
    const uncounted = polls && !packet.isFrame ? ETHERNET_HEADER : 0;
    this.countCrossing(packet.data.length - uncounted, peer);
    if (packet.trail) this.traceCrossing(packet, peer);
    packet.scrub(this.net !== peer.net);
    packet.priority = 0;
    packet.type = packetTypeFor(packet.data, peer.address);
    // With an XDP program the frame goes to its poll function, not to the backlog.
    if (polls) stack.poll(packet, peer);
    else stack.netifRx(packet, peer);
  }

  /** Frames go back through the other end's poll function only, as redirected ones do. */
  override xdpTx(packet: Packet): void {
    const refused = this.xdpRefusal();
    if (refused === undefined) return this.xmit(packet);
    if (this.peer) this.peer.statistics.rx_dropped++;
    const why = `${refused}: the other end of ${this.path} runs no XDP program`;
    this.net.stack.dropSent(packet, this, 'XDP', why);
  }

  override xdpRedirectFailed(): void {
    this.statistics.rx_dropped++;
  }

  /** Of packets that came as socket buffers: no time, as no hardware took one; a hash; no tag. */
  override rxMetadata(packet: Packet): RxMetadata {
    if (packet.isFrame) return { timestamp: none, hash: none, vlanTag: none };
    return { timestamp: () => 0n, hash: () => bufferHash(packet), vlanTag: none };
  }

  /**
   * Frames redirected by XDP never become socket buffers here, and so need the other end's poll
   * function: it runs while that end has an XDP program (or GRO, which this machine has not).
   */
  override xdpRefusal(): string | undefined {
    return this.peer?.up && this.peer.xdp.native.programs.length > 0 ? undefined : 'ENXIO';
  }
}
