import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  createMachine,
  type EngineName,
  type FlowAction,
  type FlowMatch,
} from '../../../src/index.ts';
import { ethernet, ipv4, packet, payload, tcp, udp, vlan } from '../../../src/packet/index.ts';

const monitor = readFileSync(
  new URL('../../../examples/vf-monitor/monitor.bpf.o', import.meta.url),
);
const MACS = ['02:aa:00:00:00:01', '02:aa:00:00:00:02'];
const OUTSIDE = '02:bb:00:00:00:01';

const boot = (engine: EngineName = 'wasm') =>
  createMachine({
    engine,
    devices: {
      eth0: {
        kind: 'nic',
        eswitch: 'switchdev',
        vfs: MACS.map((address, i) => ({ namespace: `vm${i}`, address })),
      },
    },
    namespaces: { vm0: {}, vm1: {} },
  });
type Host = Awaited<ReturnType<typeof boot>>;

const frame = (from: string, to: string, port = 53, tag?: number) =>
  packet(
    ethernet({ source: from, destination: to }),
    ...(tag === undefined ? [] : [vlan({ id: tag })]),
    ipv4({ source: '10.0.0.1', destination: '10.0.0.2' }),
    udp({ sourcePort: 1000, destinationPort: port }),
    payload(100),
  );

const send = (host: Host, i: number, data: Uint8Array) =>
  host.net.namespace(`vm${i}`).device('eth0').transmit(data);

/** The monitor at every representor, and the switch behind it. */
async function watched(host: Host) {
  const names = ['pf0vf0', 'pf0vf1', 'eth0'];
  const { programs, maps } = await host.load(monitor, { globals: { port_count: 3 } });
  const root = host.net.namespace('');
  for (const [i, device] of names.entries()) {
    if (device !== 'eth0') {
      programs['from_vf']!.attach({ device, direction: 'ingress' });
      programs['to_vf']!.attach({ device, direction: 'egress' });
    }
    programs['forward']!.attach({ device, direction: 'ingress' });
    maps['members']!.set(i, root.device(device).ifindex);
  }
  for (const [i, mac] of MACS.entries()) {
    const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16));
    maps['stations']!.set({ address: bytes }, root.device(`pf0vf${i}`).ifindex);
  }
  return maps;
}

describe.each(['wasm', 'interpreter'] as const)('switchdev on %s', (engine) => {
  it('gives the host what no rule takes: programs at representors see and forward it', async () => {
    using host = await boot(engine);
    const maps = await watched(host);
    const nic = host.net.nic('eth0');
    const data = frame(MACS[0]!, MACS[1]!);
    send(host, 0, data);
    const [vf0, vf1] = [0, 1].map((i) => host.net.namespace('').device(`pf0vf${i}`));
    expect(nic.vfs.map(({ statistics }) => statistics.rx_packets)).toEqual([0, 1]);
    const count = { packets: 1n, bytes: BigInt(data.length) };
    expect(maps['ports']!.get({ ifindex: vf0!.ifindex, direction: 0 })).toEqual(count);
    expect(maps['ports']!.get({ ifindex: vf1!.ifindex, direction: 1 })).toEqual(count);
    const flows = [...maps['flows']!];
    expect(flows).toHaveLength(2);
    // An address nobody has learned goes to all: the other function and the wire.
    send(host, 0, frame(MACS[0]!, OUTSIDE));
    expect(nic.vfs[1]!.statistics.rx_packets).toBe(2);
    expect(host.devices.eth0.sent).toHaveLength(1);
    host.devices.eth0.receive(frame(OUTSIDE, MACS[0]!));
    expect(nic.vfs[0]!.statistics.rx_packets).toBe(1);
    expect(vf0!.statistics).toMatchObject({ rx_packets: 2, tx_packets: 1 });
  });

  it('takes rules: what they match the host never sees', async () => {
    using host = await boot(engine);
    const maps = await watched(host);
    const nic = host.net.nic('eth0');
    const rule = nic.addRule({
      dev: 'pf0vf0',
      match: { ip_proto: 'udp', dst_port: 53, dst_ip: '10.0.0.0/24', dst_mac: MACS[1]! },
      actions: [{ redirect: 'pf0vf1' }],
    });
    send(host, 0, frame(MACS[0]!, MACS[1]!));
    expect([...maps['ports']!]).toEqual([]);
    expect(rule).toMatchObject({ packets: 1, bytes: 142 });
    expect(nic.vfs[1]!.statistics.rx_packets).toBe(1);
    send(host, 0, frame(MACS[0]!, MACS[1]!, 54));
    expect([...maps['ports']!]).toHaveLength(2);
    rule.remove();
    send(host, 0, frame(MACS[0]!, MACS[1]!));
    expect(rule.packets).toBe(1);
    expect(nic.vfs[1]!.statistics.rx_packets).toBe(3);
  });
});

