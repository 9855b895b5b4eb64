/**
 * A router between three namespaces, joined by veth pairs, and what is done to frames on their way: the
 * questions of record-veth.mjs. `constants`: those of tests/machine/programs/paths.bpf.c; `attach`: how,
 * where, which program; `maps`: map, key, value, program of the entry; `frames`: of framesOf().
 */
import { ethernet, icmp, ipv4, ipv6, packet, tcp, udp, vlan } from '../../dist/packet/index.js';

/** Interface numbers: of the router's ends, of the others. */
const INDEX = { a: 11, b: 12, c: 13 };
const mac = (end, number) => `02:00:00:00:0${end}:0${number}`;
const NUMBER = { a: 1, b: 2, c: 3 };
export const SPACES = Object.keys(NUMBER);

/** Both ends of a pair: index, hardware address, addresses. */
export const endsOf = (space) => {
  const n = NUMBER[space];
  const v6 = (end) => `fe80::ff:fe00:${end}0${n}/64`;
  return {
    router: {
      name: `v-${space}`,
      index: INDEX[space],
      mac: mac(0, n),
      addresses: [`10.0.${n}.1/24`, `fd00:${n}::1/64`, v6('')],
    },
    other: {
      name: 'eth0',
      index: 20 + n,
      mac: mac(1, n),
      addresses: [`10.0.${n}.2/24`, `fd00:${n}::2/64`, v6('1')],
    },
  };
};

const A = '10.0.1.2';
const B = '10.0.2.2';
const ROUTER = '10.0.1.1';
const B6 = 'fd00:2::2';
const A6 = 'fd00:1::2';
const ROUTER6 = 'fd00:1::1';
const TO_ROUTER = { source: mac(1, 1), destination: mac(0, 1) };

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const frame = (...layers) => hex(packet(ethernet(TO_ROUTER), ...layers));
const udp4 = (options = {}, payload = 'question') =>
  frame(
    ipv4({ source: A, destination: B, ...options }),
    udp({ sourcePort: 4000, destinationPort: 9 }),
    Buffer.from(payload),
  );
const udp6 = (options = {}, payload = 'question') =>
  frame(
    ipv6({ source: A6, destination: B6, ...options }),
    udp({ sourcePort: 4000, destinationPort: 9 }),
    Buffer.from(payload),
  );

/** Changes bytes, by their place. */
function spoilt(text, changes) {
  const bytes = Buffer.from(text, 'hex');
  for (const [at, byte] of Object.entries(changes)) bytes[at] = byte;
  return hex(bytes);
}

const BROADCAST = { 0: 255, 1: 255, 2: 255, 3: 255, 4: 255, 5: 255 };
const OTHER_HOST = { 5: 0x77 };

/** An ARP packet for IPv4 over Ethernet. */
function arp({ operation = 1, sender = A, target = ROUTER, to = 'ffffffffffff' }) {
  const four = (text) => hex(Uint8Array.from(text.split('.').map(Number)));
  const own = TO_ROUTER.source.replaceAll(':', '');
  const body = `0001080006040${'00'}${operation}${own}${four(sender)}000000000000${four(target)}`;
  return `${to}${own}0806${body}`;
}

const plain = () => ({
  'to b': udp4(),
  'TCP to b': frame(
    ipv4({ source: A, destination: B }),
    tcp({ sourcePort: 4000, destinationPort: 80, flags: 'SYN' }),
  ),
  'for the router, no one listens': udp4({ destination: ROUTER }),
  'TCP for the router': frame(
    ipv4({ source: A, destination: ROUTER }),
    tcp({ sourcePort: 4000, destinationPort: 80, flags: 'SYN' }),
  ),
  ping: frame(
    ipv4({ source: A, destination: ROUTER }),
    icmp({ id: 0x1234, sequence: 1 }),
    Buffer.from('payload'),
  ),
  'IPv6 to b': udp6(),
  'IPv6 for the router': udp6({ destination: ROUTER6 }),
});

