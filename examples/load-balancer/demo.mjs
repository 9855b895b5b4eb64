#!/usr/bin/env node
// Five backends, ten thousand flows, one backend dies: who moves? Needs a build (npm run build).
import { readFileSync } from 'node:fs';
import { createMachine } from 'beeyard';
import { ethernet, ipv4, packet, tcp } from 'beeyard/packet';
import { setBackends, setService } from './setup.mjs';

const FLOWS = 10_000;
const VIP = '192.0.2.10';
const backends = Array.from({ length: 5 }, (_, i) => ({
  address: `10.0.0.${i + 1}`,
  mac: `02:00:00:00:0b:0${i + 1}`,
}));

const flow = (i) =>
  packet(
    ethernet(),
    ipv4({ source: `198.51.${i >> 8}.${i & 255}`, destination: VIP }),
    tcp({ sourcePort: 1024 + (i % 50_000), destinationPort: 443 }),
  );

/** Which backend each flow goes to now: the last byte of the hardware address. */
function places(host) {
  host.devices.eth1.sent.splice(0);
  for (let i = 0; i < FLOWS; i++) host.devices.eth0.receive(flow(i));
  return host.devices.eth1.sent.map(({ data }) => data[5] - 1);
}

async function run(track) {
  const host = await createMachine({ devices: { eth0: {}, eth1: {} } });
  const object = readFileSync(new URL('balancer.bpf.o', import.meta.url));
  const { programs, maps } = await host.load(object, { globals: { track } });
  programs.balance.attach({ device: 'eth0' });
  const root = host.net.namespace('');
  maps.ports.set(0, root.device('eth1').ifindex);
  setService(maps, 0, { address: VIP, port: 443, protocol: 6 });
  setBackends(maps, 0, backends);
  const before = places(host);
  const dead = backends.map((one, i) => (i === 2 ? { ...one, alive: false } : one));
  setBackends(maps, 0, dead);
  const after = places(host);
  host[Symbol.dispose]();
  return { before, after };
}

for (const track of [1, 0]) {
  const { before, after } = await run(track);
  console.log(track ? 'with a table of connections' : '\nby the Maglev table alone');
  backends.forEach(({ address }, i) => {
    const had = before.filter((one) => one === i).length;
    const has = after.filter((one) => one === i).length;
    console.log(`  ${address}  ${String(had).padStart(5)} flows, then ${has}`);
  });
  const of = before.filter((one) => one === 2).length;
  const moved = before.filter((one, i) => one !== after[i]).length;
  console.log(`  moved: ${moved} of ${FLOWS}; the dead one had ${of}`);
}
