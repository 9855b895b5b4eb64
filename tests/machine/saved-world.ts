/** A machine with something of everything, and random things that happen to it. */
import { readFileSync } from 'node:fs';
import { createMachine, type Host, type KernelXsk, pod } from '../../src/index.ts';
import { pinObject } from '../../src/machine/bpffs/pins.ts';
import type { Machine, Network } from '../../src/machine/index.ts';
import { Freezer } from '../../src/machine/objects/kept.ts';
import { cgroupRoots } from '../../src/machine/snapshot/cgroups.ts';
import type { SocketHandle } from '../../src/machine/net/sockets/handle.ts';
import { ethernet, ipv4, packet, payload, tcp, udp } from '../../src/packet/index.ts';
import { netObject } from './helpers.ts';

const file = (path: string) => new Uint8Array(readFileSync(new URL(path, import.meta.url)));
const timers = file('programs/timers.bpf.o');
const owned = file('programs/owned.bpf.o');
const echo = file('../../examples/xsk-echo/echo.bpf.o');
const sockets = file('programs/sockets.bpf.o');

/** Both halves of a machine. */
export interface World {
  readonly machine: Machine;
  readonly network: Network;
}

/** Numbers below `limit`, the same ones every time. */
export function random(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

const PODS = ['web', 'db', 'far'] as const;
const ADDRESS = { web: '10.0.0.2', db: '10.0.0.3', far: '10.0.0.4' } as const;
const MACS = ['02:aa:00:00:00:01', '02:aa:00:00:00:02'];
type Pod = (typeof PODS)[number];

/** Veth, netkit of both kinds, a card of two queues, one with virtual functions. */
export async function makeWorld(): Promise<Host> {
  const host = await createMachine({
    cpus: 2,
    seed: 5,
    devices: {
      eth0: { queues: 2, txLatency: 5000, addresses: ['192.168.0.1/24'] },
      nic0: {
        kind: 'nic',
        eswitch: 'switchdev',
        queues: 2,
        vfs: MACS.map((address, i) => ({ namespace: `vm${i}`, address, maxTxRate: 1 })),
      },
    },
    namespaces: {
      web: pod({ address: ADDRESS.web, link: 'veth' }),
      db: pod({ address: ADDRESS.db, mode: 'l2' }),
      far: pod({ address: ADDRESS.far }),
      vm0: {},
      vm1: {},
    },
    routes: [{ to: '172.16.0.0/12', via: '192.168.0.77' }],
  });
  const net = await host.load(netObject(), {
    programs: ['marks', 'by_length', 'sampled', 'nested'],
  });
  net.programs['marks']!.attach({ device: 'eth0', direction: 'ingress' });
  net.programs['by_length']!.attach({ device: 'web/eth0' });
  net.programs['sampled']!.attach({ device: 'nic0', mode: 'generic' });
  const machine = host.kernel as Machine;
  machine.files.makeParents('/sys/fs/bpf/web/x');
  const nested = machine.objects.programs.get(net.programs['nested']!.id)!;
  pinObject(machine.files, '/sys/fs/bpf/web/nested', 'prog', nested);
  await host.load(timers, { programs: ['callback', 'misuse'] });
  await host.load(owned);
  const xsk = await host.load(echo, { programs: ['to_any_socket'] });
  xsk.programs['to_any_socket']!.attach({ device: 'eth0' });
  xsk.maps['sockets']!.setXsk(1, host.devices['eth0']!.xsk({ queue: 1 }));
  const steered = await host.load(sockets);
  for (const program of Object.values(steered.programs)) {
    if (program.spec.type === 'sk_lookup') program.attach({ namespace: 'web' });
  }
  for (const name of PODS) {
    const space = host.namespaces[name]!;
    space.socket({ type: 'tcp', address: '0.0.0.0', port: 80 }).listen(3);
    space.socket({ type: 'udp', address: '0.0.0.0', port: 53 });
  }
  connectRdma(host);
  return host;
}

/** A queue pair from 'web' to 'db', and the other end. */
function connectRdma(host: Host): void {
  const [one, other] = (['web', 'db'] as const).map((name) =>
    host.net.namespace(name).device('eth0').rxe({ congestionNotification: true }),
  ) as [ReturnType<typeof rxeOf>, ReturnType<typeof rxeOf>];
  const [here, there] = [one.nextQueuePair, other.nextQueuePair];
  one.connect({ address: ADDRESS.db, queuePair: there }, { rnrRetries: 3 });
  other.connect({ address: ADDRESS.web, queuePair: here });
  other.register(new Uint8Array(4096), { read: true, write: true, atomic: true });
}

const rxeOf = (host: Host) => host.net.namespace('web').device('eth0').rxe();

/** Something happens; what comes of it, as data. */
type Act = (world: World, pick: (limit: number) => number) => unknown;

const acts: readonly Act[] = [
  ({ network }, pick) => {
    const [from, to] = [PODS[pick(3)]!, PODS[pick(3)]!];
    return attempt(() =>
      network.namespace(from).send({
        to: ADDRESS[to],
        port: [80, 53, 99][pick(3)]!,
        protocol: pick(2) ? 'udp' : 'tcp',
        payload: new Uint8Array(pick(2000)),
      }),
    );
  },
  ({ network }, pick) => {
    const data = frame(pick, '192.168.0.9', ['192.168.0.1', ADDRESS.web, '172.16.0.1'][pick(3)]!);
    return attempt(() => network.device('eth0').receive(data, { queue: pick(2) }));
  },
  ({ network }, pick) => {
    const vm = network.namespace(`vm${pick(2)}`).device('eth0');
    return attempt(() => vm.transmit(frame(pick, '1.0.0.1', '1.0.0.2')));
  },
  ({ network }, pick) =>
    attempt(() => network.device('nic0').receive(frame(pick, '1.0.0.1', '1.0.0.2'))),
  // To somebody who never answers: packets wait for a neighbour.
  ({ network }, pick) =>
    attempt(() =>
      network.root.send({
        to: `192.168.0.${50 + pick(3)}`,
        port: 9,
        protocol: 'udp',
        payload: 'x',
      }),
    ),
  // Timers that start themselves again would take all day.
  ({ machine }, pick) => {
    const wait = [100, 5e5, 3e8, 2e9, 7e10][pick(5)]!;
    return attempt(() => machine.advance(machine.armedTimers > 0 ? Math.min(wait, 1e6) : wait));
  },
  connect,
  connect,
  useSocket,
  useSocket,
  useSocket,
  ({ network }, pick) => {
    const device = PODS.map((name) => network.namespace(name).device('eth0'))[pick(3)]!;
    device.up = pick(4) > 0;
    return device.up;
  },
  runProgram,
  runProgram,
  useXsk,
  postWork,
];

function frame(pick: (limit: number) => number, source: string, destination: string): Uint8Array {
  const ports = { sourcePort: 1000 + pick(3), destinationPort: [80, 53, 4791][pick(3)]! };
  const addresses = { source, destination };
  const macs = { source: MACS[pick(2)]!, destination: pick(2) ? '02:00:00:00:00:02' : MACS[1]! };
  const layer = pick(2) ? tcp({ ...ports, flags: ['SYN', 'ACK', 'RST'][pick(3)]! }) : udp(ports);
  const bytes = packet(ethernet(macs), ipv4(addresses), layer, payload(pick(200)));
  if (pick(10) === 0) bytes[20] = 0x20;
  return bytes;
}

function connect({ network }: World, pick: (limit: number) => number): unknown {
  const [from, to] = [PODS[pick(3)]!, PODS[pick(3)]!];
  const type = pick(3) ? 'tcp' : 'udp';
  const port = [80, 53, 81][pick(3)]!;
  return attempt(
    () => network.namespace(from).connect({ type, to: { address: ADDRESS[to], port } }).state,
  );
}

function useSocket({ network }: World, pick: (limit: number) => number): unknown {
  const open = network.namespace(PODS[pick(3)]!).openSockets();
  const socket = open[pick(open.length)]!;
  return attempt(() => [nameOf(socket), doWith(socket, pick)]);
}

const nameOf = ({ type, local, remote, state }: SocketHandle) => [type, local, remote, state];

function doWith(socket: SocketHandle, pick: (limit: number) => number): unknown {
  switch (pick(8)) {
    case 0:
    case 1:
      return socket.send(new Uint8Array(1 + pick(70_000)).fill(pick(256)));
    case 2:
    case 3:
      return socket.receive();
    case 4:
    case 5: {
      const child = socket.accept();
      return child && nameOf(child);
    }
    case 6:
      return socket.shutdown();
    default:
      return socket.state === 'listen' || socket.type === 'udp' ? socket.cookie : socket.close();
  }
}

function runProgram({ machine }: World, pick: (limit: number) => number): unknown {
  const programs = [...machine.programs].filter(({ type }) => /xdp|sched_cls/.test(type.name));
  const program = programs[pick(programs.length)]!;
  const data = new Uint8Array(64 + pick(40));
  new DataView(data.buffer).setUint32(0, pick(12), true);
  new DataView(data.buffer).setUint32(4, pick(4), true);
  data[8] = pick(50);
  return attempt(() => {
    const { returnValue, verdict } = program.run({ data });
    return [program.spec.name, returnValue, verdict];
  });
}

function useXsk({ network }: World, pick: (limit: number) => number): unknown {
  const socket = network.stack.xsk.get(1) as KernelXsk | undefined;
  if (!socket) return undefined;
  return attempt(() => {
    if (pick(2)) return socket.send(new Uint8Array(60 + pick(100)), { timestamp: true });
    return [socket.receive(), socket.completed(), socket.statistics, socket.free];
  });
}

function postWork({ network }: World, pick: (limit: number) => number): unknown {
  const { rdma } = network.namespace('web').device('eth0');
  const parts = rdma!.device.pairs;
  const pair = parts[0]!;
  const address = 0x7f0000000000n;
  return attempt(() => {
    const remoteKey = pick(5) ? 0x1000 : 1;
    const at = address + BigInt(pick(100) * 8);
    if (pick(2))
      return pair.post({
        operation: 'write',
        data: new Uint8Array(pick(3000)),
        address: at,
        remoteKey,
      });
    if (pick(2))
      return pair.post({ operation: 'read', length: pick(3000), address: at, remoteKey });
    return pair.post({ operation: 'send', data: new Uint8Array(8) });
  });
}

function attempt(action: () => unknown): unknown {
  try {
    return JSON.stringify(action(), plain);
  } catch (error) {
    if (error instanceof TypeError) throw error;
    return String(error);
  }
}

const plain = (_: string, value: unknown) => {
  if (typeof value === 'bigint') return `${value}n`;
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
};

/** `count` random things happen. */
export function happen(world: World, seed: number, count: number): unknown[] {
  const pick = random(seed);
  return Array.from({ length: count }, () => {
    const act = pick(acts.length);
    return [act, acts[act]!(world, pick)];
  });
}

/** All that is in the maps of a machine, records that wait too. */
export function contentsOf(machine: Machine): unknown {
  return [...machine.objects.maps].map((map) => {
    const entries: string[] = [];
    let key: Uint8Array | undefined;
    const next = new Uint8Array(map.spec.keySize);
    while (map.nextKey(key, next) === 0) {
      key = next.slice();
      const value = new Uint8Array(map.userValueSize);
      map.lookup(key, value);
      entries.push(`${key.join()}=${value.join()}`);
    }
    const records = map.drain().map(({ data, cpu }) => `${cpu}: ${data.join()}`);
    return [map.id, map.spec.name, map.frozen, entries, records];
  });
}

/** All that the network is, as a file would hold it. */
export function networkOf({ machine, network }: World): unknown {
  const freezer = new Freezer(network.saved.kinds, machine.runtime.events);
  freezer.addRoots([...machine.runtime.owners].map(([number, one]) => [`owner ${number}`, one]));
  freezer.addRoots(cgroupRoots(machine));
  const parts = network.saved.save(freezer);
  return ranked(JSON.parse(JSON.stringify([parts, freezer.nodes()])));
}

/** Events are numbered from the start of a machine: what counts is which comes first. */
function ranked(json: unknown): unknown {
  const orders: number[] = [];
  JSON.stringify(json, (key, value) => {
    if (key === '$event') orders.push(value[1]);
    return value;
  });
  orders.sort((one, other) => one - other);
  return JSON.parse(
    JSON.stringify(json, (key, value) =>
      key === '$event' ? [value[0], orders.indexOf(value[1])] : value,
    ),
  );
}

export type { Pod };
