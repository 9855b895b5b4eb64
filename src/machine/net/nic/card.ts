import { KernelError } from '../../../base/index.ts';
import type {
  CardEvent,
  CardPath,
  EswitchMode,
  FlowRule,
  FlowRuleOptions,
  KernelNic,
} from '../../../kernel/index.ts';
import type { Device } from '../device.ts';
import type { PfDevice, RepresentorDevice } from '../devices/nic.ts';
import { hardwareAddress } from '../ip/text.ts';
import { Packet } from '../stack/packet.ts';
import type { Stack } from '../stack/stack.ts';
import type { Thaw } from '../../objects/kept.ts';
import { FlowTable, type OffloadedRule } from './flows.ts';
import type { VirtualFunction } from './function.ts';
import { describeLink, describePorts, queueCounters } from './show.ts';
import { tagged, untagged, vlanOf } from './tag.ts';

/** Makes and removes the representors of a card: the topology's part of a change of mode. */
export interface Representors {
  make(card: Card, vf: VirtualFunction): RepresentorDevice;
  remove(device: RepresentorDevice): void;
}

export type CardParts = Card['parts'];

/** Where the switch got a frame. */
type Source = VirtualFunction | 'pf' | 'wire';
type Sink = (packet: Packet) => void;

/** A card: functions, and the switch between them and the wire (the hardware, not a driver). */
export class Card implements KernelNic {
  readonly pf: PfDevice;
  readonly pci: string;
  /** Which PF of the machine, as in 'pf0vf1'. */
  readonly number: number;
  readonly vfs: VirtualFunction[] = [];
  readonly table = new FlowTable();
  /** Frames from the wire that no function of the legacy switch wanted. */
  filtered = 0;
  readonly #representors: Representors;
  readonly #observers = new Set<(event: CardEvent) => void>();
  #mode: EswitchMode = 'legacy';

  constructor(pf: PfDevice, number: number, pci: string, representors: Representors) {
    this.pf = pf;
    this.number = number;
    this.pci = pci;
    this.#representors = representors;
    pf.card = this;
  }

  get name(): string {
    return this.pf.path;
  }

  /** As it was saved: representors are there. */
  resumeMode(mode: EswitchMode): void {
    this.#mode = mode;
  }

  get eswitch(): EswitchMode {
    return this.#mode;
  }

  get rules(): readonly FlowRule[] {
    return this.table.rules;
  }

