import type { Device } from '../device.ts';
import type { PartialChecksum } from '../xsk/sender.ts';
import type { Connection } from '../sockets/table.ts';
import type { UdpSocket } from '../sockets/udp.ts';
import { keptFields } from '../../objects/kept.ts';
import type { Trail } from './trail.ts';

/** eth_type_trans: who a frame is for. */
export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHERHOST = 3;
export const PACKET_OUTGOING = 4;

/** `from` of packets that an AF_XDP socket sends. No device has such a name. */
export const FROM_XSK = 'an AF_XDP socket';

/** What came of the programs at the device a packet came in by. */
export interface EntryReport {
  /** The program that decided last. */
  passage: { readonly code: number; readonly name: string; readonly fault: Error | undefined };
  data: Uint8Array;
  target: string | undefined;
}

/** A packet on its way (struct sk_buff): an Ethernet frame and what the kernel knows of it. */
export class Packet {
  /** From the Ethernet header on. */
  data: Uint8Array;
  /** Nobody else looks at `data`: it may be changed in place. */
  owned: boolean;
  device: Device;
  /** skb_iif: where it came in; 0 for packets made here. */
  ingressIfindex = 0;
  mark = 0;
  priority = 0;
  tcIndex = 0;
  queue = 0;
  type = PACKET_HOST;
  hash = 0;
  /** Low and high word. */
  timestampLow = 0;
  timestampHigh = 0;
  /** The VLAN tag that the device took off: EtherType and 16 bits. */
  tag: number | undefined;
  /** It is no socket buffer yet: XDP sent it here. */
  isFrame = false;
  /** Control block as tc programs see it. */
  cb: Uint32Array | undefined;
  /** A redirect brought it here: generic XDP leaves it alone. */
  redirected = false;
  /** A tc program at ingress has it now. */
  atIngress = false;
  /** A program gave it to this socket (bpf_sk_assign). */
  socket: Connection | UdpSocket | undefined;
  cpu = 0;
  /** How often it went through the backlog. */
  visits = 0;
  /** Name of the device that sent it here. */
  from = '';
  /** A checksum that whoever sends it onto a wire completes (CHECKSUM_PARTIAL). */
  checksum: PartialChecksum | undefined;
  /** What XDP programs find in front of it. */
  metadata: Uint8Array | undefined;
  trail: Trail | undefined;
  /** Only while the first device's programs run. */
  report: Partial<EntryReport> | undefined;

  constructor(data: Uint8Array, device: Device, owned = false) {
    this.data = data;
    this.device = device;
    this.owned = owned;
  }

  /** Bytes that may be changed. */
  writable(): Uint8Array {
    if (!this.owned) {
      this.data = this.data.slice();
      this.owned = true;
    }
    return this.data;
  }

  /** skb_clone: the same bytes, its own way. */
  clone(): Packet {
    this.owned = false;
    const copy = new Packet(this.data, this.device);
    copy.ingressIfindex = this.ingressIfindex;
    copy.mark = this.mark;
    copy.priority = this.priority;
    copy.tcIndex = this.tcIndex;
    copy.queue = this.queue;
    copy.type = this.type;
    copy.hash = this.hash;
    copy.timestampLow = this.timestampLow;
    copy.timestampHigh = this.timestampHigh;
    copy.cb = this.cb?.slice();
    copy.atIngress = this.atIngress;
    copy.cpu = this.cpu;
    copy.visits = this.visits;
    copy.from = this.from;
    copy.checksum = this.checksum;
    return copy;
  }

  /** skb_scrub_packet: what must not go along; `crosses`: into another namespace. */
  scrub(crosses: boolean): void {
    this.type = PACKET_HOST;
    this.socket = undefined;
    this.ingressIfindex = 0;
    if (!crosses) return;
    this.mark = 0;
    this.clearTimestamp();
  }

  clearTimestamp(): void {
    this.timestampLow = 0;
    this.timestampHigh = 0;
  }
}

/** Whoever follows it does so no longer when the machine comes back. */
export const keptPacket = keptFields('packet', Packet, ['trail', 'report']);

/** Who a frame is for, seen from a device with this hardware address (eth_skb_pkt_type). */
export function packetTypeFor(data: Uint8Array, address: Uint8Array): number {
  if ((data[0]! & 1) !== 0) {
    for (let i = 0; i < 6; i++) if (data[i] !== 0xff) return PACKET_MULTICAST;
    return PACKET_BROADCAST;
  }
  for (let i = 0; i < 6; i++) if (data[i] !== address[i]) return PACKET_OTHERHOST;
  return PACKET_HOST;
}
