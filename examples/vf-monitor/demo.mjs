#!/usr/bin/env node
// Two virtual machines on virtual functions, one flow forwarded by the card, one by the host: what
// the monitor at the representors sees. Needs a build (npm run build).
import { readFileSync } from 'node:fs';
import { createMachine } from 'beeyard';
import { dissect, parseMac } from 'beeyard/packet';

const RATE = 8;
const MACS = ['02:00:00:00:01:00', '02:00:00:00:01:01'];
const host = await createMachine({
  seed: 7,
  devices: {
    eth0: {
      kind: 'nic',
      eswitch: 'switchdev',
      vfs: MACS.map((address, i) => ({
        namespace: `vm${i}`,
        address,
        addresses: [`10.0.0.${i + 1}/24`],
      })),
    },
  },
  namespaces: { vm0: {}, vm1: {} },
});
const { programs, maps } = await host.load(
  readFileSync(new URL('monitor.bpf.o', import.meta.url)),
  { globals: { sample_rate: RATE, port_count: 3 } },
);

// The monitor at each representor, and behind it the switch of the host.
const root = host.net.namespace('');
for (const [i, device] of ['pf0vf0', 'pf0vf1', 'eth0'].entries()) {
  if (MACS[i]) {
    programs.from_vf.attach({ device });
    programs.to_vf.attach({ device });
    maps.stations.set({ address: [...parseMac(MACS[i])] }, root.device(device).ifindex);
  }
  programs.forward.attach({ device });
  maps.members.set(i, root.device(device).ifindex);
}

// A flow that the card forwards by itself.
const nic = host.net.nic('eth0');
const rule = nic.addRule({
  dev: 'pf0vf0',
  match: { ip_proto: 'udp', dst_port: 5432 },
  actions: [{ redirect: 'pf0vf1' }],
});

const { vm0, vm1 } = host.namespaces;
// Listening ends with the machine.
vm1.listen({ protocol: 'udp', port: 53 }, () => 'here');
vm0.listen({ protocol: 'udp', port: 5353 }, () => undefined);
vm1.listen({ protocol: 'udp', port: 5432 }, () => undefined);
for (let i = 0; i < 40; i++) {
  vm0.send({ to: '10.0.0.2', port: 53, sourcePort: 5353, payload: 'where?' });
  vm0.send({ to: '10.0.0.2', port: 5432, sourcePort: 6000, payload: new Uint8Array(1000) });
}

const nameOf = new Map(['pf0vf0', 'pf0vf1'].map((name) => [root.device(name).ifindex, name]));
const ip = (bytes) => bytes.slice(0, 4).join('.');
const turned = (port) => ((port & 255) << 8) | (port >> 8);
console.log('by 5-tuple, at the representors:');
for (const [key, { packets, bytes }] of maps.flows) {
  const way = key.direction === 0 ? 'from' : 'to';
  const from = `${ip(key.source)}:${turned(key.source_port)}`;
  const to = `${ip(key.destination)}:${turned(key.port)}`;
  const place = `${way} ${nameOf.get(key.ifindex)}`.padEnd(12);
  console.log(`  ${place} ${from} → ${to}  ${packets} packets, ${bytes} bytes`);
}

const samples = [...maps.samples.drain('sample')].map(({ value }) => value);
const estimate = samples.reduce((sum, { rate, length }) => sum + rate * length, 0);
const first = dissect(Uint8Array.from(samples[0].header));
console.log(`\nsamples, one in ${RATE}: ${samples.length}, which say ${estimate} bytes`);
console.log(`  the first: ${first.map(({ protocol }) => protocol).join(' / ')}`);

console.log('\nfunction  bytes sent  seen at its representor');
for (const { index, statistics, representor } of nic.vfs) {
  const { ifindex } = root.device(representor);
  const seen = maps.ports.get({ ifindex, direction: 0 })?.bytes ?? 0n;
  console.log(`  vf ${index}  ${String(statistics.tx_bytes).padStart(12)}  ${seen}`);
}
console.log(`\nthe rule of the card forwarded ${rule.packets} packets, ${rule.bytes} bytes`);
host[Symbol.dispose]();
