import { KernelError } from '../../base/index.ts';
import type {
  AttachedPrograms,
  DetachOptions,
  DeviceOptions,
  KernelRdma,
  NamespaceDevice,
  RdmaOptions,
  ReceiveResult,
  SentPacket,
  XskOptions,
} from '../../kernel/index.ts';
import type { HostDevice, RxMetadata } from '../../runtime/types.ts';
import type { HookPoint } from '../objects/hook-point.ts';
import { AttachPoint } from './attach-point.ts';
import { ClassicFilters } from './classic.ts';
import { hardwareAddress } from './ip/text.ts';
import type { NetNamespace } from './namespace.ts';
import { ETHERNET_HEADER } from './packets.ts';
import { type AttachedRdma, attachRdma } from './rdma/attach.ts';
import type { RdmaHookPoints } from './rdma/hooks.ts';
import { Packet } from './stack/packet.ts';
import { newStatistics } from './stats.ts';
import { XdpSlots } from './xdp-slot.ts';
import type { XskPool } from './xsk/pool.ts';
import type { Xsk } from './xsk/xsk.ts';

export type { DeviceOptions } from '../../kernel/index.ts';

/** What a kind of device is by itself. */
export interface DeviceTraits {
  readonly mtu: number;
  /** Hardware address if the options give none. */
  readonly address: (ifindex: number, net: NetNamespace) => Uint8Array;
  /** The driver can run XDP itself, before there is a socket buffer. Default: generic XDP only. */
  readonly nativeXdp?: boolean;
}

const VLAN_TAG = 4;

/** A network device (struct net_device). The kinds are in devices/. */
export abstract class Device implements NamespaceDevice {
  abstract readonly kind: NamespaceDevice['kind'];
  readonly name: string;
  readonly ifindex: number;
  readonly net: NetNamespace;
  readonly mtu: number;
  readonly address: Uint8Array;
  readonly forwarding: boolean;
  readonly promisc: boolean;
  /** IFF_NOARP: frames go out without asking for anyone. */
  readonly noArp: boolean = false;
  /** Sends what it is given at once, without a queue (IFF_NO_QUEUE). */
  readonly noQueue: boolean = true;
  /** Its driver hands packets to napi_gro_receive. */
  readonly gro: boolean = false;
  /** Receive queues. */
  readonly queues: number = 1;
  /** The driver can be told about XDP programs (ndo_bpf): they may be bound to it. */
  readonly bindsXdp: boolean = false;
  /** Nanoseconds until it says that a packet is sent. */
  readonly txLatency: number = 0;
  /** Packet memory of AF_XDP sockets, by queue. */
  readonly pools = new Map<number, XskPool>();
  readonly sent: SentPacket[] = [];
  readonly statistics = newStatistics();
  readonly xdp: XdpSlots;
  readonly ingress = new AttachPoint();
  readonly egress = new AttachPoint();
  /** Filters of a clsact qdisc. */
  readonly classic = {
    ingress: new ClassicFilters(this.ingress),
    egress: new ClassicFilters(this.egress),
  };
  up: boolean;
  #rdma: AttachedRdma | undefined;
  /** It was taken away: programs bound to it attach nowhere any more. */
  gone = false;

  constructor(
    net: NetNamespace,
    name: string,
    ifindex: number,
    options: DeviceOptions,
    traits: DeviceTraits,
  ) {
    this.net = net;
    this.name = name;
    this.ifindex = ifindex;
    this.mtu = options.mtu ?? traits.mtu;
    this.address = options.address
      ? hardwareAddress(options.address, name)
      : traits.address(ifindex, net);
    this.forwarding = options.forwarding ?? true;
    this.promisc = options.promisc ?? false;
    this.up = options.up ?? true;
    this.xdp = new XdpSlots(traits.nativeXdp === true, ({ bound }) => bound === this && !this.gone);
  }

  get namespace(): string {
    return this.net.name;
  }

  /** 'pod1/eth0', or the name alone in the machine's own namespace. */
  get path(): string {
    return this.net.name === '' ? this.name : `${this.net.name}/${this.name}`;
  }

