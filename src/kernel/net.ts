/**
 * The contract of the network: namespaces, devices, routes, traces. Types only. What is said of
 * packets is data; tools print it.
 */
import type { CardPath, KernelNic, NicOptions } from './nic.ts';
import type { KernelSocket, SocketAddress, SocketOptions } from './sockets.ts';
import type { KernelDevice, KernelProgram } from './types.ts';

/** What every kind of device may be given. */
export interface DeviceOptions {
  /** Interface number; by default they count up in their namespace (`lo` is 1). */
  readonly ifindex?: number;
  /** Default 1500 (`lo`: 65536). */
  readonly mtu?: number;
  /**
   * Hardware address: 6 bytes or '02:00:00:00:00:01'. By default 02:00:00:00:00:NN with the
   * interface number, and zeros for `lo` and netkit in L3 mode.
   */
  readonly address?: Uint8Array | string;
  /** Whether packets that came in here may be forwarded. Default true. */
  readonly forwarding?: boolean;
  /** Addresses with prefix length: '10.0.0.1/24', 'fd00::1/64'. Each makes its routes. */
  readonly addresses?: readonly string[];
  /** Default true. */
  readonly up?: boolean;
  /** Frames for other hardware addresses count as its own for taps. Default false. */
  readonly promisc?: boolean;
}

/** What a card tells XDP programs of a packet beside its bytes. Default: nothing. */
export interface RxMetadataOptions {
  /** bpf_xdp_metadata_rx_timestamp: when it came in, by the machine's international atomic time. */
  readonly timestamp?: boolean;
  /** bpf_xdp_metadata_rx_hash: the Toeplitz hash of IP packets, and what went into it. */
  readonly hash?: boolean;
  /**
   * The card takes VLAN tags off: bpf_xdp_metadata_rx_vlan_tag. XDP programs see packets without,
   * and redirect or return them so; what they pass on has its tag again.
   */
  readonly vlanTag?: boolean;
}

/** A card: packets come in from its wire and go out to it (`sent`). The kind without a word. */
export interface PhysicalOptions extends DeviceOptions {
  readonly kind?: 'physical';
  /** Receive queues, 1 to 64. With several, flows are spread by their Toeplitz hash. Default 1. */
  readonly queues?: number;
  readonly rxMetadata?: RxMetadataOptions;
  /**
   * Nanoseconds from a packet's way out to the word of the card that it is sent: then AF_XDP
   * sockets get their chunk back and the time of sending. Default: at once.
   */
  readonly txLatency?: number;
}

/** The other end of a pair. */
export interface PeerOptions extends DeviceOptions {
  /** Default: the kind's short name and the namespace of the first end, 'nk-pod1'. */
  readonly name?: string;
  /** Namespace it lives in; default: that of the machine itself. */
  readonly namespace?: string;
  /** Prefixes that are reached through this end, as routes of its namespace. */
  readonly routes?: readonly string[];
  /** netkit: what happens to packets this end sends while no program decides. Default pass. */
  readonly policy?: NetkitPolicy;
  /** netkit: 'none' keeps mark and priority of packets that leave the namespace here. */
  readonly scrub?: 'default' | 'none';
}

/** A virtual cable: what one end sends the other receives (drivers/net/veth.c). */
export interface VethOptions extends DeviceOptions {
  readonly kind: 'veth';
  readonly peer?: PeerOptions | string;
}

export type NetkitPolicy = 'pass' | 'drop';

/** A pair whose way across is the run of its programs (drivers/net/netkit.c). */
export interface NetkitOptions extends DeviceOptions {
  readonly kind: 'netkit';
  /** 'l3' (default): no hardware addresses, no neighbours to ask for. */
  readonly mode?: 'l2' | 'l3';
  readonly policy?: NetkitPolicy;
  readonly scrub?: 'default' | 'none';
  /**
   * This end is the one programs are attached through. Default: the end that is in the machine's
   * own namespace, else the peer.
   */
  readonly primary?: boolean;
  readonly peer?: PeerOptions | string;
}

export type AnyDeviceOptions = PhysicalOptions | VethOptions | NetkitOptions | NicOptions;

