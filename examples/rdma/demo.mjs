#!/usr/bin/env node
// RDMA in a simulated network: a packet is lost and comes again, a firewall guards memory keys.
// Needs a build (npm run build). With a file name the packets are written there.
import { readFileSync, writeFileSync } from 'node:fs';
import { createMachine, writeCapture } from 'beeyard';
import { connect, lossy, topology, VICTIM } from './scenario.mjs';

const object = (name) => readFileSync(new URL(`${name}.bpf.o`, import.meta.url));
const list = (counters) =>
  Object.entries(counters)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

const host = await createMachine(topology);
const { programs, maps } = await host.load(object('roce'), { globals: { victim: VICTIM } });
const { client, server, packets } = lossy(host, { programs });

console.log(`An XDP program at the server loses packet ${VICTIM} of a message, once.\n`);
console.log('what the client asked for:');
for (const { operation, status } of client.completions) console.log(`  ${operation}: ${status}`);
console.log(`client: ${list(client.counters)}`);
console.log(`server: ${list(server.counters)}`);
console.log('\ncounted by tcx programs, from plain packets:');
for (const [{ qpn }, { packets: count, bytes, acks, naks }] of maps.queue_pairs) {
  console.log(`  to queue pair ${qpn}: ${count} packets, ${bytes} bytes, ${acks} ACK, ${naks} NAK`);
}
for (const [{ qpn }, { gaps, lost, again }] of maps.sequences) {
  console.log(`  requests to queue pair ${qpn}: ${gaps} gaps, ${lost} lost, ${again} again`);
}
const [, , file] = process.argv;
if (file) writeFileSync(file, writeCapture(packets, { nanoseconds: true }));
host[Symbol.dispose]();

const guarded = await createMachine(topology);
const keys = await guarded.load(object('rkeys'));
const rdma = connect(guarded);
const { address, remoteKey } = rdma.memory;
// 10.0.0.1 as it stands in memory.
keys.maps.keys.set(remoteKey, { address: 0x0100000a, read_only: 1 });
keys.programs.guard_keys.attach({ device: 'server/eth0' });
rdma.pair.post({ operation: 'read', length: 8, address, remoteKey });
rdma.pair.post({ operation: 'write', data: new Uint8Array(8), address, remoteKey });
guarded.net.advance(1e9);
console.log('\nA program at rxe/rx lets the client read with this key, and not write:');
for (const { operation, status } of rdma.client.completions)
  console.log(`  ${operation}: ${status}`);
for (const [key, count] of keys.maps.refused) {
  console.log(`  key 0x${key.toString(16)}: ${count} packets refused`);
}
guarded[Symbol.dispose]();
