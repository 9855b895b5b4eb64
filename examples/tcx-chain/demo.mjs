#!/usr/bin/env node
// Five programs at one tcx hook: attached in a bad order, put right by the shortest plan, and who
// decided on each packet. Needs a build (npm run build).
import { readFileSync } from 'node:fs';
import { createMachine, planOrder } from 'beeyard';
import { follow, packetFrom, whoDecided } from './follow.mjs';

const host = await createMachine({ devices: { eth0: {} } });
const { programs, maps } = await host.load(readFileSync(new URL('chain.bpf.o', import.meta.url)));
const { sanity, trust, block, police, account } = programs;
const eth0 = host.net.namespace('').device('eth0');
const names = () =>
  eth0
    .query('ingress')
    .programs.map(({ name }) => name)
    .join(' → ');

for (const program of [account, police, block, trust]) {
  program.attach({ device: 'eth0', direction: 'ingress', link: false });
}
const before = eth0.query('ingress');
console.log(`before: ${names()} (revision ${before.revision})`);

const wanted = [sanity, trust, block, police, account];
const plan = planOrder(
  before,
  wanted.map(({ id }) => id),
);
for (const { do: what, program, expectedRevision } of plan) {
  const { name } = wanted.find(({ id }) => id === program);
  console.log(`  ${what.padEnd(8)} ${name.padEnd(8)} at revision ${expectedRevision}`);
}
follow(plan, eth0, wanted);
console.log(`after:  ${names()} (revision ${eth0.query('ingress').revision})\n`);

maps.trusted.set(0x0100000a, 1); // 10.0.0.1, as it is on the wire
maps.blocked.set(0x0200000a, 1);
const trace = host.net.trace();
for (const last of [1, 2, 3, 3, 3, 3]) eth0.receive(packetFrom(10, 0, 0, last));
eth0.receive(new Uint8Array(60).fill(0xff, 0, 14));

for (const { id, events } of trace.packets) {
  const verdicts = events.flatMap((event) =>
    event.kind === 'program' ? [`${event.program.name} ${event.verdict}`] : [],
  );
  console.log(`packet ${id}: ${whoDecided(events).padEnd(24)} ${verdicts.join(', ')}`);
}
console.log(`bytes counted: ${maps.bytes.get(0)}`);
host[Symbol.dispose]();