/** A route: `{ to: '10.1.0.0/16', via: '10.0.0.1' }`, `{ to: 'default', device: 'eth0' }`. */
export interface RouteOptions {
  /** A prefix, 'default' (0.0.0.0/0) or '::/0'. */
  readonly to: string;
  /** Next hop. Without `device` it must be on a link that is known. */
  readonly via?: string;
  readonly device?: string;
  readonly type?: 'unicast' | 'local' | 'blackhole' | 'unreachable' | 'prohibit';
  readonly metric?: number;
  readonly mtu?: number;
  /** Default: main (254). */
  readonly table?: number;
  /** Source address of packets made here. */
  readonly source?: string;
  /** `encap bpf`: programs that packets of this route meet. The route holds them. */
  readonly encap?: RouteEncap;
}

/** Programs of a route (lightweight tunnels); each of the type of its place. At least one. */
export interface RouteEncap {
  /** lwt_in: packets that come in and are for this route. */
  readonly in?: KernelProgram;
  /** lwt_out: packets of the route before they leave, whoever made them. */
  readonly out?: KernelProgram;
  /** lwt_xmit: just before the device. It may redirect them. */
  readonly xmit?: KernelProgram;
  /** Bytes that the MTU is less, for what xmit pushes: 256 at most. */
  readonly headroom?: number;
}

/** A neighbour known from the start: no question goes out for it. */
export interface NeighbourOptions {
  readonly address: string;
  readonly device: string;
  readonly hardware: Uint8Array | string;
}

/** A network namespace of the machine. */
export interface NamespaceOptions {
  readonly devices?: Readonly<Record<string, AnyDeviceOptions>>;
  readonly routes?: readonly RouteOptions[];
  readonly neighbours?: readonly NeighbourOptions[];
}

/** Counts of a device, by the names of rtnl_link_stats64, and of XDP as drivers count it. */
export interface DeviceStatistics {
  rx_packets: number;
  rx_bytes: number;
  rx_dropped: number;
  tx_packets: number;
  tx_bytes: number;
  tx_dropped: number;
  /** Frames no route, handler or open namespace wanted. */
  rx_nohandler: number;
  xdp_drop: number;
  xdp_tx: number;
  xdp_redirect: number;
  /** XDP_ABORTED, unknown codes and faults. */
  xdp_exception: number;
  xdp_tx_errors: number;
  xdp_redirect_errors: number;
}

/** The programs at a place, in the order they run (BPF_PROG_QUERY). */
export interface AttachedPrograms {
  readonly revision: bigint;
  readonly programs: readonly {
    readonly program: number;
    readonly name: string;
    /** Id of the link that holds it there; absent: none does. */
    readonly link?: number;
  }[];
}

/** Which program leaves: default the last. `expectedRevision`: another is KernelError ESTALE. */
export interface DetachOptions {
  /** By id. */
  readonly program?: number;
  readonly expectedRevision?: number | bigint;
}

/** A hook where packets meet programs. */
export type PacketHookName =
  | 'xdp'
  | 'xdp/generic'
  | 'xdp/devmap'
  | 'xdp/cpumap'
  | 'tcx/ingress'
  | 'tcx/egress'
  /** Classic filters of a clsact qdisc. */
  | 'tc/ingress'
  | 'tc/egress'
  | 'netkit/primary'
  | 'netkit/peer'
  | `netfilter/${'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'}`
  /** Programs of routes. */
  | 'lwt/in'
  | 'lwt/out'
  | 'lwt/xmit';

/** Bytes a program changed: from offset `at` on, in the packet as it then was. */
export interface Rewrite {
  readonly at: number;
  readonly length: number;
}

