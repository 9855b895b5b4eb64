#!/usr/bin/env node
// Three pods on netkit, a policy in BPF, and where each packet goes. Needs a build (npm run build).
import { readFileSync } from 'node:fs';
import { createMachine } from 'beeyard';
import topology, { setup } from './topology.mjs';

const host = await createMachine(topology);
const place = ({ namespace, device }) => `${namespace || 'node'}/${device}`.padEnd(16);

function words(event) {
  switch (event.kind) {
    case 'program':
      return `${event.hook} ${event.program.name}: ${event.verdict}`;
    case 'drop':
      return `dropped (${event.why ?? event.reason})`;
    case 'peer':
      return `across to ${event.to}`;
    case 'route':
      return `route ${event.to} through ${event.out}`;
    case 'deliver':
      return `delivered: ${event.to}`;
    default:
      return event.kind;
  }
}

const object = readFileSync(new URL('pods.bpf.o', import.meta.url));
const { programs, maps } = await host.load(object);
setup({ host, programs, maps });

const { client, web, dns } = host.namespaces;
web.listen({ protocol: 'tcp' }, ({ from, destinationPort }) => {
  console.log(`web: TCP from ${from} to port ${destinationPort}`);
});
dns.listen({ protocol: 'udp', port: 53 }, () => 'web is 10.0.0.3');
client.listen({ protocol: 'udp' }, ({ payload }) => {
  console.log(`client: answer "${new TextDecoder().decode(payload)}"`);
});

const trace = host.net.trace();
client.send({ to: '10.0.0.53', port: 53, sourcePort: 5353, payload: 'where is web?' });
client.send({ to: '10.0.0.3', protocol: 'tcp', port: 80 });
client.send({ to: '10.0.0.3', protocol: 'tcp', port: 443 });
client.send({ to: '198.51.100.7', protocol: 'tcp', port: 443 });

for (const { id, parent, events } of trace.packets) {
  console.log(`\npacket ${id}${parent ? `, because of packet ${parent}` : ''}`);
  for (const event of events) console.log(`  ${place(event)} ${words(event)}`);
}
console.log('\nallowed and denied, by sending pod:');
for (const [id, { allowed, denied }] of maps.counts) {
  console.log(`  pod ${id}: ${allowed} allowed, ${denied} denied`);
}
console.log(`\nout of the card: ${host.devices.eth0.sent.length} packet`);
host[Symbol.dispose]();
