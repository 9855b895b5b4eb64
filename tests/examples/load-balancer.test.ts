import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine, type EngineName, parseObject } from '../../src/index.ts';
import { dissect, ethernet, ipv4, packet, payload, tcp, udp } from '../../src/packet/index.ts';
import { maglevTable } from '../../src/tools/maglev/index.ts';

const object = parseObject(readFileSync('examples/load-balancer/balancer.bpf.o'));
const TABLE = 16_381;
const VIP = '192.0.2.10';
const N = 5;
const FLOWS = 1000;

const little = (text: string) =>
  new DataView(Uint8Array.from(text.split('.').map(Number)).buffer).getUint32(0, true);

const flow = (i: number, port = 443) =>
  packet(
    ethernet(),
    ipv4({ source: `198.51.${i >> 8}.${i & 255}`, destination: VIP }),
    tcp({ sourcePort: 1024 + i, destinationPort: port }),
    payload(i % 100),
  );

interface Options {
  readonly engine?: EngineName;
  readonly track?: number;
  readonly tunnel?: number;
}

async function boot({ engine = 'wasm', track = 1, tunnel = 0 }: Options = {}) {
  const host = await createMachine({ engine, devices: { eth0: {}, eth1: {} } });
  const globals = { track, own_address: little('10.0.0.100') };
  const { programs, maps } = await host.load(object, { globals });
  programs['balance']!.attach({ device: 'eth0' });
  maps['ports']!.set(0, host.net.namespace('').device('eth1').ifindex);
  maps['services']!.set({ address: little(VIP), port: 0xbb01, protocol: 6, unused: 0 }, 0);
  const setAlive = (alive: readonly number[]) => {
    const table = maglevTable(
      alive.map((i) => ({ name: `backend ${i}` })),
      TABLE,
    );
    for (let i = 0; i < N; i++) {
      maps['backends']!.set(i, {
        address: little(`10.0.0.${i + 1}`),
        mac: [2, 0, 0, 0, 0xb, i],
        alive: alive.includes(i) ? 1 : 0,
        tunnel,
        port: 0,
      });
    }
    for (const [place, one] of table.entries()) maps['maglev']!.set(place, alive[one] ?? 0);
  };
  setAlive([0, 1, 2, 3, 4]);
  const { eth0, eth1 } = host.devices;
  const places = () => {
    eth1.sent.splice(0);
    for (let i = 0; i < FLOWS; i++) eth0.receive(flow(i));
    return eth1.sent.map(({ data }) => data[5]!);
  };
  return { host, maps, setAlive, places, eth0, eth1 };
}

const countOf = (places: readonly number[], backend: number) =>
  places.filter((one) => one === backend).length;

describe.each(['wasm', 'interpreter'] as const)('the load balancer on %s', (engine) => {
  it('spreads flows evenly and keeps each at its backend', async () => {
    const { host, maps, places } = await boot({ engine });
    using _host = host;
    const first = places();
    expect(first).toHaveLength(FLOWS);
    expect(places()).toEqual(first);
    for (let i = 0; i < N; i++) {
      expect(countOf(first, i)).toBeGreaterThan(150);
      expect(countOf(first, i)).toBeLessThan(250);
    }
    const [counts] = maps['counts']!.get(0) as unknown as [{ packets: bigint }];
    expect(counts.packets).toBe(BigInt(2 * countOf(first, 0)));
  });

  it('moves only the flows of a backend that dies, and back no one when it returns', async () => {
    const { host, setAlive, places } = await boot({ engine });
    using _host = host;
    const before = places();
    setAlive([0, 1, 3, 4]);
    const after = places();
    const moved = before.filter((one, i) => one !== after[i]);
    expect(moved.length).toBe(countOf(before, 2));
    expect(moved.length).toBeLessThan(FLOWS / N + 50);
    expect(countOf(after, 2)).toBe(0);
    setAlive([0, 1, 2, 3, 4]);
    expect(places()).toEqual(after);
    setAlive([]);
    expect(places()).toEqual([]);
  });
});

describe('the load balancer', () => {
  it('by the Maglev table alone moves few others, and all come back', async () => {
    const { host, setAlive, places } = await boot({ track: 0 });
    using _host = host;
    const before = places();
    setAlive([0, 1, 3, 4]);
    const after = places();
    const needless = before.filter((one, i) => one !== 2 && one !== after[i]).length;
    expect(needless / FLOWS).toBeLessThan(0.02);
    setAlive([0, 1, 2, 3, 4]);
    expect(places()).toEqual(before);
  });

  it('rewrites hardware addresses and nothing else', async () => {
    const { host, eth0, eth1 } = await boot();
    using _host = host;
    const sent = flow(7);
    expect(eth0.receive(sent).verdict).toBe('redirect');
    const [got] = eth1.sent;
    expect([...got!.data.subarray(0, 5)]).toEqual([2, 0, 0, 0, 0xb]);
    expect([...got!.data.subarray(6, 12)]).toEqual([...sent.subarray(0, 6)]);
    expect(Buffer.compare(got!.data.subarray(12), sent.subarray(12))).toBe(0);
  });

  it('wraps packets in IPIP with a right header', async () => {
    const { host, eth0, eth1 } = await boot({ tunnel: 1 });
    using _host = host;
    const sent = flow(7);
    eth0.receive(sent);
    const { data } = eth1.sent[0]!;
    expect(data.length).toBe(sent.length + 20);
    expect(Buffer.compare(data.subarray(34), sent.subarray(14))).toBe(0);
    const [, outer] = dissect(data);
    expect(outer!.problems).toEqual([]);
    expect(outer!.fields.map(({ name, text }) => `${name} ${text}`).join()).toMatch(
      /source 10\.0\.0\.100,destination 10\.0\.0\.[1-5]/,
    );
    expect(data[23]).toBe(4);
  });

  it('leaves to the stack what is no service, has no ports, or is cut short', async () => {
    const { host, eth0, eth1 } = await boot();
    using _host = host;
    const ip = { source: '198.51.100.1', destination: VIP };
    const others = [
      flow(1, 80),
      packet(ethernet(), ipv4(ip), udp({ destinationPort: 443 })),
      packet(ethernet(), ipv4({ ...ip, protocol: 1 }), payload(20)),
      packet(ethernet(), ipv4({ ...ip, fragmentOffset: 10 }), tcp({ destinationPort: 443 })),
      flow(1).subarray(0, 30),
    ];
    for (const one of others) expect(eth0.receive(one).verdict).toBe('pass');
    expect(eth1.sent).toEqual([]);
  });
});