/** One thing that happened to a packet. */
export type TraceStep =
  | { readonly kind: 'receive'; readonly queue: number; readonly length: number }
  | { readonly kind: 'send'; readonly length: number }
  | {
      readonly kind: 'program';
      readonly hook: PacketHookName;
      readonly program: { readonly id: number; readonly name: string };
      readonly verdict: string;
      readonly code: number;
      readonly rewrites: readonly Rewrite[];
      /** Length before and after, if it changed. */
      readonly resized?: readonly [number, number];
      readonly cpu?: number;
      readonly fault?: string;
    }
  | {
      readonly kind: 'redirect';
      /** The way: 'bpf_redirect', 'bpf_redirect_peer', 'devmap ports[3]', 'XDP_TX', … */
      readonly by: string;
      /** 'ns/device', or words for what is no device. */
      readonly to: string;
      readonly ingress: boolean;
    }
  | { readonly kind: 'clone'; readonly id: number; readonly to: string }
  | { readonly kind: 'transmit'; readonly length: number }
  /** Over to the other end of a pair; `crosses`: into another namespace, marks are scrubbed. */
  | { readonly kind: 'peer'; readonly to: string; readonly crosses: boolean }
  /** The card's switch gives the frame to a device; 'offload': by a rule, past the host. */
  | { readonly kind: 'eswitch'; readonly to: string; readonly path: CardPath }
  | { readonly kind: 'route'; readonly to: string; readonly out: string; readonly via?: string }
  | { readonly kind: 'forward'; readonly ttl: number }
  | { readonly kind: 'neighbour'; readonly state: 'asked' | 'resolved'; readonly address: string }
  | { readonly kind: 'deliver'; readonly to: string }
  /** Out of the machine. */
  | { readonly kind: 'wire' }
  /** Another packet was made because of this one (an ICMP error, an answer). */
  | { readonly kind: 'answer'; readonly id: number; readonly what: string }
  /** `reason`: word of enum skb_drop_reason, without its SKB_DROP_REASON_. */
  | { readonly kind: 'drop'; readonly reason: string; readonly why?: string };

export type TraceEvent = TraceStep & {
  /** Nanoseconds of the machine's clock. */
  readonly time: number;
  readonly namespace: string;
  readonly device: string;
};

/** Where one packet went. Its last event says what became of it. */
export interface PacketTrace {
  /** Counts up from 1 while a trace is on. */
  readonly id: number;
  /** The packet it was copied from or is the answer to. */
  readonly parent: number | undefined;
  /** The packet as it came in. */
  readonly data: Uint8Array;
  readonly events: readonly TraceEvent[];
}

export interface TraceOptions {
  /** Told of every event when it happens. */
  readonly onEvent?: (packet: PacketTrace, event: TraceEvent) => void;
  /** Packets kept; the oldest go. Default 10,000. */
  readonly keep?: number;
}

/** A trace that is on. Leaving the `using` block turns it off; what it has seen stays. */
export interface NetworkTrace extends Disposable {
  readonly packets: readonly PacketTrace[];
  /** Takes the oldest packets out (default: all). */
  take(count?: number): PacketTrace[];
  stop(): void;
}

/** What to tap: nothing given is every device of every namespace. */
export interface CaptureOptions {
  readonly namespace?: string;
  /** By name; without `namespace` one of the machine's own, or 'pod1/eth0'. */
  readonly device?: string;
  /** 'in': what comes up from the device, before tc. 'out': what goes down to it, after tc. */
  readonly direction?: 'in' | 'out' | 'both';
}

export interface CapturedPacket {
  readonly data: Uint8Array;
  /** Nanoseconds of the machine's clock. */
  readonly time: bigint;
  readonly namespace: string;
  readonly device: string;
  readonly direction: 'in' | 'out';
}

/** A tap. `packets` is what `writeCapture` of this package takes. */
export interface NetworkCapture extends Disposable {
  readonly packets: CapturedPacket[];
  stop(): void;
}

/** A packet for someone in the namespace that was delivered. */
export interface Datagram {
  readonly protocol: 'udp' | 'tcp' | 'icmp' | `${number}`;
  readonly from: string;
  readonly to: string;
  /** 0 where the protocol has no ports. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** What stands behind the header of UDP; all behind the IP header for other protocols. */
  readonly payload: Uint8Array;
  /** The frame as it came. */
  readonly packet: Uint8Array;
  /** Mark the packet came with. */
  readonly mark: number;
}

export interface ListenOptions {
  /** Default: every protocol. */
  readonly protocol?: Datagram['protocol'];
  /** Default: every port. */
  readonly port?: number;
}