const odd = () => ({
  'last hop': udp4({ ttl: 1 }),
  'no route': udp4({ destination: '198.51.100.1' }),
  'for another host': spoilt(udp4(), OTHER_HOST),
  'broadcast frame': spoilt(udp4(), BROADCAST),
  'wrong checksum': spoilt(udp4(), { 24: 0 }),
  'version 5': spoilt(udp4(), { 14: 0x55 }),
  'header of 16 bytes': spoilt(udp4(), { 14: 0x44 }),
  'longer than it is': spoilt(udp4(), { 16: 7 }),
  'VLAN 5': hex(
    packet(
      ethernet(TO_ROUTER),
      vlan({ id: 5 }),
      ipv4({ source: A, destination: B }),
      udp({ sourcePort: 1, destinationPort: 9 }),
    ),
  ),
  'unknown type': `${udp4().slice(0, 24)}88b5${'00'.repeat(40)}`,
  'from loopback': udp4({ source: '127.0.0.1' }),
  'to loopback': udp4({ destination: '127.0.0.1' }),
  'from broadcast': udp4({ source: '255.255.255.255' }),
  'from nobody': udp4({ source: '0.0.0.0' }),
  'from the router itself': udp4({ source: ROUTER }),
  'to a group': udp4({ destination: '224.0.0.5' }),
  "to the net's broadcast": udp4({ destination: '10.0.1.255' }),
  'to all': udp4({ destination: '255.255.255.255' }),
  'from a group': udp4({ source: '224.0.0.5' }),
  'unknown protocol': frame(
    ipv4({ source: A, destination: ROUTER, protocol: 200 }),
    Buffer.alloc(20),
  ),
  'back to a': udp4({ destination: '10.0.1.3' }),
});

const odd6 = () => ({
  'IPv6, last hop': udp6({ hopLimit: 1 }),
  'IPv6, no route': udp6({ destination: '2001:db8::1' }),
  'IPv6 from loopback': udp6({ source: '::1' }),
  'IPv6 to loopback': udp6({ destination: '::1' }),
  'IPv6 from nobody': udp6({ source: '::' }),
  'IPv6 from a group': udp6({ source: 'ff02::1' }),
  'IPv6 from a link address': udp6({ source: 'fe80::ff:fe00:101' }),
  'IPv6 version 7': spoilt(udp6(), { 14: 0x70 }),
  'IPv6, longer than it is': spoilt(udp6(), { 18: 7 }),
  'IPv6, shorter than it is': `${udp6()}000000000000`,
  'IPv6, unknown protocol': frame(
    ipv6({ source: A6, destination: ROUTER6, nextHeader: 200 }),
    Buffer.alloc(20),
  ),
  'IPv6, unknown option': frame(
    ipv6({ source: A6, destination: ROUTER6, nextHeader: 60 }),
    Buffer.from('1100850400000000', 'hex'),
    Buffer.from('0fa0000900080000', 'hex'),
  ),
});

const arps = () => ({
  'who has the router': arp({}),
  'who has b': arp({ target: B }),
  'who has nobody': arp({ target: '10.0.1.77' }),
  'from nobody': arp({ sender: '0.0.0.0' }),
  'asked the router alone': arp({ to: '020000000001' }),
  'an answer nobody asked for': arp({ operation: 2 }),
  'to nobody on a link': udp4({ destination: '10.0.2.99' }),
});
/** Nobody answers: three questions, a second each. */
const SLOW = { 'to nobody on a link': 3600 };

const big = () => ({
  'long, may be cut': udp4({}, Buffer.alloc(1300, 7)),
  'long, may not be cut': udp4({ flags: 'DF' }, Buffer.alloc(1300, 7)),
  'IPv6, too long': udp6({}, Buffer.alloc(1300, 7)),
});

const all = (...groups) => groups.flatMap((group) => Object.entries(group()));
const few = () => all(plain).filter(([name]) => ['to b', 'ping', 'IPv6 to b'].includes(name));
const native = (program) => ['native', '-', 'v-a', program];
const generic = (program) => ['generic', '-', 'v-a', program];
const RECEIVERS = [
  ['native', 'b', 'eth0', 'passes'],
  ['native', 'c', 'eth0', 'passes'],
];
const REDIRECT_IN = 1;
const BROADCAST_FLAG = 8;
const EXCLUDE_INGRESS = 16;
const ports = (...entries) =>
  entries.map(([key, space, program = '-']) => ['ports', key, INDEX[space], program]);

