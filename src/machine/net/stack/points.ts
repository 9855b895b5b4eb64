import type { Device } from '../device.ts';
import type { Packet } from './packet.ts';

/** Where the kernel has a packet: the names of its functions and tracepoints. */
export type PacketPoint =
  | 'kfree_skb'
  | 'napi_gro_receive'
  | 'net_dev_queue'
  | 'net_dev_start_xmit'
  | 'net_dev_xmit'
  | 'netif_receive_skb';

/** A packet at such a place. */
export interface PacketEvent {
  readonly point: PacketPoint;
  readonly packet: Packet;
  /** Where it was then: a driver may have given it on. */
  readonly device: Device;
  /** eth_type_trans took the Ethernet header off. */
  readonly pulled: boolean;
  /** kfree_skb: word of enum skb_drop_reason. */
  readonly reason?: string;
}

/** Tells of packets at places of the kernel's way, as long as anybody listens. */
export class PacketPoints {
  /** Set only while there are programs at one of the places. */
  listener: ((event: PacketEvent) => void) | undefined;

  get on(): boolean {
    return this.listener !== undefined;
  }

  /** Callers ask for `on` first. */
  received(point: PacketPoint, packet: Packet): void {
    this.listener!({ point, packet, device: packet.device, pulled: true });
  }

  sent(point: PacketPoint, packet: Packet, device: Device): void {
    this.listener!({ point, packet, device, pulled: false });
  }

  dropped(packet: Packet, reason: string, pulled: boolean): void {
    this.listener!({ point: 'kfree_skb', packet, device: packet.device, pulled, reason });
  }
}
