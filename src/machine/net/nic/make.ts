import { KernelError } from '../../../base/index.ts';
import type { NicOptions, VfOptions } from '../../../kernel/index.ts';
import type { Device } from '../device.ts';
import { PfDevice, RepresentorDevice, VfDevice } from '../devices/nic.ts';
import type { NetNamespace } from '../namespace.ts';
import { Card, type Representors } from './card.ts';
import { VirtualFunction } from './function.ts';

/** total_vfs of most cards, and all a bus number has room for. */
const VFS_MAX = 256;

/** What the topology does for a card. */
export interface CardParts {
  namespace(name: string): NetNamespace;
  checkName(name: string): void;
  addAddresses(device: VfDevice, addresses: readonly string[] | undefined): void;
  /** PFs there are already. */
  readonly cards: number;
  /** A device with its number goes into its namespace. */
  added<Kind extends PfDevice | VfDevice | RepresentorDevice>(device: Kind): Kind;
}

/** Makes a card with its functions. Throws KernelError: EINVAL, EEXIST, ENOENT, EOPNOTSUPP. */
export function makeCard(
  parts: CardParts,
  net: NetNamespace,
  name: string,
  ifindex: number,
  options: NicOptions,
): PfDevice {
  const vfs = functionsOf(options);
  const number = parts.cards;
  const pf = parts.added(new PfDevice(net, name, ifindex, options));
  const pci = options.pci ?? `0000:${(3 + number).toString(16).padStart(2, '0')}:00.0`;
  const card = new Card(pf, number, pci, representorsOf(parts, vfs));
  for (const [index, given] of vfs.entries()) addFunction(parts, card, index, given);
  // The mode takes what is only for the other one: settings come after it.
  if (options.eswitch) card.setEswitch(options.eswitch);
  for (const [index, given] of vfs.entries()) card.vfs[index]!.configure(given);
  return pf;
}

function functionsOf({ vfs = [] }: NicOptions): readonly VfOptions[] {
  const list = typeof vfs === 'number' ? Array.from({ length: vfs }, () => ({})) : vfs;
  if (list.length <= VFS_MAX) return list;
  throw new KernelError('EINVAL', 22, `a card has up to ${VFS_MAX} functions`);
}

function addFunction(parts: CardParts, card: Card, index: number, options: VfOptions): void {
  const net = parts.namespace(options.namespace ?? '');
  const name = options.name ?? (net.name === '' ? `${card.pf.name}v${index}` : 'eth0');
  parts.checkName(name);
  const number = net.numberFor(name, options.ifindex);
  const device = parts.added(new VfDevice(net, name, number, options));
  device.card = card;
  device.vf = new VirtualFunction(index, device, () => card.eswitch);
  card.vfs.push(device.vf);
  parts.addAddresses(device, options.addresses);
}

/** A card that was saved, around its devices; representors are made anew under their names. */
export function cardAround(
  checkName: CardParts['checkName'],
  pf: PfDevice,
  { number, pci }: Pick<Card, 'number' | 'pci'>,
  vfs: readonly { readonly device: VfDevice; readonly representor: string | undefined }[],
): Card {
  const added = <Kind extends Device>(device: Kind): Kind => {
    device.net.add(device);
    return device;
  };
  const names = vfs.map(({ representor }) => (representor === undefined ? {} : { representor }));
  const card = new Card(pf, number, pci, representorsOf({ checkName, added }, names));
  for (const [index, { device }] of vfs.entries()) {
    device.card = card;
    device.vf = new VirtualFunction(index, device, () => card.eswitch);
    card.vfs.push(device.vf);
  }
  return card;
}

function representorsOf(
  parts: Pick<CardParts, 'checkName' | 'added'>,
  vfs: readonly VfOptions[],
): Representors {
  return {
    make(card, vf) {
      const { net, mtu } = card.pf;
      const name = vfs[vf.index]?.representor ?? `pf${card.number}vf${vf.index}`;
      parts.checkName(name);
      const number = net.numberFor(name, undefined);
      return parts.added(new RepresentorDevice(net, name, number, { card, vf, mtu }));
    },
    remove: (device) => device.net.remove(device),
  };
}
