import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine, type EngineName, pod } from '../../src/index.ts';

const object = () =>
  readFileSync(new URL('../../examples/netkit-pods/pods.bpf.o', import.meta.url));

const engines: readonly EngineName[] = ['interpreter', 'wasm'];

describe.each([
  ['netkit', 'l3'],
  ['netkit', 'l2'],
  ['veth', 'l2'],
] as const)('pods over %s (%s)', (link, mode) => {
  const machine = () =>
    createMachine({
      namespaces: {
        client: pod({ address: ['10.0.0.2', 'fd00::2'], link, mode }),
        web: pod({ address: ['10.0.0.3', 'fd00::3'], link, mode }),
      },
    });

  it('talk to each other through the machine', async () => {
    using host = await machine();
    const got: unknown[] = [];
    const { client, web } = host.namespaces;
    using _web = web.listen({ protocol: 'udp', port: 80 }, (one) => {
      got.push([one.from, new TextDecoder().decode(one.payload)]);
      return 'pong';
    });
    using _client = client.listen({ protocol: 'udp' }, (one) => {
      got.push([
        one.from,
        one.sourcePort,
        one.destinationPort,
        new TextDecoder().decode(one.payload),
      ]);
    });
    for (const [from, to] of [
      ['10.0.0.2', '10.0.0.3'],
      ['fd00::2', 'fd00::3'],
    ] as const) {
      client.send({ to, port: 80, sourcePort: 4000, payload: 'ping' });
      expect(got.splice(0)).toEqual([
        [from, 'ping'],
        [to, 80, 4000, 'pong'],
      ]);
    }
  });

  it('answer echoes, refuse ports nobody listens to, and are left with TTL one less', async () => {
    using host = await machine();
    const { client, web } = host.namespaces;
    const got: string[] = [];
    using capture = host.net.capture({ namespace: 'web', direction: 'in' });
    using _all = client.listen({ protocol: 'icmp' }, (one) => {
      got.push(`${one.from} ${one.payload[0]}/${one.payload[1]}`);
    });
    using _web = web.listen({ protocol: 'udp', port: 53 }, () => undefined);
    client.send({ to: '10.0.0.3', protocol: 'icmp' });
    client.send({ to: '10.0.0.3', port: 99 });
    client.send({ to: '10.0.0.3', port: 53 });
    client.send({ to: 'fd00::3', protocol: 'icmp' });
    client.send({ to: '10.0.0.3', port: 53, ttl: 1 });
    client.send({ to: '192.0.2.7', port: 53 });
    const node = '169.254.1.1';
    expect(got).toEqual([
      '10.0.0.3 0/0',
      '10.0.0.3 3/3',
      'fd00::3 129/0',
      `${node} 11/0`,
      `${node} 3/0`,
    ]);
    const ttls = capture.packets.filter(({ data }) => data[12] === 8 && data[13] === 0);
    expect(ttls.map(({ data }) => data[22])).toEqual([63, 63, 63]);
  });
});

