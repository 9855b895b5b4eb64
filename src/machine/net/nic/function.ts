import { KernelError } from '../../../base/index.ts';
import type { EswitchMode, KernelVf, VfOptions, VfStatistics } from '../../../kernel/index.ts';
import type { RepresentorDevice, VfDevice } from '../devices/nic.ts';
import { Pacer } from './pacer.ts';

type Settings = Parameters<KernelVf['set']>[0];

const VLAN_MAX = 4094;
const RATE_MAX = 1_000_000;

/** A virtual function as the card knows it: settings of the host, counts of the hardware. */
export class VirtualFunction implements KernelVf {
  readonly index: number;
  readonly port: VfDevice;
  readonly pacer = new Pacer();
  readonly statistics: VfStatistics = {
    rx_packets: 0,
    tx_packets: 0,
    rx_bytes: 0,
    tx_bytes: 0,
    broadcast: 0,
    multicast: 0,
    rx_dropped: 0,
    tx_dropped: 0,
  };
  readonly #mode: () => EswitchMode;
  speaker: RepresentorDevice | undefined;
  vlan = 0;
  qos = 0;
  vlans: readonly number[] = [];
  spoofchk = true;
  trust = false;
  linkState: 'auto' | 'enable' | 'disable' = 'auto';

  constructor(index: number, port: VfDevice, mode: () => EswitchMode) {
    this.index = index;
    this.port = port;
    this.#mode = mode;
  }

  /** What it was made with. */
  configure(options: VfOptions): void {
    this.set(settingsOf(options));
  }

  /** What is kept in a file. */
  get parts() {
    const { statistics, vlan, qos, vlans, spoofchk, trust, linkState } = this;
    return { statistics, vlan, qos, vlans, spoofchk, trust, linkState };
  }

  resume({ statistics, ...settings }: VirtualFunction['parts']): void {
    Object.assign(this.statistics, statistics);
    Object.assign(this, settings);
  }

  get device(): string {
    return this.port.path;
  }

  get representor(): string | undefined {
    return this.speaker?.path;
  }

  set(options: Settings): void {
    this.#check(options);
    const { vlan, qos, vlans, spoofchk, trust, maxTxRate, linkState } = options;
    this.vlan = vlan ?? this.vlan;
    this.qos = qos ?? this.qos;
    this.vlans = vlans ?? this.vlans;
    this.spoofchk = spoofchk ?? this.spoofchk;
    this.trust = trust ?? this.trust;
    this.linkState = linkState ?? this.linkState;
    this.pacer.rate = maxTxRate ?? this.pacer.rate;
  }

  /** What the legacy switch was told is gone with its mode. */
  toDefaults(): void {
    this.vlan = 0;
    this.qos = 0;
    this.vlans = [];
    this.spoofchk = true;
    this.trust = false;
  }

  #check({ vlan = 0, qos = 0, vlans = [], maxTxRate = 0, ...rest }: Settings): void {
    const legacy = vlan !== 0 || qos !== 0 || vlans.length > 0 || rest.trust || rest.spoofchk;
    if (legacy && this.#mode() === 'switchdev') {
      const text = `vf ${this.index}: VLAN, spoof check and trust are of the legacy switch`;
      throw new KernelError('EOPNOTSUPP', 95, text);
    }
    const ids = [vlan, ...vlans];
    if (!ids.every((id) => within(id, VLAN_MAX)) || !within(qos, 7)) {
      throw this.#invalid(`VLANs are 0 to ${VLAN_MAX}, priorities 0 to 7`);
    }
    if (!within(maxTxRate, RATE_MAX)) throw this.#invalid(`a rate is 0 to ${RATE_MAX} Mbit/s`);
    const states = ['auto', 'enable', 'disable', undefined];
    if (!states.includes(rest.linkState)) throw this.#invalid(`no link state ${rest.linkState}`);
  }

  #invalid(text: string): KernelError {
    return new KernelError('EINVAL', 22, `vf ${this.index}: ${text}`);
  }

  /** It sees frames of this VLAN (0: without a tag). */
  member(vlan: number): boolean {
    if (this.vlan !== 0) return vlan === this.vlan;
    return vlan === 0 || this.vlans.includes(vlan);
  }

  /** The switch need not ask who a frame is for. */
  get promiscuous(): boolean {
    return this.trust && this.port.promisc;
  }
}

function settingsOf(options: VfOptions): Settings {
  const { vlan, qos, vlans, spoofchk, trust, maxTxRate, linkState } = options;
  return {
    ...(vlan === undefined ? {} : { vlan }),
    ...(qos === undefined ? {} : { qos }),
    ...(vlans === undefined ? {} : { vlans }),
    ...(spoofchk === undefined ? {} : { spoofchk }),
    ...(trust === undefined ? {} : { trust }),
    ...(maxTxRate === undefined ? {} : { maxTxRate }),
    ...(linkState === undefined ? {} : { linkState }),
  };
}

const within = (value: number, most: number) =>
  Number.isInteger(value) && value >= 0 && value <= most;