describe('rules of a card', () => {
  const through = async (actions: readonly FlowAction[], match: FlowMatch = {}, tag?: number) => {
    const host = await boot();
    host.net.nic('eth0').addRule({ dev: 'pf0vf0', match, actions });
    const seen: [number, string, number][] = [];
    host.net.nic('eth0').observe(({ vf, direction, path, data }) => {
      if (direction === 'rx') seen.push([vf, path, data.length]);
    });
    send(host, 0, frame(MACS[0]!, MACS[1]!, 53, tag));
    const { sent } = host.devices.eth0;
    const slow = host.net.namespace('').device('pf0vf0').statistics.rx_packets;
    return { seen, sent: sent.map(({ data }) => data), slow };
  };

  it('drop, mirror, change tags and addresses, or send up', async () => {
    expect(await through([{ drop: true }])).toEqual({ seen: [], sent: [], slow: 0 });
    expect(await through([{ trap: true }])).toEqual({ seen: [], sent: [], slow: 1 });
    const mirrored = await through([{ mirror: 'pf0vf1' }, { redirect: 'eth0' }]);
    expect(mirrored.seen).toEqual([[1, 'offload', 142]]);
    expect(mirrored.sent[0]!.length).toBe(142);
    const pushed = await through([{ vlan: 'push', id: 300 }, { redirect: 'eth0' }]);
    expect([...pushed.sent[0]!.subarray(12, 16)]).toEqual([0x81, 0, 1, 44]);
    const popped = await through([{ vlan: 'pop' }, { redirect: 'pf0vf1' }], { vlan_id: 9 }, 9);
    expect(popped.seen).toEqual([[1, 'offload', 142]]);
    const moved = await through([{ pedit: { dst_mac: OUTSIDE } }, { redirect: 'eth0' }]);
    expect([...moved.sent[0]!.subarray(0, 6)]).toEqual([2, 0xbb, 0, 0, 0, 1]);
  });

  it.each<[FlowMatch, boolean]>([
    [{ src_mac: MACS[0]! }, true],
    [{ src_mac: MACS[1]! }, false],
    [{ eth_type: 'ipv4' }, true],
    [{ eth_type: 0x0806 }, false],
    [{ ip_proto: 6 }, false],
    [{ src_ip: '10.0.0.1' }, true],
    [{ src_ip: '10.0.0.2' }, false],
    [{ dst_ip: 'fd00::/8' }, false],
    [{ src_port: 1000, dst_port: 53 }, true],
    [{ src_port: 53 }, false],
    [{ vlan_id: 0 }, true],
    [{ vlan_id: 5 }, false],
  ])('match %j: %s', async (match, hit) => {
    const { slow } = await through([{ drop: true }], match);
    expect(slow).toBe(hit ? 0 : 1);
  });

  it('are looked at by priority, then in order', async () => {
    using host = await boot();
    const nic = host.net.nic('eth0');
    const rules = [5, 2, 5, 1].map((prio) =>
      nic.addRule({ dev: 'pf0vf0', prio, match: { eth_type: 'arp' }, actions: [{ drop: true }] }),
    );
    expect(nic.rules).toEqual([rules[3], rules[1], rules[0], rules[2]]);
  });

  it('are refused where no card does that', async () => {
    using host = await boot();
    const nic = host.net.nic('eth0');
    const add = (actions: readonly FlowAction[], dev = 'pf0vf0', match: FlowMatch = {}) => {
      nic.addRule({ dev, actions, match });
    };
    expect(() => add([])).toThrow(/ends with/);
    expect(() => add([{ drop: true }, { redirect: 'eth0' }])).toThrow(/ends with/);
    expect(() => add([{ redirect: 'pf0vf9' }])).toThrow(/stands for no port/);
    expect(() => add([{ drop: true }], 'lo')).toThrow(/stands for no port/);
    expect(() => add([{ drop: true }], 'pf0vf0', { src_ip: '1.2.3' })).toThrow(/no IPv4/);
    expect(() => add([{ drop: true }], 'pf0vf0', { ip_proto: 'xyz' as 'tcp' })).toThrow(/xyz/);
    const push = { vlan: 'push', id: 5000 } as const;
    expect(() => add([push, { redirect: 'eth0' }])).toThrow(/5000/);
    const pedit = { pedit: { dst_mac: '02:zz' } };
    expect(() => add([pedit, { redirect: 'eth0' }])).toThrow(/hardware address/);
    expect(() => nic.vfs[0]!.set({ vlan: 5 })).toThrow(/legacy switch/);
    expect(nic.rules).toEqual([]);
  });
});

