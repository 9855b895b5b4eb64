import { KernelError } from '../../base/index.ts';
import type {
  AnyDeviceOptions,
  NamespaceOptions,
  NetkitOptions,
  NicOptions,
  PeerOptions,
  PhysicalOptions,
  VethOptions,
} from '../../kernel/index.ts';
import type { Device } from './device.ts';
import { LoopbackDevice } from './devices/loopback.ts';
import { NetkitDevice } from './devices/netkit.ts';
import { PfDevice } from './devices/nic.ts';
import { PairDevice } from './devices/pair.ts';
import { PhysicalDevice } from './devices/physical.ts';
import { VethDevice } from './devices/veth.ts';
import type { NetNamespace } from './namespace.ts';
import { makeCard } from './nic/make.ts';

/** Where pairs find the namespace of their other end. */
export interface Namespaces {
  namespace(name: string): NetNamespace;
  readonly namespaceNames: readonly string[];
}

/** Names of interfaces are shorter than this (IFNAMSIZ). */
const NAME_MAX = 15;

/**
 * Adds a device with what it is told, and the other end of a pair. Throws KernelError: EEXIST,
 * EBUSY, EINVAL, ENOENT.
 */
export function addDevice(
  all: Namespaces,
  net: NetNamespace,
  name: string,
  options: AnyDeviceOptions,
): Device {
  checkName(name);
  const ifindex = net.numberFor(name, options.ifindex);
  const device = makeDevice(all, net, name, ifindex, options);
  addAddresses(device, options.addresses);
  return device;
}

function makeDevice(
  all: Namespaces,
  net: NetNamespace,
  name: string,
  ifindex: number,
  options: AnyDeviceOptions,
): Device {
  switch (options.kind) {
    case 'veth':
      return makeVeth(all, net, name, ifindex, options);
    case 'netkit':
      return makeNetkit(all, net, name, ifindex, options);
    case 'nic':
      return makeNic(all, net, name, ifindex, options);
    default:
      return added(net, makePlain(net, name, ifindex, options));
  }
}

function makePlain(
  net: NetNamespace,
  name: string,
  ifindex: number,
  options: PhysicalOptions,
): Device {
  if (name === 'lo') return new LoopbackDevice(net, name, ifindex, options);
  return new PhysicalDevice(net, name, ifindex, options);
}

function added<Kind extends Device>(net: NetNamespace, device: Kind): Kind {
  net.add(device);
  return device;
}

function makeVeth(
  all: Namespaces,
  net: NetNamespace,
  name: string,
  ifindex: number,
  options: VethOptions,
): Device {
  const peer = peerOptions(options.peer, 'veth', net);
  const peerNet = all.namespace(peer.namespace ?? '');
  const one = new VethDevice(net, name, ifindex, options);
  return addPair(one, peerNet, peer, (number) => new VethDevice(peerNet, peer.name, number, peer));
}

/** Adds both ends of a pair; `make` makes the other one when its number is known. */
function addPair(
  one: PairDevice,
  peerNet: NetNamespace,
  peer: PeerOptions & { readonly name: string },
  make: (ifindex: number) => PairDevice,
): Device {
  one.net.add(one);
  const other = added(peerNet, make(peerNet.numberFor(peer.name, peer.ifindex)));
  one.join(other);
  finishPeer(other, peer);
  return one;
}

function makeNetkit(
  all: Namespaces,
  net: NetNamespace,
  name: string,
  ifindex: number,
  options: NetkitOptions,
): Device {
  const peer = peerOptions(options.peer, 'nk', net);
  const peerNet = all.namespace(peer.namespace ?? '');
  const { mode = 'l3' } = options;
  if (mode === 'l3' && (options.address !== undefined || peer.address !== undefined)) {
    const text = `${name}: netkit in L3 mode has no hardware addresses`;
    throw new KernelError('EOPNOTSUPP', 95, text);
  }
  const primary = options.primary ?? (net.name === '' || peerNet.name !== '');
  const end = { ...options, mode, primary };
  const otherEnd = { ...peer, mode, primary: !primary };
  const one = new NetkitDevice(net, name, ifindex, end);
  return addPair(
    one,
    peerNet,
    peer,
    (number) => new NetkitDevice(peerNet, peer.name, number, otherEnd),
  );
}

function makeNic(
  all: Namespaces,
  net: NetNamespace,
  name: string,
  ifindex: number,
  options: NicOptions,
): Device {
  const parts = {
    namespace: (space: string) => all.namespace(space),
    checkName,
    addAddresses,
    cards: cardsIn(all),
    added: <Kind extends Device>(device: Kind) => added(device.net, device),
  };
  return makeCard(parts, net, name, ifindex, options);
}

function cardsIn(all: Namespaces): number {
  const devices = all.namespaceNames.flatMap((name) => [...all.namespace(name).devices.values()]);
  return devices.filter((device) => device instanceof PfDevice).length;
}

function peerOptions(
  given: PeerOptions | string | undefined,
  kind: string,
  net: NetNamespace,
): PeerOptions & { readonly name: string } {
  const options = typeof given === 'string' ? { name: given } : (given ?? {});
  const name = options.name ?? `${kind}-${net.name}`.slice(0, NAME_MAX);
  checkName(name);
  return { ...options, name };
}

/** Throws KernelError EINVAL. */
export function checkName(name: string): void {
  const valid = name !== '' && name.length <= NAME_MAX && !/[/\s:]/.test(name);
  if (valid && name !== '.' && name !== '..') return;
  const text = `'${name}' is no name of a device: 1 to ${NAME_MAX} characters, no '/', ':', spaces`;
  throw new KernelError('EINVAL', 22, text);
}

function addAddresses(device: Device, addresses: readonly string[] = []): void {
  for (const text of addresses) device.net.addAddress(device, text);
}

function finishPeer(device: Device, { addresses, routes = [] }: PeerOptions): void {
  addAddresses(device, addresses);
  for (const to of routes) device.net.addRoute({ to, device: device.name });
}

/** Takes a device away; the other end of a pair goes with it. */
export function removeDevice(device: Device): void {
  const { peer } = device;
  const { attachments } = device.net.stack.machine;
  for (const point of device.points) attachments.forget(point);
  device.net.remove(device);
  device.gone = true;
  device.net.stack.xsk.unbindAll(device);
  if (device instanceof PairDevice) device.part();
  if (device instanceof PfDevice) device.card.release().forEach(removeDevice);
  if (peer instanceof PairDevice && peer.peer === device) {
    peer.part();
    removeDevice(peer);
  }
}

/** Makes devices first, then routes: they may lead through the other end of a later pair. */
export function configure(
  all: Namespaces,
  wanted: ReadonlyMap<NetNamespace, NamespaceOptions>,
): void {
  for (const [net, { devices = {} }] of wanted) {
    for (const [name, options] of Object.entries(devices)) {
      const given = typeof options === 'object' ? options : {};
      if (name === 'lo' && net.devices.has('lo')) addAddresses(net.device('lo'), given.addresses);
      else addDevice(all, net, name, given);
    }
  }
  for (const [net, { routes = [], neighbours = [] }] of wanted) {
    for (const route of routes) net.addRoute(route);
    for (const neighbour of neighbours) net.addNeighbour(neighbour);
  }
}
