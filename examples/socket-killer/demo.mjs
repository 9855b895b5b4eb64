#!/usr/bin/env node
// Pods with connections to three backends; one backend goes away. Its sockets are ended namespace by
// namespace, as on Linux, then on a second machine in one pass over all. Needs a build (npm run build).
import { readFileSync } from 'node:fs';
import { createMachine } from 'beeyard';

const object = readFileSync(new URL('killer.bpf.o', import.meta.url));
const PODS = Number(process.argv[2] ?? 20);
const SOCKETS = Number(process.argv[3] ?? 60);
const BACKENDS = 3;
/** 127.0.0.2 as a number whose bytes are in network order; the victim is the second backend. */
const VICTIM = 0x0200007f;

async function crowded() {
  const host = await createMachine();
  const clients = [];
  for (let i = 0; i < PODS; i++) {
    const pod = host.net.addNamespace(`pod${i}`);
    for (let b = 1; b <= BACKENDS; b++) {
      pod.socket({ type: 'udp', address: `127.0.0.${b}`, port: 53 });
    }
    for (let s = 0; s < SOCKETS; s++) {
      const to = { address: `127.0.0.${1 + (s % BACKENDS)}`, port: 53 };
      clients.push(pod.connect({ type: 'udp', to }));
    }
  }
  const loaded = await host.load(object, {
    programs: ['kill_udp'],
    globals: { backend_address: VICTIM, backend_port: 53 },
  });
  return { host, clients, ...loaded };
}

async function kill(title, where) {
  const { clients, programs, globals, host } = await crowded();
  const start = performance.now();
  for (const options of where(host)) {
    const link = programs.kill_udp.attach(options);
    link.read();
    link.detach();
  }
  const ms = performance.now() - start;
  const dead = clients.map((socket) => socket.takeError() === 'ECONNABORTED');
  const count = dead.filter(Boolean).length;
  const say = `${globals.get('passes')} passes, ${globals.get('looked_at')} sockets looked at`;
  console.log(`${title}: ${count} of ${clients.length} ended, ${say}, ${ms.toFixed(1)} ms`);
  return dead;
}

const loop = await kill('namespace by namespace', (host) =>
  host.net.namespaceNames.map((namespace) => ({ namespace })),
);
const once = await kill('one pass over all', () => [{ netns: 'all' }]);
const same = loop.every((dead, i) => dead === once[i]);
console.log(same ? 'the same sockets both times' : 'NOT the same sockets');
process.exitCode = same ? 0 : 1;
