// Sockets: what 100,000 of them in 1,000 network namespaces take, and how long one pass of an
// iterator over all namespaces takes beside a pass per namespace (examples/socket-killer).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../../examples/build.mjs';
import { table } from '../lib/table.mjs';

const KILLER = join(root, 'examples', 'socket-killer', 'killer.bpf.o');
const BACKEND = { address: '127.0.0.1', port: 53 };
/** 127.0.0.1 as a number whose bytes are in network order. */
const VICTIM = 0x0100007f;
const MIB = 1 << 20;

export const title = 'Sockets in many namespaces, and iterators over them';

function used() {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** A machine with `sockets` connected UDP sockets, spread over `namespaces`. */
async function crowded({ createMachine }, namespaces, sockets) {
  const host = await createMachine();
  const empty = used();
  const start = performance.now();
  for (let i = 0; i < namespaces; i++) host.net.addNamespace(`pod${i}`);
  const between = performance.now();
  const withNamespaces = used();
  const clients = [];
  for (let i = 0; i < sockets; i++) {
    const pod = host.net.namespace(`pod${i % namespaces}`);
    clients.push(pod.connect({ type: 'udp', to: BACKEND }));
  }
  const end = performance.now();
  const size = [withNamespaces - empty, used() - withNamespaces];
  return { host, clients, size, ms: [between - start, end - between] };
}

/** One pass per namespace, or one over all. Milliseconds, and who was ended. */
async function kill(api, namespaces, sockets, places) {
  const { host, clients } = await crowded(api, namespaces, sockets);
  const globals = { backend_address: VICTIM, backend_port: BACKEND.port };
  const loaded = await host.load(readFileSync(KILLER), { programs: ['kill_udp'], globals });
  const start = performance.now();
  for (const options of places(host)) {
    const link = loaded.programs.kill_udp.attach(options);
    link.read();
    link.detach();
  }
  const ms = performance.now() - start;
  const ended = clients.filter((socket) => socket.takeError() === 'ECONNABORTED').length;
  return { ms, ended, passes: Number(loaded.globals.get('passes')) };
}

export async function run({ beeyard, quick }) {
  const api = await import(pathToFileURL(join(beeyard.folder, 'index.js')).href);
  const [namespaces, sockets] = quick ? [100, 10_000] : [1000, 100_000];
  const { size, ms } = await crowded(api, namespaces, sockets);
  const memory = [`${namespaces} namespaces`, `${sockets} sockets`].map((what, i) => ({
    what,
    mib: size[i] / MIB,
    ms: ms[i],
  }));
  const loop = await kill(api, namespaces / 10, sockets, (host) =>
    host.net.namespaceNames.map((namespace) => ({ namespace })),
  );
  const once = await kill(api, namespaces / 10, sockets, () => [{ netns: 'all' }]);
  const passes = [
    { what: 'namespace by namespace', ...loop },
    { what: 'all at once', ...once },
  ];
  return { memory, passes };
}

export function render({ memory, passes }) {
  const built = memory.map(({ what, mib, ms }) => [what, mib.toFixed(1), ms.toFixed(0)]);
  const ended = passes.map(({ what, passes: count, ended: victims, ms }) => [
    what,
    `${count}`,
    `${victims}`,
    ms.toFixed(0),
  ]);
  return [
    ...table([['', 'MiB', 'ms'], ...built]),
    '',
    ...table([['', 'passes', 'ended', 'ms'], ...ended]),
  ];
}
