/** Network devices of a saved machine: what each is made of, and made of that again. */
import { formatMac } from '../../packet/index.ts';
import { FormatError } from '../../base/index.ts';
import type { Device } from './device.ts';
import { LoopbackDevice } from './devices/loopback.ts';
import { NetkitDevice } from './devices/netkit.ts';
import { PfDevice, RepresentorDevice, VfDevice } from './devices/nic.ts';
import { PairDevice } from './devices/pair.ts';
import { PhysicalDevice } from './devices/physical.ts';
import { VethDevice } from './devices/veth.ts';
import type { NetNamespace } from './namespace.ts';
import { cardAround } from './nic/make.ts';

/** What is kept of a device; what hangs on other objects is in `DeviceState`. */
export interface SavedDevice {
  readonly kind: Device['kind'];
  readonly namespace: string;
  readonly name: string;
  readonly ifindex: number;
  readonly options: Readonly<Record<string, unknown>>;
  /** Path of the other end. */
  readonly peer: string | undefined;
  readonly card: SavedCard | undefined;
}

interface SavedCard {
  readonly number: number;
  readonly pci: string;
  readonly eswitch: 'legacy' | 'switchdev';
  /** Paths, in the order of the functions; a device that was taken away has none. */
  readonly vfs: readonly {
    readonly device: string | undefined;
    readonly representor: string | undefined;
  }[];
}

export function deviceParts(device: Device): SavedDevice {
  const { kind, namespace, name, ifindex, peer } = device;
  const { mtu, address, forwarding, promisc, up } = device;
  const options = { mtu, address: formatMac(address), forwarding, promisc, up };
  return {
    kind,
    namespace,
    name,
    ifindex,
    options: { ...options, ...ownOptions(device) },
    peer: peer?.path,
    card: device instanceof PfDevice ? cardParts(device) : undefined,
  };
}

function ownOptions(device: Device): object {
  if (device instanceof NetkitDevice) {
    const { mode, policy, scrubs, primary } = device;
    return { mode, policy, scrub: scrubs ? 'default' : 'none', primary };
  }
  if (device instanceof PhysicalDevice) {
    const { queues, txLatency, metadata } = device;
    return { queues, txLatency, rxMetadata: metadata };
  }
  const hasQueues = device instanceof PfDevice || device instanceof VfDevice;
  return hasQueues ? { queues: device.rxQueues.length } : {};
}

function cardParts({ card }: PfDevice): SavedCard {
  const { number, pci, eswitch } = card;
  const vfs = card.vfs.map(({ port, representor }) => {
    return { device: port.gone ? undefined : port.path, representor };
  });
  return { number, pci, eswitch, vfs };
}

type Options = ConstructorParameters<typeof NetkitDevice>[3] & { readonly queues?: number };
type Make = (net: NetNamespace, name: string, ifindex: number, options: Options) => Device;

const KINDS: Readonly<Partial<Record<Device['kind'], Make>>> = {
  loopback: (...what) => new LoopbackDevice(...what),
  physical: (...what) => new PhysicalDevice(...what),
  veth: (...what) => new VethDevice(...what),
  netkit: (...what) => new NetkitDevice(...what),
  nic: (...what) => new PfDevice(...what),
  vf: (...what) => new VfDevice(...what),
};

/**
 * Makes all devices again, in their order, each in its namespace. Throws FormatError for what makes
 * no sense.
 */
export function remakeDevices(
  saved: readonly SavedDevice[],
  namespace: (name: string) => NetNamespace,
  checkName: (name: string) => void,
): void {
  const made = new Map<string, Device>();
  for (const one of saved) {
    const { kind, name, ifindex, options } = one;
    checkName(name);
    const make = KINDS[kind];
    if (make)
      made.set(pathOf(one), make(namespace(one.namespace), name, ifindex, options as never));
  }
  for (const one of saved) {
    joinPeer(one, made);
    if (one.card) remakeCard(one, one.card, saved, made, checkName);
  }
  for (const one of saved) {
    const device = made.get(pathOf(one)) ?? fail(`nobody makes device ${pathOf(one)}`);
    const { net } = device;
    const taken = net.devices.has(device.name) || net.byIndex.has(device.ifindex);
    if (taken || !Number.isInteger(device.ifindex)) fail(`there are two devices ${device.path}`);
    net.add(device);
  }
}

const pathOf = ({ namespace, name }: SavedDevice) =>
  namespace === '' ? name : `${namespace}/${name}`;

function joinPeer(one: SavedDevice, made: ReadonlyMap<string, Device>): void {
  const end = made.get(pathOf(one));
  const other = one.peer === undefined ? undefined : made.get(one.peer);
  if (end instanceof PairDevice && other instanceof PairDevice && !end.peer) end.join(other);
}

function remakeCard(
  one: SavedDevice,
  saved: SavedCard,
  all: readonly SavedDevice[],
  made: Map<string, Device>,
  checkName: (name: string) => void,
): void {
  const pf = made.get(pathOf(one)) as PfDevice;
  const vfs = saved.vfs.map(({ device, representor }, i) => {
    const found = device === undefined ? lostFunction(pf, i) : made.get(device);
    if (!(found instanceof VfDevice)) return fail(`${device} is no virtual function`);
    return { device: found, representor };
  });
  const card = cardAround(checkName, pf, saved, vfs);
  card.resumeMode(saved.eswitch);
  for (const vf of card.vfs) {
    const path = vfs[vf.index]!.representor;
    const found = path === undefined ? undefined : all.find((other) => pathOf(other) === path);
    if (!found) continue;
    const { name, ifindex, options } = found;
    const mtu = Number(options['mtu']);
    vf.speaker = new RepresentorDevice(pf.net, name, ifindex, { card, vf, mtu });
    vf.speaker.up = options['up'] === true;
    made.set(pathOf(found), vf.speaker);
  }
}

/** A virtual function whose device was taken away. */
function lostFunction({ net }: PfDevice, index: number): VfDevice {
  const device = new VfDevice(net, `vf${index}`, 0, { up: false });
  device.gone = true;
  return device;
}

function fail(reason: string): never {
  throw new FormatError('machine', 0, reason);
}
