import type { NetkitOptions, NetkitPolicy, PacketHookName } from '../../../kernel/index.ts';
import { AttachPoint } from '../attach-point.ts';
import { type Device, noAddress, numberedAddress } from '../device.ts';
import type { NetNamespace } from '../namespace.ts';
import { ETHERNET_HEADER } from '../packets.ts';
import { type Packet, packetTypeFor } from '../stack/packet.ts';
import type { Outcome } from '../stack/runner.ts';
import { PairDevice } from './pair.ts';

const MTU = 1500;

/** What one end of a netkit pair is told when it is made. */
export interface NetkitEnd extends Omit<NetkitOptions, 'kind' | 'peer'> {
  readonly primary: boolean;
}

/** An end of a netkit pair (drivers/net/netkit.c): sending runs programs, the other receives. */
export class NetkitDevice extends PairDevice {
  readonly kind = 'netkit';
  readonly mode: 'l2' | 'l3';
  readonly policy: NetkitPolicy;
  readonly scrubs: boolean;
  readonly primary: boolean;
  override readonly noArp: boolean;
  /** The programs that run when this end sends. */
  readonly active: AttachPoint;

  constructor(net: NetNamespace, name: string, ifindex: number, options: NetkitEnd) {
    const mode = options.mode ?? 'l3';
    const address = mode === 'l2' ? numberedAddress : noAddress;
    super(net, name, ifindex, options, { mtu: MTU, address });
    this.mode = mode;
    this.noArp = mode === 'l3';
    this.policy = options.policy ?? 'pass';
    this.scrubs = options.scrub !== 'none';
    this.primary = options.primary;
    this.active = new AttachPoint(`${name} has a netkit program`);
  }

  /** Both ends' programs are attached through the primary. */
  override hook(name: PacketHookName): AttachPoint | undefined {
    if (!this.primary) return undefined;
    if (name === 'netkit/primary') return this.active;
    return name === 'netkit/peer' ? (this.peer as NetkitDevice | undefined)?.active : undefined;
  }

  xmit(packet: Packet): void {
    const { peer } = this;
    const { stack } = this.net;
    if (!peer?.up || packet.data.length < ETHERNET_HEADER) {
      const why = peer ? `${peer.path} is down` : 'the other end is gone';
      return stack.dropSent(packet, this, 'NOT_SPECIFIED', why);
    }
    this.#prepare(packet, peer);
    packet.device = peer;
    const hook = this.primary ? 'netkit/primary' : 'netkit/peer';
    const outcome = stack.runPrograms(packet, this.active.programs, hook);
    this.#decide(packet, peer, outcome);
  }

  /** netkit_prep_forward, and the packet is the peer's. */
  #prepare(packet: Packet, peer: Device): void {
    const crosses = this.net !== peer.net;
    if (packet.trail) this.traceCrossing(packet, peer);
    packet.scrub(false);
    if (crosses) {
      packet.clearTimestamp();
      if (this.scrubs) {
        packet.mark = 0;
        packet.priority = 0;
      }
    }
    packet.type = packetTypeFor(packet.data, peer.address);
  }

  /** `outcome`: of the last program; none ran: the policy decides, as with 'next' of the last. */
  #decide(packet: Packet, peer: Device, outcome: Outcome | undefined): void {
    const { stack } = this.net;
    const name = outcome ? outcome.verdict.name : this.policy;
    if (name === 'pass' || name === 'next') {
      this.countCrossing(packet.data.length, peer);
      stack.backlog(packet, peer);
    } else if (name === 'redirect') {
      this.statistics.tx_packets++;
      this.statistics.tx_bytes += packet.data.length;
      stack.redirects.redirect(packet, outcome!.redirect!);
    } else {
      const why = outcome ? `netkit verdict ${name}` : 'netkit policy';
      stack.dropSent(packet, this, 'NOT_SPECIFIED', why);
    }
  }
}
