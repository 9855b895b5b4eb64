// Packets that move: through pods on netkit, by XDP from card to card, and what a hop costs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../../examples/build.mjs';
import { nanoseconds, ratio, table } from '../lib/table.mjs';

export const title = 'Network: ns a packet through namespaces, beside a plain test run';

const CHAINS = [2, 8];
const NAMESPACES = 1000;
const PODS = { client: '10.0.0.2', web: '10.0.0.3', dns: '10.0.0.53' };

/** Best of some rounds of `count` calls, in ns a call. */
function best(rounds, count, once, after = () => {}) {
  let least = Infinity;
  for (let round = 0; round < rounds; round++) {
    const started = process.hrtime.bigint();
    for (let i = 0; i < count; i++) once();
    least = Math.min(least, Number(process.hrtime.bigint() - started) / count);
    after();
  }
  return least;
}

/** The frame a namespace sends when it is told to send this (after it asked for neighbours). */
function frameOf(host, namespace, options) {
  const capture = host.net.capture({ namespace, direction: 'out' });
  host.namespaces[namespace].send(options);
  capture.stop();
  return capture.packets.at(-1).data;
}

async function pods({ createMachine, pod }, link, shortcut) {
  const namespaces = Object.fromEntries(
    Object.entries(PODS).map(([name, address]) => [name, pod({ address, link })]),
  );
  const host = await createMachine({ namespaces });
  host.namespaces.web.listen({ protocol: 'tcp' }, () => {});
  if (link === 'netkit') {
    const object = readFileSync(join(root, 'examples/netkit-pods/pods.bpf.o'));
    const { programs, maps } = await host.load(object, { globals: { shortcut } });
    for (const [i, [name, address]] of Object.entries(PODS).entries()) {
      const device = `nk-${name}`;
      programs.from_pod.attach({ device });
      programs.to_pod.attach({ device });
      const { ifindex } = host.net.namespace('').device(device);
      maps.endpoints.set(address, { id: i + 1, ifindex });
    }
    maps.allow.set({ from: 1, to: 2, port: 80, protocol: 6, unused: 0 }, 1);
    host.testRun = programs.to_pod;
  }
  const frame = frameOf(host, 'client', { to: PODS.web, protocol: 'tcp', port: 80 });
  const device = host.namespaces.client.device('eth0');
  const check = host.namespaces.web.device('eth0');
  return { host, frame, send: () => device.transmit(frame), check };
}

async function measurePods(library, name, link, shortcut, timing) {
  const made = await pods(library, link, shortcut);
  const { host, send, check } = made;
  best(1, timing.count, send);
  const before = check.statistics.rx_packets;
  const path = best(timing.rounds, timing.count, send);
  if (check.statistics.rx_packets - before !== timing.rounds * timing.count) {
    throw new Error(`${name}: packets were lost`);
  }
  const trace = host.net.trace({ keep: 10 });
  const traced = best(timing.rounds, timing.count / 4, send);
  trace.stop();
  const testRun = host.testRun && measureTestRun(host.testRun, made.frame, timing);
  host[Symbol.dispose]();
  return { name, hops: 2, path, traced, testRun };
}

/** BPF_PROG_TEST_RUN with repetitions: the program and nothing around it. */
function measureTestRun(program, data, { rounds, count }) {
  let least = Infinity;
  for (let i = 0; i < rounds; i++) {
    least = Math.min(least, program.run({ data, repeat: count }).duration);
  }
  return least;
}

/** Routers in a row, each a namespace. */
async function measureChain({ createMachine }, hops, timing) {
  const namespaces = {};
  for (let i = 0; i <= hops; i++) {
    const peer = { name: 'left', namespace: `r${i + 1}`, addresses: [`10.9.${i}.2/30`] };
    const right = { kind: 'netkit', addresses: [`10.9.${i}.1/30`], peer };
    namespaces[`r${i}`] = {
      devices: i < hops ? { right } : {},
      routes: i < hops ? [{ to: '10.99.0.0/16', device: 'right' }] : [],
    };
  }
  namespaces[`r${hops}`].devices.lo = { addresses: ['10.99.0.1/32'] };
  const host = await createMachine({ namespaces });
  host.namespaces[`r${hops}`].listen({}, () => {});
  const frame = frameOf(host, 'r0', { to: '10.99.0.1', port: 9 });
  const device = host.namespaces.r0.device('right');
  const send = () => device.transmit(frame);
  best(1, timing.count, send);
  const path = best(timing.rounds, timing.count, send);
  host[Symbol.dispose]();
  return path;
}

