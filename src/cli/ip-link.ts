/** `ip link`: devices of a machine. */
import { formatMac } from '../packet/index.ts';
import type { AnyDeviceOptions, NetkitOptions } from '../kernel/index.ts';
import type { Device } from '../machine/net/device.ts';
import { usageError } from './exit.ts';
import { type IpCall, take, takePairs } from './ip-words.ts';
import type { Output } from './machine-file.ts';

/** As `ip link add` makes them. */
const DOWN = { up: false } as const;
const MODES = ['l2', 'l3'];
const POLICIES: Readonly<Record<string, 'pass' | 'drop'>> = {
  forward: 'pass',
  pass: 'pass',
  blackhole: 'drop',
  drop: 'drop',
};

/** `link add [name] NAME [mtu N] [address MAC] type KIND [peer [name] NAME [netns NS]] …` */
export function addLink({ session, net, words }: IpCall): undefined {
  const given = takePairs(words, ['type', 'mtu', 'address', 'index']);
  const tail = words.indexOf('peer');
  const peerWords = tail < 0 ? [] : words.splice(tail).slice(1);
  const name = plainName(words);
  const options = { ...DOWN, ...numbersOf(given) };
  session.network.addTo(net, name, deviceOptions(given.get('type'), options, words, peerWords));
}

type Common = Pick<AnyDeviceOptions, 'mtu' | 'address' | 'ifindex' | 'up'>;

function deviceOptions(
  type: string | undefined,
  options: Common,
  words: string[],
  peerWords: string[],
): AnyDeviceOptions {
  switch (type) {
    case 'veth':
      return { kind: 'veth', ...options, peer: peerOf(peerWords) };
    case 'netkit':
      return { kind: 'netkit', ...options, ...netkitWords(words), peer: peerOf(peerWords) };
    case 'dummy':
    case 'physical':
      return {
        ...options,
        queues: Number(takePairs(words, ['numrxqueues']).get('numrxqueues') ?? 1),
      };
    default:
      throw usageError(`ip link add: type '${type}' is none of: veth, netkit, physical`);
  }
}

function netkitWords(words: string[]): Pick<NetkitOptions, 'mode' | 'policy'> {
  const given = takePairs(words, ['mode']);
  const mode = given.get('mode') ?? 'l3';
  if (!MODES.includes(mode)) throw usageError(`netkit: mode '${mode}' is none of: l2, l3`);
  const word = words.find((one) => Object.hasOwn(POLICIES, one));
  if (word !== undefined) words.splice(words.indexOf(word), 1);
  return {
    mode: mode as 'l2' | 'l3',
    ...(word === undefined ? {} : { policy: POLICIES[word]! }),
  };
}

function peerOf(words: string[]) {
  const given = takePairs(words, ['netns', 'mtu', 'address']);
  const name = words.length > 0 ? plainName(words) : undefined;
  const namespace = given.get('netns');
  if (words.length > 0) throw usageError(`ip link add: '${words[0]}' is nothing of a peer`);
  return {
    ...DOWN,
    ...numbersOf(given),
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
  };
}

function plainName(words: string[]): string {
  if (words[0] === 'name' || words[0] === 'dev') words.shift();
  return take(words, 'the name of a device');
}

function numbersOf(given: ReadonlyMap<string, string>): Common {
  const [mtu, address, index] = ['mtu', 'address', 'index'].map((name) => given.get(name));
  return {
    ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
    ...(address === undefined ? {} : { address }),
    ...(index === undefined ? {} : { ifindex: Number(index) }),
  };
}

/** `link delete NAME` */
export function removeLink({ session, net, words }: IpCall): undefined {
  session.network.removeDevice(net.device(plainName(words)).path);
}

/** `link set NAME {up|down}` */
export function setLink({ net, words }: IpCall): undefined {
  const device = net.device(plainName(words));
  const word = take(words, "'up' or 'down'");
  if (word !== 'up' && word !== 'down') throw usageError(`ip link set: '${word}' is no up, down`);
  device.up = word === 'up';
}

