#!/usr/bin/env node
// An echo service behind AF_XDP on two queues, and how long each answer took by the clock of the
// card. Needs a build (npm run build).
import { readFileSync } from 'node:fs';
import { createMachine } from 'beeyard';
import { ethernet, ipv4, packet, udp } from 'beeyard/packet';
import { EchoServer } from './echo.mjs';

const QUEUES = 2;
const host = await createMachine({
  devices: {
    eth0: {
      queues: QUEUES,
      rxMetadata: { timestamp: true, hash: true, vlanTag: true },
      txLatency: 1_800,
    },
  },
});
const { eth0 } = host.devices;
const object = readFileSync(new URL('echo.bpf.o', import.meta.url));
const options = { programs: ['to_socket'], bound: { to_socket: 'eth0' } };
const { programs, maps } = await host.load(object, options);
programs.to_socket.attach({ device: 'eth0' });

// The service takes 2 microseconds for a request, and 10 nanoseconds more for each byte.
const work = ({ length }) => host.advance(2_000 + 10 * length);
const servers = [];
for (let queue = 0; queue < QUEUES; queue++) {
  const socket = eth0.xsk({ queue });
  maps.sockets.setXsk(queue, socket);
  servers.push(new EchoServer(socket, work));
}

/** Requests of eight clients, sometimes several at once: those wait for each other. */
const request = (client, length) =>
  packet(
    ethernet(),
    ipv4({ source: `10.0.0.${client}`, destination: '10.0.0.100' }),
    udp({ sourcePort: 4000 + client, destinationPort: 7 }),
    'x'.repeat(length),
  );
const rows = [];
for (let round = 0; round < 40; round++) {
  for (let i = 0; i <= round % 4; i++) eth0.receive(request(1 + ((round + i) % 8), 18 + 40 * i));
  for (const [queue, server] of servers.entries()) {
    server.answerAll();
    host.advance(5_000);
    for (const row of server.sent()) rows.push({ queue, ...row });
  }
}

const at = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
console.log('queue  answers  flows    least   median      99%     most   (nanoseconds)');
for (let queue = 0; queue < QUEUES; queue++) {
  const mine = rows.filter((row) => row.queue === queue);
  const times = mine.map(({ latency }) => latency).sort((a, b) => a - b);
  const flows = new Set(mine.map(({ hash }) => hash)).size;
  const figures = [times[0], at(times, 0.5), at(times, 0.99), times.at(-1)];
  const columns = figures.map((ns) => `${ns ?? '-'}`.padStart(9)).join('');
  console.log(`${queue}`.padEnd(5), `${mine.length}`.padStart(8), `${flows}`.padStart(6), columns);
}
console.log(`${rows.length} requests, ${eth0.sent.length} answers on the wire`);
host[Symbol.dispose]();