async function measureXdp({ createMachine }, timing) {
  const host = await createMachine({ devices: { eth0: {}, eth1: {} } });
  const object = readFileSync(join(root, 'tests/machine/programs/paths.bpf.o'));
  const { programs } = await host.load(object, { globals: { target: 3 } });
  programs.forwards.attach({ device: 'eth0' });
  const frame = new Uint8Array(64);
  const { eth0, eth1 } = host.devices;
  const send = () => eth0.receive(frame);
  const clear = () => {
    eth1.sent.length = 0;
  };
  best(1, timing.count, send, clear);
  const path = best(timing.rounds, timing.count, send, clear);
  const trace = host.net.trace({ keep: 10 });
  const traced = best(timing.rounds, timing.count / 4, send, clear);
  trace.stop();
  const testRun = measureTestRun(programs.forwards, frame, timing);
  host[Symbol.dispose]();
  return { name: 'XDP redirect, card to card', hops: 1, path, traced, testRun };
}

const podsOf = (pod, count) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [
      `p${i}`,
      pod({ address: `10.8.${i >> 8}.${i & 255}` }),
    ]),
  );

/** Bytes in use, once what is garbage has gone (`node --expose-gc`). */
async function inUse() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await new Promise((resume) => setImmediate(resume));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Many pods at one machine: what they take beyond one, and a packet between two of them. */
async function measureMany({ createMachine, pod }, count, timing) {
  const host = await createMachine({ namespaces: podsOf(pod, 1) });
  const before = await inUse();
  const started = performance.now();
  for (const [name, options] of Object.entries(podsOf(pod, count))) {
    if (name !== 'p0') host.net.addNamespace(name, options);
  }
  const milliseconds = performance.now() - started;
  const bytes = (await inUse()) - before;
  const last = count - 1;
  const to = `10.8.${last >> 8}.${last & 255}`;
  host.net.namespace(`p${last}`).listen({}, () => {});
  const frame = frameOf(host, 'p0', { to, port: 9 });
  const device = host.namespaces.p0.device('eth0');
  const path = best(timing.rounds, timing.count, () => device.transmit(frame));
  host[Symbol.dispose]();
  return { count, milliseconds, bytes, collected: globalThis.gc !== undefined, path };
}

export async function run({ beeyard, quick, progress }) {
  const library = await import(pathToFileURL(join(beeyard.folder, 'index.js')).href);
  const timing = quick ? { rounds: 2, count: 4000 } : { rounds: 7, count: 20_000 };
  progress('pods');
  const paths = [
    await measurePods(library, 'netkit, 3 namespaces, routed', 'netkit', 0, timing),
    await measurePods(library, 'netkit, 3 namespaces, bpf_redirect', 'netkit', 1, timing),
    await measurePods(library, 'veth, 3 namespaces, no program', 'veth', 0, timing),
    await measureXdp(library, timing),
  ];
  progress('chains');
  const chains = [];
  for (const hops of CHAINS) chains.push(await measureChain(library, hops, timing));
  progress('many namespaces');
  const many = await measureMany(library, NAMESPACES, timing);
  return { paths, chains, many };
}

const perSecond = (ns) => `${Math.round(1e9 / ns).toLocaleString('en')}/s`;

export function render({ paths, chains, many }) {
  const head = ['path', 'a packet', 'packets', 'traced', 'test run of one program', 'path : run'];
  const rows = paths.map(({ name, path, traced, testRun }) => [
    name,
    nanoseconds(path),
    perSecond(path),
    nanoseconds(traced),
    testRun === undefined ? '' : nanoseconds(testRun),
    testRun === undefined ? '' : ratio(path / testRun),
  ]);
  const hop = (chains[1] - chains[0]) / (CHAINS[1] - CHAINS[0]);
  const megabytes = (many.bytes / 1e6).toFixed(1);
  const each = (many.bytes / many.count / 1e3).toFixed(1);
  const how = many.collected ? '' : ', garbage included (run node with --expose-gc for less)';
  return [
    ...table([head, ...rows]),
    '',
    `a routed netkit hop: ${nanoseconds(hop)} (${CHAINS.join(' and ')} routers in a row)`,
    `${many.count} namespaces: ${megabytes} MB, ${each} kB each${how}; made in ` +
      `${Math.round(many.milliseconds)} ms; a packet between two: ${nanoseconds(many.path)}`,
  ];
}