  get #stack(): Stack {
    return this.pf.net.stack;
  }

  setEswitch(mode: EswitchMode): void {
    if (mode !== 'legacy' && mode !== 'switchdev') {
      throw new KernelError('EINVAL', 22, `no mode '${mode}' of a switch: legacy, switchdev`);
    }
    if (mode === this.#mode) return;
    this.table.clear();
    this.#dropRepresentors();
    if (mode === 'switchdev') this.#makeRepresentors();
    this.#mode = mode;
    for (const vf of this.vfs) vf.toDefaults();
  }

  /** All or none: a name may be taken. */
  #makeRepresentors(): void {
    try {
      for (const vf of this.vfs) vf.speaker = this.#representors.make(this, vf);
    } catch (error) {
      this.#dropRepresentors();
      throw error;
    }
  }

  #dropRepresentors(): void {
    for (const vf of this.vfs) {
      if (vf.speaker) this.#representors.remove(vf.speaker);
      vf.speaker = undefined;
    }
  }

  /** The card is taken out: the devices that go with it. */
  release(): Device[] {
    this.#dropRepresentors();
    return this.vfs.splice(0).map(({ port }) => port);
  }

  addRule(options: FlowRuleOptions): FlowRule {
    if (this.#mode === 'legacy') {
      throw new KernelError('EOPNOTSUPP', 95, `${this.name} is in legacy mode: it takes no rules`);
    }
    this.#portNamed(options.dev);
    for (const action of options.actions) {
      if ('redirect' in action) this.#portNamed(action.redirect);
      if ('mirror' in action) this.#portNamed(action.mirror);
    }
    return this.table.add(options);
  }

  #portNamed(dev: string): VirtualFunction | 'wire' {
    if (dev === this.name) return 'wire';
    const vf = this.vfs.find(({ representor }) => representor === dev);
    if (vf) return vf;
    throw new KernelError('ENODEV', 19, `'${dev}' stands for no port of ${this.name}`);
  }

  link(): Record<string, unknown> {
    return describeLink(this);
  }

  ports(): Record<string, unknown> {
    return describePorts(this);
  }

  ethtool(vf?: number): Record<string, number> {
    if (vf === undefined) return queueCounters(this.pf, { rx_filtered: this.filtered });
    const found = this.vfs[vf];
    if (found) return queueCounters(found.port);
    throw new KernelError('EINVAL', 22, `${this.name} has no vf ${vf}`);
  }

  observe(listener: (event: CardEvent) => void): Disposable {
    this.#observers.add(listener);
    return { [Symbol.dispose]: () => void this.#observers.delete(listener) };
  }

  #tell(vf: VirtualFunction, direction: 'tx' | 'rx', path: CardPath, data: Uint8Array): void {
    for (const tell of this.#observers) tell({ vf: vf.index, direction, path, data });
  }

  /** Legacy: as the host says, or as the PF. Switchdev: as the representor. */
  linkUp({ linkState, speaker }: VirtualFunction): boolean {
    if (linkState !== 'auto') return linkState === 'enable';
    return speaker ? speaker.up : this.pf.up;
  }

  /** A virtual function sends. */
  fromFunction(vf: VirtualFunction, packet: Packet): void {
    const refusal = this.#refusal(vf, packet.data);
    if (refusal !== undefined) return this.#refuse(vf, packet, refusal);
    const stack = this.#stack;
    packet.owned = false;
    const taken = vf.pacer.send(stack.events, Number(stack.now), packet, this.#sends(vf));
    if (!taken) this.#refuse(vf, packet, 'the ring is full: over its rate');
  }

  #sends(vf: VirtualFunction): (packet: Packet) => void {
    return (packet) => this.#stack.perform(() => this.#fromFunction(vf, packet));
  }

  /** What is kept in a file of the card beside its devices. */
  get parts() {
    return {
      filtered: this.filtered,
      rules: this.table.rules.map(({ options, packets, bytes }) => ({ options, packets, bytes })),
      vfs: this.vfs.map((vf) => ({ ...vf.parts, pacer: vf.pacer.parts })),
    };
  }

  resume({ filtered, rules, vfs }: CardParts, thaw: Thaw): void {
    this.filtered = filtered;
    for (const { options, packets, bytes } of rules) {
      Object.assign(this.table.add(options), { packets, bytes });
    }
    for (const [i, { pacer, ...parts }] of vfs.entries()) {
      const vf = this.vfs[i]!;
      vf.resume(parts);
      vf.pacer.resume(pacer, thaw, this.#sends(vf));
    }
  }

  #refusal(vf: VirtualFunction, data: Uint8Array): string | undefined {
    if (!this.linkUp(vf)) return 'the link is down';
    if (this.#mode === 'switchdev') return undefined;
    const vlan = vlanOf(data);
    if (vf.vlan !== 0 && vlan !== 0) return 'a tag of its own, in a VLAN of the host';
    if (!vf.spoofchk) return undefined;
    const own = vf.port.address.every((byte, i) => data[6 + i] === byte);
    if (!own) return 'spoofed source address';
    return vf.vlan === 0 && !vf.member(vlan) ? `spoofed VLAN ${vlan}` : undefined;
  }

  #refuse(vf: VirtualFunction, packet: Packet, why: string): void {
    vf.statistics.tx_dropped++;
    this.#stack.lose(packet, 'NOT_SPECIFIED', `vf ${vf.index}: ${why}`);
  }

  #fromFunction(vf: VirtualFunction, packet: Packet): void {
    const { data } = packet;
    const { statistics } = vf;
    statistics.tx_packets++;
    statistics.tx_bytes += data.length;
    if (this.#mode === 'switchdev') return this.#toRules(vf, packet);
    this.#tell(vf, 'tx', 'embedded', data);
    const frame = vf.vlan === 0 ? data : tagged(data, vf.vlan, vf.qos);
    this.#bridge(vf, packet, frame);
  }

  /** The PF's driver sends. */
  fromHost(packet: Packet): void {
    if (this.#mode === 'switchdev') this.#toWire(packet, packet.data);
    else if (this.#bridge('pf', packet, packet.data)) this.#toPf(packet, packet.data);
  }

  /** A frame comes in from the wire; true if the PF gets it. */
  fromWire(data: Uint8Array): boolean {
    const packet = new Packet(data, this.pf);
    packet.from = this.name;
    const rule = this.#mode === 'switchdev' ? this.table.find(this.name, data) : undefined;
    if (this.#mode === 'switchdev' && (!rule || traps(rule))) {
      if (rule) count(rule, data);
      return true;
    }
    const { tracer } = this.#stack;
    if (tracer.on) {
      tracer.begin(packet);
      tracer.add(packet, { kind: 'receive', queue: 0, length: data.length });
    }
    if (rule) this.#apply(rule, packet);
    else return this.#bridge('wire', packet, data);
    return false;
  }

  /**
   * The legacy switch: unicast to the function with that address and VLAN, else out; groups to all.
   * True: from the wire for the PF, which its device takes in itself.
   */
  #bridge(from: Source, packet: Packet, frame: Uint8Array): boolean {
    const vlan = vlanOf(frame);
    const group = ((frame[0] ?? 0) & 1) !== 0;
    const owner = group ? undefined : this.#ownerOf(frame, vlan);
    const unknown = !group && owner === undefined;
    const sinks: Sink[] = this.vfs
      .filter((vf) => vf !== from && vf.member(vlan))
      .filter((vf) => group || vf === owner || (unknown && vf.promiscuous))
      .map((vf) => (one) => this.deliver(vf, one, frame, 'embedded'));
    const toPf = from !== 'pf' && (group || owner === 'pf' || (unknown && this.pf.promisc));
    if (toPf && from !== 'wire') sinks.push((one) => this.#toPf(one, frame));
    if (from !== 'wire' && (group || unknown)) sinks.push((one) => this.#toWire(one, frame));
    if (sinks.length === 0 && !(toPf && from === 'wire')) this.#nobody(from, packet);
    this.#toAll(packet, sinks);
    return toPf && from === 'wire';
  }

  #ownerOf(frame: Uint8Array, vlan: number): Source | undefined {
    const isFor = ({ address }: Device) => address.every((byte, i) => frame[i] === byte);
    return (
      this.vfs.find((vf) => vf.member(vlan) && isFor(vf.port)) ??
      (isFor(this.pf) ? 'pf' : undefined)
    );
  }

  #nobody(from: Source, packet: Packet): void {
    if (from === 'wire') this.filtered++;
    this.#stack.lose(packet, 'NOT_SPECIFIED', 'no function has this address and VLAN');
  }

  /** Copies for all but the last, who gets the frame itself. */
  #toAll(packet: Packet, sinks: readonly Sink[]): void {
    const last = sinks.length - 1;
    sinks.forEach((sink, i) => {
      sink(i === last ? packet : this.#stack.redirects.cloneFor(packet, packet.device));
    });
  }

  /** Switchdev: a rule of the card, else the representor. */
  #toRules(vf: VirtualFunction, packet: Packet): void {
    const { data } = packet;
    const { speaker } = vf;
    // The card was taken out while the frame waited for its rate.
    if (!speaker) return this.#stack.lose(packet, 'DEV_READY', `${this.name} is gone`);
    const rule = this.table.find(speaker.path, data);
    if (rule && !traps(rule)) {
      this.#tell(vf, 'tx', 'offload', data);
      return this.#apply(rule, packet);
    }
    if (rule) count(rule, data);
    this.#tell(vf, 'tx', 'slow', data);
    const { statistics } = speaker;
    this.#trace(packet, speaker, 'slow');
    statistics.rx_packets++;
    statistics.rx_bytes += data.length;
    this.#stack.poll(this.#arriving(packet, data, speaker), speaker);
  }

  #apply(rule: OffloadedRule, packet: Packet): void {
    let frame = packet.data;
    count(rule, frame);
    for (const action of rule.options.actions) {
      if ('mirror' in action) {
        this.#toPort(action.mirror, this.#stack.redirects.cloneFor(packet, packet.device), frame);
      } else if ('redirect' in action) this.#toPort(action.redirect, packet, frame);
      else if ('drop' in action) this.#stack.lose(packet, 'NOT_SPECIFIED', 'a rule in the card');
      else frame = changed(frame, action as FrameChange);
    }
  }

  #toPort(dev: string, packet: Packet, frame: Uint8Array): void {
    const port = this.#portNamed(dev);
    if (port === 'wire') this.#toWire(packet, frame);
    else this.deliver(port, packet, frame, 'offload');
  }

  /** A virtual function gets a frame. */
  deliver(vf: VirtualFunction, packet: Packet, frame: Uint8Array, path: CardPath): void {
    const { port, statistics } = vf;
    const data = vf.vlan === 0 ? frame : untagged(frame);
    const present = port.net.byIndex.get(port.ifindex) === port;
    if (!present || !port.up || !this.linkUp(vf) || data.length > port.frameLimit) {
      statistics.rx_dropped++;
      return this.#stack.lose(packet, 'DEV_READY', `vf ${vf.index} does not take it`);
    }
    this.#trace(packet, port, path);
    statistics.rx_packets++;
    statistics.rx_bytes += data.length;
    if (isBroadcast(data)) statistics.broadcast++;
    else if ((data[0]! & 1) !== 0) statistics.multicast++;
    this.#tell(vf, 'rx', path, data);
    const arriving = this.#arriving(packet, data, port);
    port.countReceived(arriving);
    this.#stack.poll(arriving, port);
  }

  #toPf(packet: Packet, frame: Uint8Array): void {
    this.#trace(packet, this.pf, 'embedded');
    const arriving = this.#arriving(packet, frame, this.pf);
    this.pf.countReceived(arriving);
    this.#stack.poll(arriving, this.pf);
  }

  #toWire(packet: Packet, data: Uint8Array): void {
    packet.owned = false;
    this.pf.sent.push({ data, from: packet.from });
    if (packet.trail) this.#stack.tracer.add(packet, { kind: 'wire' }, this.pf);
  }

  #trace(packet: Packet, to: Device, path: CardPath): void {
    if (packet.trail) this.#stack.tracer.add(packet, { kind: 'eswitch', to: to.path, path });
  }

  /** The frame as a driver finds it: nothing of the sender's kernel goes along but its trail. */
  #arriving(packet: Packet, data: Uint8Array, device: Device): Packet {
    const made = new Packet(data, device);
    made.trail = packet.trail;
    made.visits = packet.visits;
    made.from = packet.device.name;
    made.queue = device.queueOf(data);
    return made;
  }
}

type FrameChange = Extract<
  FlowRuleOptions['actions'][number],
  { readonly vlan: string } | { readonly pedit: object }
>;

function changed(frame: Uint8Array, action: FrameChange): Uint8Array {
  if ('pedit' in action) return withAddresses(frame, action.pedit);
  if (action.vlan === 'pop') return untagged(frame);
  return tagged(frame, action.id, action.priority ?? 0);
}

function withAddresses(
  frame: Uint8Array,
  { src_mac, dst_mac }: { readonly src_mac?: string; readonly dst_mac?: string },
): Uint8Array {
  const copy = frame.slice();
  if (dst_mac !== undefined) copy.set(hardwareAddress(dst_mac, 'pedit'), 0);
  if (src_mac !== undefined) copy.set(hardwareAddress(src_mac, 'pedit'), 6);
  return copy;
}

const traps = ({ options }: OffloadedRule) => options.actions.some((one) => 'trap' in one);

function count(rule: OffloadedRule, { length }: Uint8Array): void {
  rule.packets++;
  rule.bytes += length;
}

function isBroadcast(data: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (data[i] !== 0xff) return false;
  return true;
}
