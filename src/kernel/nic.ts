/** The contract of a simulated SR-IOV card: its functions, its switch, its counters. Types only. */
import type { DeviceOptions } from './net.ts';

/** How the card's embedded switch forwards (`devlink dev eswitch`). */
export type EswitchMode = 'legacy' | 'switchdev';

/** A virtual function, and what `ip link set PF vf N` says of it. */
export interface VfOptions extends DeviceOptions {
  /** Its device. Default: 'eth0' in a namespace, else the PF's name with 'v' and its number. */
  readonly name?: string;
  /** Namespace it is passed to, as to a virtual machine. Default: the machine's own. */
  readonly namespace?: string;
  /** Default 1. */
  readonly queues?: number;
  /** Legacy: its frames carry this VLAN on the wire, the function knows nothing of it. */
  readonly vlan?: number;
  /** Legacy: priority in the tag, 0 to 7. */
  readonly qos?: number;
  /** Legacy: tags the function may use itself, where it has no `vlan`. */
  readonly vlans?: readonly number[];
  /** Legacy: only its own source address and VLANs leave it. Default true. */
  readonly spoofchk?: boolean;
  /** Legacy: it may be promiscuous (`promisc`). Default false. */
  readonly trust?: boolean;
  /** Mbit/s of frames it sends, without what Ethernet adds on the wire; 0: no limit. */
  readonly maxTxRate?: number;
  readonly linkState?: 'auto' | 'enable' | 'disable';
  /** Switchdev: name of its representor. Default 'pf0vf0'. */
  readonly representor?: string;
}

/** A card with SR-IOV: the device is its PF, and in switchdev mode the uplink's representor. */
export interface NicOptions extends DeviceOptions {
  readonly kind: 'nic';
  /** Default legacy. */
  readonly eswitch?: EswitchMode;
  /** Its virtual functions, or how many. */
  readonly vfs?: number | readonly VfOptions[];
  readonly queues?: number;
  /** Its place, for devlink. Default '0000:03:00.0', then :04: and so on. */
  readonly pci?: string;
}

/** Counts of a function in the card (struct ifla_vf_stats), of frames as the function sees them. */
export interface VfStatistics {
  rx_packets: number;
  tx_packets: number;
  rx_bytes: number;
  tx_bytes: number;
  /** Received. */
  broadcast: number;
  multicast: number;
  rx_dropped: number;
  tx_dropped: number;
}

/**
 * What a rule looks for, by the names of tc-flower(8). What is not given matches everything; an
 * address takes a prefix length. Ports match TCP, UDP and SCTP only.
 */
export interface FlowMatch {
  readonly src_mac?: string;
  readonly dst_mac?: string;
  /** 0: no tag. */
  readonly vlan_id?: number;
  /** EtherType behind the tag. */
  readonly eth_type?: number | 'ipv4' | 'ipv6' | 'arp';
  readonly ip_proto?: number | 'tcp' | 'udp' | 'icmp' | 'icmpv6' | 'sctp';
  readonly src_ip?: string;
  readonly dst_ip?: string;
  readonly src_port?: number;
  readonly dst_port?: number;
}

/** One thing a rule does, in the order given; a rule ends with redirect, drop or trap. */
export type FlowAction =
  /** To the function, or the wire, that a representor (or the PF) stands for. */
  | { readonly redirect: string }
  /** A copy goes there too. */
  | { readonly mirror: string }
  | { readonly drop: true }
  /** Up to the representor, as without a rule. */
  | { readonly trap: true }
  | { readonly vlan: 'pop' }
  | { readonly vlan: 'push'; readonly id: number; readonly priority?: number }
  /** Other hardware addresses. */
  | { readonly pedit: { readonly src_mac?: string; readonly dst_mac?: string } };

/** A rule for the card: `tc filter add dev DEV ingress prio PRIO flower skip_sw MATCH action …`. */
export interface FlowRuleOptions {
  /** A representor, or the PF's device for what comes from the wire. */
  readonly dev: string;
  /** Lower ones are looked at first; of one priority in the order they were made. Default 1. */
  readonly prio?: number;
  readonly match?: FlowMatch;
  readonly actions: readonly FlowAction[];
}

/** A rule in the card. */
export interface FlowRule extends Disposable {
  readonly options: FlowRuleOptions;
  /** What it matched. */
  readonly packets: number;
  readonly bytes: number;
  remove(): void;
}

/**
 * Which way a frame took: 'embedded': the legacy switch; 'offload': a rule in the card; 'slow': the
 * host's representors.
 */
export type CardPath = 'embedded' | 'offload' | 'slow';

/** A frame that a function sent or got: what is true, whoever looks. */
export interface CardEvent {
  readonly vf: number;
  readonly direction: 'tx' | 'rx';
  readonly path: CardPath;
  /** As the function sees it. */
  readonly data: Uint8Array;
}

/** A virtual function. */
export interface KernelVf {
  readonly index: number;
  /** Path of its device: 'vm0/eth0'. */
  readonly device: string;
  /** Path of its representor, in switchdev mode. */
  readonly representor: string | undefined;
  /** Read out of the card (ndo_get_vf_stats). */
  readonly statistics: Readonly<VfStatistics>;
  /**
   * `ip link set PF vf N …`. Throws KernelError: EINVAL; EOPNOTSUPP in switchdev mode for all but
   * the rate and the link's state.
   */
  set(
    options: Pick<
      VfOptions,
      'vlan' | 'qos' | 'vlans' | 'spoofchk' | 'trust' | 'maxTxRate' | 'linkState'
    >,
  ): void;
}

/** A card. */
export interface KernelNic {
  readonly name: string;
  readonly pci: string;
  readonly eswitch: EswitchMode;
  readonly vfs: readonly KernelVf[];
  /** In the order they are looked at. */
  readonly rules: readonly FlowRule[];
  /**
   * `devlink dev eswitch set mode`: rules, VLANs, trust and representors of before are gone. Throws
   * KernelError: EINVAL, EEXIST for the name of a representor.
   */
  setEswitch(mode: EswitchMode): void;
  /** Throws KernelError: EOPNOTSUPP in legacy mode or for actions no card does, EINVAL, ENODEV. */
  addRule(options: FlowRuleOptions): FlowRule;
  /** One entry of `ip -s -j link show` with its vfinfo_list, by its names. */
  link(): Record<string, unknown>;
  /** As `devlink -j port show` lists them. */
  ports(): Record<string, unknown>;
  /** As `ethtool -S` names them, of the PF or a function: rx_queue_0_packets, … */
  ethtool(vf?: number): Record<string, number>;
  /** Is told of every frame of the functions, when the card has moved it. */
  observe(listener: (event: CardEvent) => void): Disposable;
}