describe('a card', () => {
  it('changes its mode: rules and representors go and come', async () => {
    using host = await boot();
    const nic = host.net.nic('eth0');
    nic.addRule({ dev: 'pf0vf0', actions: [{ drop: true }] });
    expect(Object.keys(nic.ports()['port'] as object)).toHaveLength(3);
    nic.setEswitch('legacy');
    expect(host.net.namespace('').deviceNames).toEqual(['lo', 'eth0']);
    expect(Object.keys(nic.ports()['port'] as object)).toHaveLength(1);
    send(host, 0, frame(MACS[0]!, MACS[1]!));
    expect(nic.vfs[1]!.statistics.rx_packets).toBe(1);
    nic.setEswitch('switchdev');
    expect(nic.rules).toEqual([]);
    expect(nic.vfs.map(({ representor }) => representor)).toEqual(['pf0vf0', 'pf0vf1']);
  });

  it('is shown as ip, devlink and ethtool show one', async () => {
    using host = await boot();
    const nic = host.net.nic('eth0');
    send(host, 0, frame(MACS[0]!, MACS[1]!));
    expect(nic.link()).toMatchObject({
      ifname: 'eth0',
      num_vf: 2,
      vfinfo_list: [
        { vf: 0, address: MACS[0], stats: { tx: { bytes: 142, packets: 1 } } },
        { vf: 1, address: MACS[1], link_state: 'auto', trust: false },
      ],
    });
    expect(nic.ports()).toMatchObject({
      port: {
        'pci/0000:03:00.0/1': { netdev: 'pf0vf0', flavour: 'pcivf', pfnum: 0, vfnum: 0 },
        'pci/0000:03:00.0/65535': { netdev: 'eth0', flavour: 'physical' },
      },
    });
    expect(nic.ethtool(0)).toMatchObject({ tx_packets: 1, tx_queue_0_bytes: 142 });
  });

  it('spreads flows over the queues of a function', async () => {
    using host = await createMachine({
      devices: { eth0: { kind: 'nic', vfs: [{ queues: 4 }, { queues: 4 }] } },
    });
    const { eth0 } = host.devices;
    const to = host.net.nic('eth0').link()['vfinfo_list'] as { address: string }[];
    for (let port = 1; port <= 200; port++) {
      eth0.receive(
        packet(
          ethernet({ destination: to[1]!.address }),
          ipv4({ source: '10.0.0.1', destination: '10.0.0.2' }),
          tcp({ sourcePort: port, destinationPort: 80 }),
        ),
      );
    }
    const counters = host.net.nic('eth0').ethtool(1);
    const queues = [0, 1, 2, 3].map((i) => counters[`rx_queue_${i}_packets`]!);
    expect(Math.min(...queues)).toBeGreaterThan(20);
    expect(queues.reduce((sum, one) => sum + one, 0)).toBe(200);
  });

  it('shows in the trace which way a frame took', async () => {
    using host = await boot();
    const nic = host.net.nic('eth0');
    nic.addRule({
      dev: 'pf0vf0',
      match: { dst_port: 53 },
      actions: [{ redirect: 'pf0vf1' }],
    });
    using trace = host.net.trace();
    send(host, 0, frame(MACS[0]!, MACS[1]!));
    send(host, 0, frame(MACS[0]!, MACS[1]!, 54));
    const steps = trace.packets.map(({ events }) =>
      events.flatMap((one) => (one.kind === 'eswitch' ? [`${one.path} ${one.to}`] : [])),
    );
    expect(steps).toEqual([['offload vm1/eth0'], ['slow pf0vf0']]);
  });

  it('stays in its mode if a representor finds no name', async () => {
    using host = await createMachine({
      devices: { pf0vf1: {}, eth0: { kind: 'nic', vfs: 2 } },
    });
    const nic = host.net.nic('eth0');
    expect(() => nic.setEswitch('switchdev')).toThrow(/there is a device 'pf0vf1'/);
    expect(nic.eswitch).toBe('legacy');
    expect(host.net.namespace('').deviceNames).not.toContain('pf0vf0');
    expect(nic.vfs[0]!.representor).toBeUndefined();
  });

  it('taken out with its namespace takes its functions along; what waits is dropped', async () => {
    using host = await createMachine({ namespaces: { vm: {} } });
    host.net.addNamespace('rack', {
      devices: {
        eth0: {
          kind: 'nic',
          eswitch: 'switchdev',
          vfs: [{ namespace: 'vm', address: MACS[0]!, maxTxRate: 1 }, {}],
        },
      },
    });
    expect(host.net.namespace('rack').deviceNames).toContain('pf0vf1');
    const device = host.net.namespace('vm').device('eth0');
    for (let i = 0; i < 5; i++) device.transmit(frame(MACS[0]!, MACS[1]!));
    host.net.removeNamespace('rack');
    expect(host.net.namespace('vm').deviceNames).toEqual(['lo']);
    expect(host.net.namespace('').deviceNames).toEqual(['lo']);
    host.advance(1e9);
  });

  it('drops what is for a function whose namespace is gone', async () => {
    using host = await boot();
    const nic = host.net.nic('eth0');
    nic.addRule({ dev: 'pf0vf0', actions: [{ redirect: 'pf0vf1' }] });
    host.net.removeNamespace('vm1');
    send(host, 0, frame(MACS[0]!, MACS[1]!));
    expect(nic.vfs[1]!.statistics).toMatchObject({ rx_packets: 0, rx_dropped: 1 });
  });
});
