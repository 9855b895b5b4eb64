import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { follow, packetFrom, whoDecided } from '../../examples/tcx-chain/follow.mjs';
import { createMachine, planOrder } from '../../src/index.ts';

const object = readFileSync(new URL('../../examples/tcx-chain/chain.bpf.o', import.meta.url));

async function boot() {
  const host = await createMachine({ devices: { eth0: {} } });
  const { programs, maps } = await host.load(object);
  const device = host.net.namespace('').device('eth0');
  const all = ['sanity', 'trust', 'block', 'police', 'account'].map((name) => programs[name]!);
  return { host, maps, device, all };
}

describe('a chain at tcx', () => {
  it('is put in order by the plan, and a change by another stops it', async () => {
    const { host, device, all } = await boot();
    using _host = host;
    for (const program of all.slice(1).reverse()) {
      program.attach({ device: 'eth0', direction: 'ingress', link: false });
    }
    const wanted = all.map(({ id }) => id);
    const plan = planOrder(device.query('ingress'), wanted);
    expect(plan.length).toBeLessThan(8);
    follow(plan, device, all);
    expect(device.query('ingress').programs.map(({ program }) => program)).toEqual(wanted);
    expect(() => follow(plan, device, all)).toThrow('ESTALE');
  });

  it('shows for every packet who decided', async () => {
    const { host, maps, device, all } = await boot();
    using _host = host;
    for (const program of all) program.attach({ device: 'eth0' });
    maps['trusted']!.set(0x0100000a, 1);
    maps['blocked']!.set(0x0200000a, 1);
    using trace = host.net.trace();
    for (const last of [1, 2, 3, 3, 3, 3]) device.receive(packetFrom(10, 0, 0, last));
    device.receive(new Uint8Array(60));
    expect(trace.packets.map(({ events }) => whoDecided(events))).toEqual([
      'trust: pass',
      'block: drop',
      'nobody: on to the stack',
      'nobody: on to the stack',
      'nobody: on to the stack',
      'police: drop',
      'sanity: drop',
    ]);
    expect(maps['bytes']!.get(0)).toBe(180n);
  });
});