describe.each(engines)('the netkit datapath of the example (%s)', (engine) => {
  const boot = async (options: { shortcut: number }) => {
    const host = await createMachine({
      engine,
      devices: { eth0: { addresses: ['192.0.2.1/24'] } },
      routes: [{ to: 'default', via: '192.0.2.254' }],
      namespaces: {
        client: pod({ address: '10.0.0.2' }),
        web: pod({ address: '10.0.0.3' }),
        dns: pod({ address: '10.0.0.53' }),
      },
    });
    const { programs, maps } = await host.load(object(), { globals: options });
    for (const [i, name] of ['client', 'web', 'dns'].entries()) {
      const device = `nk-${name}`;
      programs['from_pod']!.attach({ device });
      programs['to_pod']!.attach({ device });
      const address = ['10.0.0.2', '10.0.0.3', '10.0.0.53'][i]!;
      const { ifindex } = host.net.namespace('').device(device);
      maps['endpoints']!.set(address, { id: i + 1, ifindex });
    }
    maps['allow']!.set({ from: 1, to: 2, port: 80, protocol: 6, unused: 0 }, 1);
    return { host, maps };
  };

  it.each([0, 1])('allows and denies by pod, port and protocol (shortcut %i)', async (shortcut) => {
    const { host, maps } = await boot({ shortcut });
    using _host = host;
    const { client, web, dns } = host.namespaces;
    const got: string[] = [];
    for (const one of [client, web, dns]) {
      one.listen({}, ({ protocol, from, destinationPort }) => {
        got.push(`${one.name} ${protocol} from ${from} port ${destinationPort}`);
        return protocol === 'udp' && destinationPort === 53 ? 'answer' : undefined;
      });
    }
    client.send({ to: '10.0.0.3', protocol: 'tcp', port: 80 });
    client.send({ to: '10.0.0.3', protocol: 'tcp', port: 81 });
    web.send({ to: '10.0.0.2', protocol: 'tcp', port: 80 });
    web.send({ to: '10.0.0.2', protocol: 'tcp', port: 4000, sourcePort: 80 });
    client.send({ to: '10.0.0.53', port: 53, sourcePort: 5000 });
    client.send({ to: '10.0.0.3', from: '10.0.0.53', protocol: 'tcp', port: 80 });
    expect(got).toEqual([
      'web tcp from 10.0.0.2 port 80',
      'client tcp from 10.0.0.3 port 4000',
      'dns udp from 10.0.0.2 port 53',
      'client udp from 10.0.0.53 port 5000',
    ]);
    expect(maps['counts']!.get(1)).toEqual({ allowed: 2n, denied: 1n });
    expect(maps['counts']!.get(2)).toEqual({ allowed: 1n, denied: 1n });
    expect(host.namespaces.client.device('eth0').statistics.tx_dropped).toBe(2);
  });

  it('shows the way of an allowed and of a denied packet', async () => {
    const { host } = await boot({ shortcut: 0 });
    using _host = host;
    using trace = host.net.trace();
    const { client } = host.namespaces;
    host.namespaces.web.listen({ protocol: 'tcp' }, () => undefined);
    client.send({ to: '10.0.0.3', protocol: 'tcp', port: 80 });
    client.send({ to: '10.0.0.3', protocol: 'tcp', port: 81 });
    const ways = trace.packets.map(({ events }) =>
      events.map((event) => `${event.namespace}/${event.device} ${event.kind}`),
    );
    expect(ways).toEqual([
      [
        'client/eth0 send',
        'client/eth0 route',
        'client/eth0 transmit',
        'client/eth0 peer',
        '/nk-client program',
        '/nk-client forward',
        '/nk-client route',
        '/nk-web transmit',
        '/nk-web peer',
        'web/eth0 program',
        'web/eth0 deliver',
      ],
      [
        'client/eth0 send',
        'client/eth0 route',
        'client/eth0 transmit',
        'client/eth0 peer',
        '/nk-client program',
        '/nk-client drop',
      ],
    ]);
    expect(trace.packets[1]!.events.at(-1)).toMatchObject({ why: 'netkit verdict drop' });
  });

  it('keeps outsiders off SSH, and sends what is for the world out by the card', async () => {
    const { host } = await boot({ shortcut: 0 });
    using _host = host;
    const { eth0 } = host.devices;
    const root = host.namespaces[''];
    root.addNeighbour({ address: '192.0.2.254', device: 'eth0', hardware: '02:00:00:00:00:fe' });
    host.namespaces.client.send({ to: '198.51.100.1', protocol: 'tcp', port: 443 });
    expect(eth0.sent).toHaveLength(1);
    expect([...eth0.sent[0]!.data.subarray(0, 6)]).toEqual([2, 0, 0, 0, 0, 0xfe]);
    using trace = host.net.trace();
    root.send({ to: '10.0.0.3', protocol: 'tcp', port: 22 });
    expect(trace.packets[0]!.events.at(-1)).toMatchObject({ kind: 'drop', device: 'eth0' });
  });
});