/** Those that `dev NAME` or NAME names, or all. */
export function devicesOf({ net, words }: IpCall): Device[] {
  if (words.length > 0) return [net.device(plainName(words))];
  return [...net.byIndex.values()].sort((one, other) => one.ifindex - other.ifindex);
}

/** `link show [NAME]` */
export function showLinks(call: IpCall): Output {
  const all = devicesOf(call).map(linkJson);
  return { json: all, text: all.map((one) => `${headLine(one, true)}${linkLines(one)}`).join('') };
}

/** iproute2's keys and order. */
export function linkJson(device: Device) {
  const { kind, ifindex, name, mtu, up, carrier, noQueue, peer, net } = device;
  const loopback = kind === 'loopback';
  const bare = kind === 'netkit' && device.noArp;
  const near = peer?.net === net;
  return {
    ifindex,
    ...(peer && (near ? { link: peer.name } : { link_index: peer.ifindex })),
    ifname: name,
    flags: flagsOf(device),
    mtu,
    ...(xdpOf(device) && { xdp: xdpOf(device) }),
    qdisc: up ? (noQueue ? 'noqueue' : 'mq') : 'noop',
    operstate: loopback
      ? up
        ? 'UNKNOWN'
        : 'DOWN'
      : !up
        ? 'DOWN'
        : carrier
          ? 'UP'
          : 'LOWERLAYERDOWN',
    linkmode: 'DEFAULT',
    group: 'default',
    txqlen: 1000,
    link_type: loopback ? 'loopback' : bare ? 'none' : 'ether',
    ...(bare
      ? {}
      : {
          address: formatMac(device.address),
          broadcast: loopback ? formatMac(new Uint8Array(6)) : 'ff:ff:ff:ff:ff:ff',
        }),
    ...(peer && !near && { link_netns: peer.namespace }),
  };
}

type LinkJson = ReturnType<typeof linkJson>;

function flagsOf({ kind, up, carrier, noArp }: Device): string[] {
  const what = kind === 'loopback' ? ['LOOPBACK'] : ['BROADCAST', 'MULTICAST'];
  const noarp = kind !== 'loopback' && noArp ? ['NOARP'] : [];
  return [
    ...(up && !carrier ? ['NO-CARRIER'] : []),
    ...what,
    ...noarp,
    ...(up ? ['UP'] : []),
    ...(up && carrier ? ['LOWER_UP'] : []),
  ];
}

/** XDP_ATTACHED_* of linux/if_link.h. */
const MODE = { native: 1, generic: 2 } as const;

function xdpOf({ xdp }: Device) {
  for (const mode of ['native', 'generic'] as const) {
    const [program] = xdp.slot(mode).programs;
    if (!program) continue;
    const { id, kernelName, tag } = program;
    return { mode: MODE[mode], prog: { id, name: kernelName, tag, jited: 0 } };
  }
  return undefined;
}

/** The first line of a device, as `ip` prints it. */
export function headLine(one: LinkJson, full: boolean): string {
  const { ifindex, ifname, flags, mtu, qdisc, operstate, group, txqlen, xdp } = one;
  const other = 'link' in one ? `@${one.link}` : 'link_index' in one ? `@if${one.link_index}` : '';
  const how = xdp ? ` xdp${xdp.mode === MODE.generic ? 'generic' : ''}` : '';
  const mode = full ? ' mode DEFAULT' : '';
  return (
    `${ifindex}: ${ifname}${other}: <${flags.join(',')}> mtu ${mtu}${how} qdisc ${qdisc} ` +
    `state ${operstate}${mode} group ${group} qlen ${txqlen}\n`
  );
}

export function linkLines(one: LinkJson): string {
  const addresses = 'address' in one ? ` ${one.address} brd ${one.broadcast}` : '';
  const far = 'link_netns' in one ? ` link-netns ${one.link_netns || '(the machine)'}` : '';
  const prog = one.xdp
    ? `    prog/xdp id ${one.xdp.prog.id} name ${one.xdp.prog.name} tag ${one.xdp.prog.tag}\n`
    : '';
  return `    link/${one.link_type}${addresses}${far}\n${prog}`;
}