/** What to send: bytes of UDP, of another protocol, or a whole frame. */
export interface SendOptions {
  readonly to: string;
  /** Default: what the route says. */
  readonly from?: string;
  /** A word or a number of IANA. Default udp. */
  readonly protocol?: Datagram['protocol'] | number;
  readonly sourcePort?: number;
  readonly port?: number;
  /** Text or bytes. Default: nothing. */
  readonly payload?: Uint8Array | string;
  /** Default 64. */
  readonly ttl?: number;
  readonly mark?: number;
  /** IPv4: may not be cut to pieces. Default true, as for TCP. */
  readonly dontFragment?: boolean;
}

/** A device in a namespace. */
export interface NamespaceDevice extends KernelDevice {
  readonly kind: 'loopback' | 'physical' | 'veth' | 'netkit' | 'nic' | 'vf' | 'representor';
  /** Name of its namespace; '' is the machine's own. */
  readonly namespace: string;
  readonly mtu: number;
  /** 6 bytes. */
  readonly address: Uint8Array;
  readonly statistics: Readonly<DeviceStatistics>;
  /** `ip link set up/down`. */
  up: boolean;
  /** The tcx programs of a direction. */
  query(direction: 'ingress' | 'egress'): AttachedPrograms;
  /** Takes a tcx program off that no link holds (BPF_PROG_DETACH). Throws KernelError. */
  detach(direction: 'ingress' | 'egress', options?: DetachOptions): void;
  /** Receive queues. */
  readonly queues: number;
}

/** A network namespace: devices, numbers, addresses, routes and neighbours of its own. */
export interface KernelNamespace {
  /** '' for the machine's own. */
  readonly name: string;
  /** As SO_NETNS_COOKIE: 1 for the machine's own. */
  readonly cookie: number;
  /** Throws KernelError ENODEV. */
  device(name: string): NamespaceDevice;
  /** Handles for the sockets that are bound or connected: of a resumed machine, say. */
  openSockets(): KernelSocket[];
  readonly deviceNames: readonly string[];
  /** Sends a packet of this namespace and does all that follows. Throws KernelError ENETUNREACH. */
  send(packet: SendOptions): void;
  /** What comes for this namespace; the listener's answer (for UDP) goes back. */
  listen(options: ListenOptions, receiver: Listener): Disposable;
  /**
   * A socket of this namespace. Throws KernelError EADDRINUSE, EADDRNOTAVAIL, EINVAL.
   *
   * @example
   * const server = ns.socket({ type: 'tcp', port: 80 }).listen();
   * const client = ns.connect({ type: 'tcp', to: { address: '127.0.0.1', port: 80 } });
   * client.send('hello'); server.accept()!.receive();
   */
  socket(options: SocketOptions): KernelSocket;
  /** socket() and connect() in one. Throws KernelError ECONNREFUSED, ENETUNREACH. */
  connect(options: SocketOptions & { readonly to: SocketAddress }): KernelSocket;
  /** Throws KernelError EINVAL, ENODEV, ENETUNREACH. */
  addRoute(route: RouteOptions): void;
  addNeighbour(neighbour: NeighbourOptions): void;
}

/** Gets a datagram; bytes or text it returns go back to the sender (UDP only). */
export type Listener = (datagram: Datagram) => Uint8Array | string | undefined | void;

/** The network of a machine. */
export interface KernelNetwork {
  /** Throws KernelError ENOENT. '' is the machine's own. */
  namespace(name: string): KernelNamespace;
  readonly namespaceNames: readonly string[];
  /** Throws KernelError EEXIST. */
  addNamespace(name: string, options?: NamespaceOptions): KernelNamespace;
  /** The device goes, and a pair's other end; links lose their place. Throws KernelError ENODEV. */
  removeDevice(path: string): void;
  /** Its devices go with it, and the other ends of its pairs. Throws KernelError ENOENT, EBUSY. */
  removeNamespace(name: string): void;
  /** The SR-IOV card whose PF is this device. Throws KernelError: ENODEV, EOPNOTSUPP. */
  nic(device: string): KernelNic;
  /** Follows every packet from now on. Costs nothing while none is on. */
  trace(options?: TraceOptions): NetworkTrace;
  /** Keeps a copy of every packet at a place. */
  capture(options?: CaptureOptions): NetworkCapture;
  /** Lets virtual time pass, in nanoseconds: neighbours that do not answer are given up. */
  advance(nanoseconds: number): void;
}