export const SCENARIOS = [
  { name: 'routed', frames: all(plain, odd, odd6, arps) },
  { name: 'routed without forwarding', forwarding: false, frames: all(plain, odd) },
  { name: 'a small link', mtu: 1280, frames: all(big) },
  { name: 'XDP passes', attach: [native('passes')], frames: all(plain, odd) },
  { name: 'XDP drops', attach: [native('drops')], frames: few() },
  { name: 'XDP sends back', attach: [native('back')], frames: few() },
  {
    name: 'XDP sends back to a program',
    attach: [native('back'), ['native', 'a', 'eth0', 'passes']],
    frames: few(),
  },
  { name: 'XDP redirects to nobody', attach: [native('forwards')], frames: few() },
  {
    name: 'XDP redirects',
    constants: { target: INDEX.b },
    attach: [native('forwards'), ...RECEIVERS],
    frames: few(),
  },
  {
    name: 'XDP redirects to a device without receiver',
    constants: { target: INDEX.b },
    attach: [native('forwards')],
    frames: few(),
  },
  {
    name: 'devmap',
    maps: ports([0, 'b']),
    attach: [native('by_map'), ...RECEIVERS],
    frames: few(),
  },
  { name: 'devmap, empty', attach: [native('by_map'), ...RECEIVERS], frames: few() },
  {
    name: 'devmap with a program',
    maps: ports([0, 'b', 'leaving']),
    attach: [native('by_map'), ...RECEIVERS],
    frames: few(),
  },
  {
    name: 'devmap, all',
    constants: { broadcast: BROADCAST_FLAG },
    maps: ports([0, 'a'], [1, 'b'], [3, 'c', 'leaving']),
    attach: [native('by_map'), ...RECEIVERS, ['native', 'a', 'eth0', 'passes']],
    frames: few(),
  },
  {
    name: 'devmap, all but where it came from',
    constants: { broadcast: BROADCAST_FLAG | EXCLUDE_INGRESS },
    maps: ports([0, 'a'], [1, 'b'], [3, 'c', 'leaving']),
    attach: [native('by_map'), ...RECEIVERS],
    frames: few(),
  },
  {
    name: 'cpumap',
    maps: [['cpus', 1, 192, '-']],
    attach: [native('to_cpu')],
    frames: few(),
  },
  {
    name: 'cpumap with a program',
    maps: [['cpus', 1, 192, 'on_cpu']],
    attach: [native('to_cpu')],
    frames: few(),
  },
  { name: 'cpumap, empty', attach: [native('to_cpu')], frames: few() },
  { name: 'XDP routes', attach: [native('routes'), ...RECEIVERS], frames: all(plain) },
  { name: 'generic, drops', attach: [generic('drops')], frames: few() },
  { name: 'generic, sends back', attach: [generic('back')], frames: few() },
  {
    name: 'generic, redirects',
    constants: { target: INDEX.b },
    attach: [generic('forwards')],
    frames: few(),
  },
  {
    name: 'generic, devmap with a program',
    maps: ports([0, 'b', 'leaving']),
    attach: [generic('by_map')],
    frames: few(),
  },
  {
    name: 'generic, devmap, all',
    constants: { broadcast: BROADCAST_FLAG },
    maps: ports([0, 'a'], [1, 'b'], [3, 'c', 'leaving']),
    attach: [generic('by_map')],
    frames: few(),
  },
  {
    name: 'generic, cpumap',
    maps: [['cpus', 1, 192, '-']],
    attach: [generic('to_cpu')],
    frames: few(),
  },
  {
    name: 'generic, routes',
    attach: [generic('routes')],
    frames: all(plain),
  },
  {
    name: 'tc redirects',
    constants: { target: INDEX.b },
    attach: [['ingress', '-', 'v-a', 'to_target']],
    frames: all(plain),
  },
  {
    name: 'tc redirects to ingress',
    constants: { target: INDEX.b, flags: REDIRECT_IN },
    attach: [['ingress', '-', 'v-a', 'to_target']],
    frames: all(plain),
  },
  {
    name: 'tc redirects to nobody',
    constants: { target: 99 },
    attach: [['ingress', '-', 'v-a', 'to_target']],
    frames: few(),
  },
  {
    name: 'tc redirects to the peer',
    constants: { target: INDEX.b },
    attach: [['ingress', '-', 'v-a', 'to_peer']],
    frames: all(plain),
  },
  {
    name: 'tc redirects to a neighbour',
    constants: { target: INDEX.b },
    attach: [['ingress', '-', 'v-a', 'to_neighbour']],
    frames: all(plain),
  },
  {
    name: 'tc copies',
    constants: { target: INDEX.c },
    attach: [['ingress', '-', 'v-a', 'copies']],
    frames: few(),
  },
  {
    name: 'tc on the way out',
    constants: { target: INDEX.c },
    attach: [['egress', '-', 'v-b', 'to_target']],
    frames: few(),
  },
].map(({ frames, ...scenario }) => ({
  ...scenario,
  frames: frames.map(([name, bytes]) => ({ name, wait: SLOW[name] ?? 25, hex: bytes })),
}));
