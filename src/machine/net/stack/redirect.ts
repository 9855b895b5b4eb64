import { constants } from '../../../abi/index.ts';
import {
  REDIRECT_IFINDEX,
  REDIRECT_MAP,
  REDIRECT_NEIGH,
  REDIRECT_PEER,
} from '../../../runtime/layout.ts';
import type { Device } from '../device.ts';
import type { NetNamespace } from '../namespace.ts';
import { type Packet, packetTypeFor } from './packet.ts';
import type { RedirectRecord } from './runner.ts';
import type { Stack } from './stack.ts';
import { targetAt } from './map-targets.ts';

const HELPERS: Readonly<Record<number, string>> = {
  [REDIRECT_IFINDEX]: 'bpf_redirect',
  [REDIRECT_PEER]: 'bpf_redirect_peer',
  [REDIRECT_NEIGH]: 'bpf_redirect_neigh',
};

/** skb_do_redirect (net/core/filter.c): packets go where tc and netkit programs sent them. */
export class Redirects {
  readonly #stack: Stack;
  /** Devices in maps are those of this namespace. */
  home!: NetNamespace;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  /** Follows a redirect; 'another round': the packet now comes in at its device. */
  redirect(packet: Packet, record: RedirectRecord): 'done' | 'another round' {
    const { net } = packet.device;
    const { report } = packet;
    if (report) report.target = this.words(record, net);
    packet.report = undefined;
    const target = net.byIndex.get(record.index);
    if (!target) {
      this.#stack.drop(packet, 'NOT_SPECIFIED', this.words(record, net));
      return 'done';
    }
    const ingress = (record.flags & constants.BPF_F_INGRESS) !== 0;
    if (packet.trail) {
      const by = HELPERS[record.kind]!;
      this.#stack.tracer.add(packet, { kind: 'redirect', by, to: target.path, ingress });
    }
    // Bare devices know no neighbours and have no peers: the packet leaves by the device.
    const bare = !net.configured && !target.peer;
    if (record.kind === REDIRECT_PEER && !bare) return this.#toPeer(packet, target);
    if (record.kind === REDIRECT_NEIGH && !bare) {
      this.#stack.nested(packet, () => this.#stack.ip.redirect(packet, target, record.neigh));
      return 'done';
    }
    this.send(packet, target, ingress);
    return 'done';
  }

  /** Into the other end of the target, without a trip through the backlog. */
  #toPeer(packet: Packet, target: Device): 'done' | 'another round' {
    const { peer } = target;
    const refused = peerRefusal(packet, target);
    if (!peer || refused !== undefined) {
      this.#stack.drop(packet, 'NOT_SPECIFIED', refused);
      return 'done';
    }
    if (packet.trail) {
      this.#stack.tracer.add(packet, { kind: 'peer', to: peer.path, crosses: true }, target);
    }
    packet.from = packet.device.name;
    packet.device = peer;
    peer.statistics.rx_packets++;
    peer.statistics.rx_bytes += packet.data.length;
    packet.scrub(false);
    packet.redirected = true;
    return 'another round';
  }

  /** bpf_redirect: out of the device, or with `ingress` into it. */
  send(packet: Packet, target: Device, ingress: boolean, from = packet.device.name): void {
    packet.from = from;
    if (ingress) return this.#into(packet, target);
    packet.redirected = packet.atIngress;
    packet.clearTimestamp();
    this.#stack.nested(packet, () => this.#stack.transmit(packet, target));
  }

  /** dev_forward_skb: as if it came in by that device. */
  #into(packet: Packet, target: Device): void {
    if (!target.up) {
      target.statistics.rx_dropped++;
      return this.#stack.drop(packet, 'NOT_SPECIFIED', `${target.path} is down`);
    }
    packet.scrub(target.net !== packet.device.net);
    packet.priority = 0;
    const bare = !target.net.configured && ((packet.data[0] ?? 0) & 1) === 0;
    packet.type = bare ? 0 : packetTypeFor(packet.data, target.address);
    this.#stack.netifRx(packet, target);
  }

  /** A copy with a trail of its own. */
  cloneFor(packet: Packet, target: Device): Packet {
    const copy = packet.clone();
    const { trail } = packet;
    if (trail) {
      const { tracer } = this.#stack;
      tracer.begin(copy, trail);
      tracer.add(packet, { kind: 'clone', id: copy.trail!.id, to: target.path });
    }
    return copy;
  }

  /** Sends the copies bpf_clone_redirect made while the program ran, in their order. */
  sendClones(packet: Packet): void {
    const { runner } = this.#stack;
    const { clones } = runner;
    runner.clones = [];
    for (const { data, ifindex, flags } of clones) {
      const target = packet.device.net.byIndex.get(ifindex);
      if (!target) continue;
      const copy = this.cloneFor(packet, target);
      copy.data = data;
      copy.owned = true;
      if (copy.trail) {
        const ingress = (flags & constants.BPF_F_INGRESS) !== 0;
        const by = 'bpf_clone_redirect';
        this.#stack.tracer.add(copy, { kind: 'redirect', by, to: target.path, ingress });
      }
      this.send(copy, target, (flags & constants.BPF_F_INGRESS) !== 0, 'bpf_clone_redirect');
    }
  }

  /** Where a redirect leads, for people. */
  words(record: Pick<RedirectRecord, 'kind' | 'index' | 'map'>, net: NetNamespace): string {
    if (record.kind === REDIRECT_MAP) return this.mapTarget(record.index, record.map).text;
    if (HELPERS[record.kind]) {
      return net.byIndex.get(record.index)?.name ?? `ifindex ${record.index}`;
    }
    return 'nowhere (no redirect helper was called)';
  }

  /** Device maps hold interface numbers; of others the slot is named. */
  mapTarget(index: number, address: number): { ifindex: number | undefined; text: string } {
    const map = this.#stack.machine.mapAt(address);
    if (!map) return { ifindex: undefined, text: `slot ${index} of a map` };
    const slot = `${map.spec.name}[${index}]`;
    const isDevice = map.spec.type?.startsWith('devmap') === true;
    const target = isDevice ? targetAt(map, index) : undefined;
    if (!target) return { ifindex: undefined, text: slot };
    const name = this.home.byIndex.get(target.value)?.name ?? `ifindex ${target.value}`;
    return { ifindex: target.value, text: `${name} (${slot})` };
  }
}

function peerRefusal({ atIngress, device }: Packet, target: Device): string | undefined {
  const { peer } = target;
  if (!atIngress) return 'bpf_redirect_peer works at ingress only';
  if (!peer) return `${target.path} has no peer`;
  if (!peer.up) return `${peer.path} is down`;
  return peer.net === device.net ? `${peer.path} is in this namespace too` : undefined;
}