  /** The other end of a pair. */
  get peer(): Device | undefined {
    return undefined;
  }

  /** Every place where it has programs. */
  get points(): readonly HookPoint[] {
    const { xdp, ingress, egress, classic } = this;
    return [xdp.native, xdp.generic, ingress, egress, classic.ingress, classic.egress];
  }

  /** ndo_start_xmit: gives a frame away. */
  abstract xmit(packet: Packet): void;

  /** It takes VLAN tags off before XDP programs see a packet. */
  get takesTags(): boolean {
    return false;
  }

  /** netif_carrier_ok */
  get carrier(): boolean {
    return true;
  }

  /** What it says of a packet beside its bytes; undefined: nothing of any (xdp_metadata_ops). */
  rxMetadata(_packet: Packet): RxMetadata | undefined {
    return undefined;
  }

  /** Why redirected XDP frames are refused (errno of ndo_xdp_xmit), or undefined. */
  xdpRefusal(): string | undefined {
    return 'EOPNOTSUPP';
  }

  /** ndo_xdp_xmit, for devices that do not refuse. */
  xdpXmit(packet: Packet): void {
    this.xmit(packet);
  }

  /** XDP_TX of the driver: back to where the frame came from. */
  xdpTx(packet: Packet): void {
    this.xmit(packet);
  }

  /** xdp_do_redirect failed for a frame of its own: some drivers count that. */
  xdpRedirectFailed(): void {}

  /** Which receive queue a frame from the wire comes in by. */
  queueOf(_data: Uint8Array): number {
    return 0;
  }

  /** Most bytes of a frame it takes. */
  get frameLimit(): number {
    return this.mtu + ETHERNET_HEADER + VLAN_TAG;
  }

  /** What helpers see of the device. */
  hostDevice(): HostDevice {
    const { name, mtu, address, forwarding } = this;
    return { name, mtu, headerSize: ETHERNET_HEADER, address, forwarding };
  }

  query(direction: 'ingress' | 'egress'): AttachedPrograms {
    const { revision, members } = this[direction];
    const programs = members.map(({ program: { id, spec }, link }) => {
      return { program: id, name: spec.name, ...(link && { link: link.id }) };
    });
    return { revision, programs };
  }

  detach(direction: 'ingress' | 'egress', options: DetachOptions = {}): void {
    const { attachments, objects } = this.net.stack.machine;
    const { program: id, expectedRevision = 0 } = options;
    const program = id === undefined ? undefined : objects.programs.get(id);
    if (id !== undefined && !program) throw new KernelError('ENOENT', 2, `no program ${id}`);
    attachments.detach(this[direction], { program, revision: BigInt(expectedRevision) });
  }

  receive(data: Uint8Array, options: { readonly queue?: number } = {}): ReceiveResult {
    const packet = new Packet(data, this);
    packet.queue = options.queue ?? this.queueOf(data);
    packet.from = this.name;
    return this.net.stack.enter(packet, 'receive');
  }

  rxe(options: RdmaOptions = {}): KernelRdma {
    this.#rdma ??= attachRdma(this, options);
    return this.#rdma.device;
  }

  /** Where programs see the packets of its RDMA device. */
  get rdmaHooks(): RdmaHookPoints {
    this.#rdma ??= attachRdma(this, {});
    return this.#rdma.points;
  }

  /** The RDMA device it has got, if anyone asked for one. */
  get rdma(): AttachedRdma | undefined {
    return this.#rdma;
  }

  xsk(options: XskOptions = {}): Xsk {
    return this.net.stack.xsk.open(this, options);
  }

  transmit(data: Uint8Array): ReceiveResult {
    const packet = new Packet(data, this);
    packet.from = this.name;
    return this.net.stack.enter(packet, 'transmit');
  }
}

/** 02:00:00:00:00:NN, in other namespaces 02:00:CC:CC:NN:NN: unique in the machine. */
export function numberedAddress(ifindex: number, { cookie }: NetNamespace): Uint8Array {
  const space = cookie - 1;
  return Uint8Array.of(2, 0, space >> 8, space, ifindex >> 8, ifindex);
}

export const noAddress = (): Uint8Array => new Uint8Array(6);
