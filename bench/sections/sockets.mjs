// Sockets: what 100,000 of them in 1,000 network namespaces take, and how long one pass of an
// iterator over all namespaces takes beside a pass per namespace (examples/socket-killer); bytes through
// a proxy whose connections are in a sockhash, beside one that copies them (examples/sockmap-proxy).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../../examples/build.mjs';
import { Proxy } from '../../examples/sockmap-proxy/proxy.mjs';
import { table } from '../lib/table.mjs';

const KILLER = join(root, 'examples', 'socket-killer', 'killer.bpf.o');
const PROXY = join(root, 'examples', 'sockmap-proxy', 'proxy.bpf.o');
/** Bytes per send, rounds of each kind of proxy in turn: the best one counts. */
const PIECES = [512, 4096, 32_768];
const ROUNDS = 5;
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

/** A client, a proxy and a backend in namespaces of their own. */
async function proxied({ createMachine, pod }, withMap) {
  const addresses = { client: '10.0.0.2', proxy: '10.0.0.3', backend: '10.0.0.4' };
  const pods = Object.entries(addresses).map(([name, address]) => [name, pod({ address })]);
  const host = await createMachine({ namespaces: Object.fromEntries(pods) });
  const { client, proxy: middle, backend } = host.namespaces;
  const server = backend.socket({ type: 'tcp', port: 80 }).listen();
  const { programs, maps } = await host.load(readFileSync(PROXY));
  if (withMap) programs.forward.attach({ map: maps.peers });
  const to = { address: addresses.backend, port: 80 };
  const proxy = new Proxy(middle, { port: 8080, to, ...(withMap ? { maps } : {}) });
  const near = client.connect({ type: 'tcp', to: { address: addresses.proxy, port: 8080 } });
  proxy.work();
  return { proxy, near, far: server.accept() };
}

/** Megabytes a second from the client to the backend. */
function stream({ proxy, near, far }, piece, total) {
  const bytes = new Uint8Array(piece);
  const start = performance.now();
  let got = 0;
  for (let sent = 0; sent < total; sent += piece) {
    near.send(bytes);
    while (got < sent + piece) {
      proxy.work();
      got += far.receive()?.data.length ?? 0;
    }
  }
  return total / 1000 / (performance.now() - start);
}

/** Both kinds of proxy in turn, so that they have the same weather. */
async function throughput(api, total) {
  const kinds = [await proxied(api, false), await proxied(api, true)];
  return PIECES.map((piece) => {
    const best = kinds.map(() => 0);
    for (let round = 0; round < ROUNDS; round++) {
      kinds.forEach((kind, i) => {
        best[i] = Math.max(best[i], stream(kind, piece, total));
      });
    }
    return { piece, copied: best[0], redirected: best[1] };
  });
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
  const proxies = await throughput(api, quick ? 1_000_000 : 8_000_000);
  return { memory, passes, proxies };
}

export function render({ memory, passes, proxies }) {
  const built = memory.map(({ what, mib, ms }) => [what, mib.toFixed(1), ms.toFixed(0)]);
  const ended = passes.map(({ what, passes: count, ended: victims, ms }) => [
    what,
    `${count}`,
    `${victims}`,
    ms.toFixed(0),
  ]);
  const through = proxies.map(({ piece, copied, redirected }) => [
    `${piece}`,
    copied.toFixed(1),
    redirected.toFixed(1),
    (redirected / copied).toFixed(2),
  ]);
  return [
    ...table([['', 'MiB', 'ms'], ...built]),
    '',
    ...table([['', 'passes', 'ended', 'ms'], ...ended]),
    '',
    ...table([['bytes per send', 'copied MB/s', 'redirected MB/s', 'ratio'], ...through]),
  ];
}
