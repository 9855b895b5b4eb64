import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  createMachine,
  type MachineOptions,
  type NetworkTrace,
  type Program,
  type TraceEvent,
} from '../../src/index.ts';
import type { Machine } from '../../src/machine/index.ts';
import { udp } from './helpers.ts';

const object = () => readFileSync(join(import.meta.dirname, 'programs', 'paths.bpf.o'));

const mac = (last: number) => `02:00:00:00:00:${last.toString(16).padStart(2, '0')}`;

/** A router between two cards and two pods on veth. */
const ROUTER: MachineOptions<'eth0' | 'eth1' | 'eth2', 'a' | 'b'> = {
  cpus: 2,
  devices: {
    eth0: { addresses: ['10.1.0.1/24'] },
    eth1: { addresses: ['10.2.0.1/24'], mtu: 1000 },
    eth2: {},
  },
  neighbours: [
    { address: '10.1.0.9', device: 'eth0', hardware: mac(0x19) },
    { address: '10.2.0.9', device: 'eth1', hardware: mac(0x29) },
  ],
  namespaces: {
    a: { devices: { eth0: { kind: 'veth', addresses: ['10.3.0.2/24'], peer: 'veth-a' } } },
    b: { devices: { eth0: { kind: 'netkit', mode: 'l2', peer: 'nk-b' } } },
  },
};

const boot = async (globals: Record<string, number> = {}) => {
  const host = await createMachine(ROUTER);
  const loaded = await host.load(object(), { globals });
  return { host, ...loaded };
};

/** 10.1.0.9 → 10.2.0.9, to eth0's hardware address, with right checksums. */
function frame(size = 60, ttl = 64, to = '10.2.0.9', dontFragment = true): Uint8Array {
  const data = new Uint8Array(size);
  data.set(udp('10.1.0.9', to).subarray(0, 42));
  data.set([2, 0, 0, 0, 0, 2], 0);
  data[16] = (size - 14) >> 8;
  data[17] = size - 14;
  data[20] = dontFragment ? 0x40 : 0;
  data[22] = ttl;
  let sum = 0;
  data[24] = data[25] = 0;
  for (let at = 14; at < 34; at += 2) sum += (data[at]! << 8) | data[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  data[24] = ~sum >> 8;
  data[25] = ~sum;
  const length = size - 34;
  data[38] = length >> 8;
  data[39] = length;
  data[40] = data[41] = 0;
  return data;
}

const last = (trace: NetworkTrace, at = 0): TraceEvent => trace.packets[at]!.events.at(-1)!;
const seen = (maps: Record<string, { get(key: number): unknown }>) =>
  Array.from({ length: 8 }, (_, i) => maps['seen']!.get(i));

describe('a router', () => {
  it('forwards: TTL, checksum, hardware addresses, the trail', async () => {
    const { host } = await boot();
    using _host = host;
    using trace = host.net.trace();
    const { eth0, eth1 } = host.devices;
    expect(eth0.receive(frame())).toMatchObject({ verdict: 'pass', verdictCode: undefined });
    const [out] = eth1.sent;
    expect(out!.from).toBe('eth0');
    expect([...out!.data.subarray(0, 12)]).toEqual([2, 0, 0, 0, 0, 0x29, 2, 0, 0, 0, 0, 3]);
    expect(out!.data[22]).toBe(63);
    let sum = 0;
    for (let at = 14; at < 34; at += 2) sum += (out!.data[at]! << 8) | out!.data[at + 1]!;
    expect((sum & 0xffff) + (sum >> 16)).toBe(0xffff);
    expect(trace.packets[0]!.events.map(({ kind }) => kind)).toEqual([
      'receive',
      'forward',
      'route',
      'transmit',
      'wire',
    ]);
  });

  it.each([
    ['TTL 1', frame(60, 1), 'IP_INHDR', [11, 0]],
    ['too long', frame(1100), 'PKT_TOO_BIG', [3, 4]],
    ['no route', frame(60, 64, '172.16.0.1'), 'IP_INNOROUTES', [3, 0]],
  ])('tells the sender: %s', async (_, packet, reason, icmp) => {
    const { host } = await boot();
    using _host = host;
    using trace = host.net.trace();
    host.devices.eth0.receive(packet);
    expect(last(trace)).toMatchObject({ kind: 'drop', reason });
    const [answer] = host.devices.eth0.sent;
    expect([...answer!.data.subarray(34, 36)]).toEqual(icmp);
    // The packet as it came stands in it.
    expect(answer!.data.subarray(42, 70)).toEqual(packet.subarray(14, 42));
    if (reason === 'PKT_TOO_BIG') expect([...answer!.data.subarray(40, 42)]).toEqual([3, 232]);
    expect(host.devices.eth1.sent).toEqual([]);
  });

  it('drops for the reasons Linux has words for', async () => {
    const { host } = await boot();
    using _host = host;
    using trace = host.net.trace();
    const { eth0 } = host.devices;
    const broken = (at: number, value: number) => frame().fill(value, at, at + 1);
    for (const packet of [
      broken(5, 0x77),
      broken(24, 0),
      broken(14, 0x44),
      frame().subarray(0, 30),
      broken(12, 0x99),
      frame(60, 64, '10.1.0.1').fill(1, 40, 42),
      frame(60, 64, '10.1.0.1'),
    ]) {
      eth0.receive(packet);
    }
    const reasons = trace.packets.flatMap(({ parent, events }) =>
      parent === undefined && events[0]!.kind === 'receive' ? [events.at(-1)] : [],
    );
    expect(reasons.map((event) => (event?.kind === 'drop' ? event.reason : event?.kind))).toEqual([
      'OTHERHOST',
      'IP_CSUM',
      'IP_INHDR',
      'PKT_TOO_SMALL',
      'UNHANDLED_PROTO',
      'UDP_CSUM',
      'NO_SOCKET',
    ]);
  });

  it('cuts to pieces what may be cut, and puts together what is for itself', async () => {
    const { host } = await boot();
    using _host = host;
    host.devices.eth0.receive(frame(1400, 64, '10.2.0.9', false));
    const pieces = host.devices.eth1.sent.map(({ data }) => data);
    expect(pieces.map(({ length }) => length)).toEqual([14 + 20 + 976, 14 + 20 + 1366 - 976]);
    const got: number[] = [];
    const a = host.namespaces.a;
    using _a = a.listen({ protocol: 'udp' }, ({ payload }) => void got.push(payload.length));
    host.namespaces[''].listen({ protocol: 'udp' }, () => undefined);
    host.net.namespace('').addRoute({ to: '10.3.0.0/24', device: 'veth-a', mtu: 600 });
    const options = { to: '10.3.0.2', from: '10.1.0.1', port: 9, payload: new Uint8Array(1300) };
    host.namespaces[''].send({ ...options, dontFragment: false });
    expect(got).toEqual([1300]);
    expect(() => host.namespaces[''].send(options)).toThrow(/EMSGSIZE/);
  });

  it('asks for neighbours, keeps packets until they answer, gives up after three times', async () => {
    const { host } = await boot();
    using _host = host;
    using trace = host.net.trace();
    const { eth0, eth1 } = host.devices;
    for (const size of [60, 61]) eth0.receive(frame(size, 64, '10.2.0.7'));
    expect(eth1.sent.map(({ data }) => [data[0], data[12], data[13]])).toEqual([[255, 8, 6]]);
    const question = eth1.sent[0]!.data;
    const answer = question.slice();
    answer.set(question.subarray(6, 12), 0);
    answer.set([2, 0, 0, 0, 0, 7], 6);
    answer[21] = 2;
    answer.set([2, 0, 0, 0, 0, 7, 10, 2, 0, 7], 22);
    answer.set(question.subarray(6, 12), 32);
    answer.set([10, 2, 0, 1], 38);
    eth1.receive(answer);
    expect(eth1.sent.slice(1).map(({ data }) => [data[5], data.length])).toEqual([
      [7, 60],
      [7, 61],
    ]);
    eth0.receive(frame(60, 64, '10.2.0.8'));
    eth1.sent.length = 0;
    host.net.advance(2_500_000_000);
    expect(eth1.sent).toHaveLength(2);
    expect(eth0.sent).toEqual([]);
    host.net.advance(500_000_000);
    expect([...eth0.sent[0]!.data.subarray(34, 36)]).toEqual([3, 1]);
    const dropped = trace.packets.find(({ events }) =>
      events.some((event) => event.kind === 'drop' && event.reason === 'NEIGH_FAILED'),
    );
    expect(dropped!.data).toEqual(frame(60, 64, '10.2.0.8'));
  });
});

describe('redirects', () => {
  const ifindex = async (name: string) => {
    using host = await createMachine(ROUTER);
    return host.net.namespace('').device(name).ifindex;
  };

  it('bpf_redirect: out of a device, past its egress programs only if it is XDP', async () => {
    const { host, programs } = await boot({ target: await ifindex('eth1') });
    using _host = host;
    programs['to_target']!.attach({ device: 'eth0' });
    programs['marks']!.attach({ device: 'eth0', direction: 'egress' });
    programs['looks']!.attach({ device: 'eth1', direction: 'egress' });
    const result = host.devices.eth0.receive(frame());
    expect(result).toMatchObject({ verdict: 'redirect', target: 'eth1', verdictCode: 7 });
    expect(host.devices.eth1.sent).toEqual([{ data: frame(), from: 'eth0' }]);
  });

  it('bpf_redirect with BPF_F_INGRESS: as if it came in there, by the backlog', async () => {
    const { host, programs, maps } = await boot({ target: await ifindex('eth1'), flags: 1 });
    using _host = host;
    programs['marks']!.attach({ device: 'eth0' });
    programs['to_target']!.attach({ device: 'eth0' });
    programs['looks']!.attach({ device: 'eth1' });
    host.devices.eth0.receive(frame());
    // Same namespace: the mark stays, the priority goes; the frame is for another address now.
    expect(seen(maps)).toEqual([77, 0, 3, 3, 3, 9, 0, 0]);
  });

  it('bpf_redirect_peer: into the other namespace at once', async () => {
    const { host, programs, maps } = await boot({ target: await ifindex('veth-a') });
    using _host = host;
    programs['marks']!.attach({ device: 'eth0' });
    programs['to_peer']!.attach({ device: 'eth0' });
    programs['looks']!.attach({ device: 'a/eth0' });
    using trace = host.net.trace();
    host.devices.eth0.receive(frame());
    expect(seen(maps)).toEqual([77, 5, 2, 2, 0, 9, 0, 0]);
    expect(host.namespaces.a.device('eth0').statistics.rx_packets).toBe(1);
    expect(trace.packets[0]!.events.map(({ kind }) => kind)).toContain('peer');
  });

  it('bpf_redirect_peer works at ingress only, and into another namespace only', async () => {
    const { host, programs } = await boot({ target: await ifindex('veth-a') });
    using _host = host;
    using trace = host.net.trace();
    const link = programs['to_peer']!.attach({ device: 'eth0', direction: 'egress' });
    host.devices.eth0.transmit(frame());
    expect(last(trace)).toMatchObject({ kind: 'drop', why: /ingress only/ });
    link.detach();
    const other = await boot({ target: await ifindex('eth1') });
    using _other = other.host;
    using second = other.host.net.trace();
    other.programs['to_peer']!.attach({ device: 'eth0' });
    other.host.devices.eth0.receive(frame());
    expect(last(second)).toMatchObject({ kind: 'drop', why: 'eth1 has no peer' });
  });

  it('bpf_redirect_neigh: hardware addresses come from the neighbours', async () => {
    const { host, programs } = await boot({ target: await ifindex('eth1') });
    using _host = host;
    programs['to_neighbour']!.attach({ device: 'eth0' });
    host.devices.eth0.receive(frame());
    const { data } = host.devices.eth1.sent[0]!;
    expect([...data.subarray(0, 12)]).toEqual([2, 0, 0, 0, 0, 0x29, 2, 0, 0, 0, 0, 3]);
    expect(data[22]).toBe(64);
  });

  it('bpf_clone_redirect: a copy goes, the packet goes on', async () => {
    const { host, programs } = await boot({ target: await ifindex('eth2') });
    using _host = host;
    using trace = host.net.trace();
    programs['copies']!.attach({ device: 'eth0' });
    host.devices.eth0.receive(frame());
    expect(host.devices.eth2.sent).toEqual([{ data: frame(), from: 'bpf_clone_redirect' }]);
    expect(host.devices.eth1.sent).toHaveLength(1);
    expect(trace.packets.map(({ id, parent }) => [id, parent])).toEqual([
      [1, undefined],
      [2, 1],
    ]);
  });

  it('ends loops: of transmissions as Linux does, of frames by a limit of its own', async () => {
    const { host, programs } = await boot({ target: await ifindex('eth0'), flags: 1 });
    using _host = host;
    using trace = host.net.trace();
    programs['again']!.attach({ device: 'eth1' });
    host.devices.eth1.transmit(frame());
    expect(last(trace)).toMatchObject({ kind: 'drop', why: 'recursion limit reached' });
    expect(trace.packets[0]!.events.filter(({ kind }) => kind === 'program')).toHaveLength(10);
    programs['to_target']!.attach({ device: 'eth0' });
    host.devices.eth0.receive(frame());
    expect(last(trace, 1)).toMatchObject({ kind: 'drop', why: /1024 times/ });
  });
});

describe('crossing namespaces', () => {
  it('veth: mark and priority stay behind', async () => {
    const { host, programs, maps } = await boot();
    using _host = host;
    programs['marks']!.attach({ device: 'veth-a', direction: 'egress' });
    programs['looks']!.attach({ device: 'a/eth0' });
    host.namespaces[''].addRoute({ to: '10.3.0.2/32', device: 'veth-a' });
    host.namespaces[''].send({ to: '10.3.0.2', from: '10.1.0.1', port: 1, mark: 3 });
    expect(seen(maps).slice(0, 5)).toEqual([0, 0, 2, 2, 0]);
  });

  it('netkit: programs see the other end, their marks arrive', async () => {
    const { host, programs, maps } = await boot();
    using _host = host;
    programs['primary_marks']!.attach({ device: 'nk-b' });
    programs['looks']!.attach({ device: 'b/eth0' });
    const device = host.net.namespace('').device('nk-b');
    device.transmit(frame());
    expect(seen(maps).slice(0, 5)).toEqual([11, 0, 2, 2, 3]);
    expect(device.statistics).toMatchObject({ tx_packets: 1, tx_dropped: 0 });
  });

  it('netkit: programs are attached through the primary', async () => {
    const { host, programs } = await boot();
    using _host = host;
    const { peer_drops } = programs;
    expect(() => peer_drops!.attach({ device: 'eth0' })).toThrow(/ENXIO/);
    expect(() => peer_drops!.attach({ device: 'b/eth0' })).toThrow(/EACCES/);
    expect(() => peer_drops!.attach({ device: 'b/eth7' })).toThrow(/ENODEV/);
    const inside = host.net.namespace('b').device('eth0');
    using link = peer_drops!.attach({ device: 'nk-b' });
    inside.transmit(frame());
    expect(inside.statistics).toMatchObject({ tx_packets: 0, tx_dropped: 1 });
    link.detach();
    inside.transmit(frame());
    expect(inside.statistics).toMatchObject({ tx_packets: 1, tx_dropped: 1 });
  });

  it('netkit: redirects go by the interface numbers of the other side', async () => {
    const { host, programs } = await boot({ target: 3 });
    using _host = host;
    programs['peer_redirects']!.attach({ device: 'nk-b' });
    host.net.namespace('b').device('eth0').transmit(frame());
    expect(host.devices.eth1.sent).toEqual([{ data: frame(), from: 'nk-b' }]);
  });

  it('an end that is down takes nothing', async () => {
    const { host } = await boot();
    using _host = host;
    using trace = host.net.trace();
    const end = host.net.namespace('').device('nk-b');
    host.net.namespace('b').device('eth0').up = false;
    end.transmit(frame());
    expect(last(trace)).toMatchObject({ kind: 'drop', why: 'b/eth0 is down' });
    expect(end.statistics.tx_dropped).toBe(1);
    host.net.removeNamespace('b');
    expect(() => host.net.namespace('').device('nk-b')).toThrow(/ENODEV/);
  });
});

describe('XDP', () => {
  it('XDP_TX of a veth goes back to the other end, if that polls for frames', async () => {
    const { host, programs, maps } = await boot();
    using _host = host;
    programs['back']!.attach({ device: 'a/eth0' });
    programs['looks']!.attach({ device: 'veth-a' });
    host.net.namespace('').device('veth-a').transmit(frame());
    expect(seen(maps)[2]).toBe(0);
    const { statistics } = host.namespaces.a.device('eth0');
    expect([statistics.xdp_tx, statistics.tx_dropped]).toEqual([1, 1]);
    programs['passes']!.attach({ device: 'veth-a' });
    host.net.namespace('').device('veth-a').transmit(frame());
    expect(seen(maps)[2]).toBe(host.net.namespace('').device('veth-a').ifindex);
    expect(statistics.xdp_tx).toBe(2);
  });

  it('redirects into a veth need a program at its other end', async () => {
    const boxed = await boot();
    const target = boxed.host.net.namespace('').device('veth-a').ifindex;
    boxed.host[Symbol.dispose]();
    const { host, programs } = await boot({ target });
    using _host = host;
    using trace = host.net.trace();
    programs['forwards']!.attach({ device: 'eth0' });
    host.devices.eth0.receive(frame());
    expect(last(trace)).toMatchObject({ kind: 'drop', reason: 'XDP', why: /^ENXIO/ });
    const eth0 = host.net.namespace('').device('eth0');
    expect(eth0.statistics.xdp_redirect_errors).toBe(1);
    programs['passes']!.attach({ device: 'a/eth0' });
    host.devices.eth0.receive(frame());
    expect(eth0.statistics.xdp_redirect).toBe(1);
    expect(host.namespaces.a.device('eth0').statistics.rx_packets).toBe(1);
  });

  it('generic XDP runs on devices whose driver has none, but not on redirected packets', async () => {
    const { host, programs } = await boot();
    using _host = host;
    using trace = host.net.trace();
    programs['drops']!.attach({ device: 'b/eth0' });
    host.net.namespace('').device('nk-b').transmit(frame());
    expect(trace.packets[0]!.events.map((event) => 'hook' in event && event.hook)).toContain(
      'xdp/generic',
    );
    const drop = { kind: 'drop', reason: 'NOT_SPECIFIED', why: 'XDP_DROP' };
    expect(last(trace)).toMatchObject(drop);
  });

  it('a devmap with a program: it sees where the frame leaves and may change it', async () => {
    const { host, programs, maps } = await boot();
    using _host = host;
    programs['by_map']!.attach({ device: 'eth0' });
    const leaving = programs['leaving']!;
    maps['ports']!.set(0, { ifindex: 3, program: leaving });
    const raw = new Uint8Array(8);
    maps['ports']!.kernelMap.lookup(new Uint8Array(4), raw);
    expect(raw).toEqual(Uint8Array.of(3, 0, 0, 0, leaving.id, 0, 0, 0));
    const result = host.devices.eth0.receive(frame());
    expect(result).toMatchObject({ verdict: 'redirect', target: 'eth1 (ports[0])' });
    expect(host.devices.eth1.sent[0]!.data[0]).toBe(0xee);
    expect(seen(maps)[6]).toBe(3);
  });

  it('entries of redirect maps hold their program, and take none of another kind', async () => {
    const { host, programs, maps } = await boot();
    using _host = host;
    const { leaving, on_cpu: arriving } = programs as Record<string, Program>;
    const errno = (code: string) => expect.objectContaining({ code });
    const [ports, cpus] = [maps['ports']!, maps['cpus']!];
    expect(() => ports.set(0, { ifindex: 3, program: arriving! })).toThrow(errno('EINVAL'));
    expect(() => cpus.set(1, { qsize: 16, program: leaving! })).toThrow(errno('ENOMEM'));
    ports.set(0, { ifindex: 3, program: leaving! });
    const { id } = leaving!;
    leaving![Symbol.dispose]();
    const machine = host.kernel as Machine;
    expect(machine.objects.programs.get(id)).toBeDefined();
    ports.delete(0);
    expect(machine.objects.programs.get(id)).toBeUndefined();
  });

  it('broadcasts: to every device of the map but the one it came by', async () => {
    const { host, programs, maps } = await boot({ broadcast: 8 + 16 });
    using _host = host;
    programs['by_map']!.attach({ device: 'eth0' });
    for (const [slot, ifindex] of [2, 3, 4].entries()) {
      maps['ports']!.set(slot, Uint8Array.of(ifindex, 0, 0, 0, 0, 0, 0, 0));
    }
    host.devices.eth0.receive(frame());
    const { eth0, eth1, eth2 } = host.devices;
    expect([eth0, eth1, eth2].map(({ sent }) => sent.length)).toEqual([0, 1, 1]);
  });

  it('a cpumap: its program runs on that CPU, then the packet goes up the stack', async () => {
    const { host, programs, maps } = await boot();
    using _host = host;
    programs['to_cpu']!.attach({ device: 'eth0' });
    maps['cpus']!.set(1, { qsize: 16, program: programs['on_cpu']! });
    host.devices.eth0.receive(frame());
    expect(seen(maps)[7]).toBe(101);
    expect(host.devices.eth1.sent).toHaveLength(1);
  });

  it('bpf_fib_lookup finds what forwarding finds', async () => {
    const { host, programs } = await boot();
    using _host = host;
    programs['routes']!.attach({ device: 'eth0' });
    expect(host.devices.eth0.receive(frame())).toMatchObject({ target: 'eth1' });
    const { data } = host.devices.eth1.sent[0]!;
    expect([...data.subarray(0, 12)]).toEqual([2, 0, 0, 0, 0, 0x29, 2, 0, 0, 0, 0, 3]);
  });
});

describe('taps and bad input', () => {
  it('captures at a place, in a direction', async () => {
    const { host } = await boot();
    using _host = host;
    using out = host.net.capture({ device: 'eth1', direction: 'out' });
    using all = host.net.capture();
    host.devices.eth0.receive(frame());
    expect(out.packets.map(({ device, direction }) => `${device} ${direction}`)).toEqual([
      'eth1 out',
    ]);
    expect(all.packets).toHaveLength(2);
    expect(() => host.net.capture({ namespace: 'nowhere' })).toThrow(/ENOENT/);
  });

  it('loses no packet to a listener that throws', async () => {
    const { host } = await boot();
    using _host = host;
    const { a } = host.namespaces;
    const root = host.namespaces[''];
    root.addRoute({ to: '10.3.0.2/32', device: 'veth-a' });
    const got: number[] = [];
    a.listen({ protocol: 'udp' }, ({ destinationPort }) => {
      got.push(destinationPort);
      if (destinationPort === 1) throw new Error('no');
    });
    const options = { to: '10.3.0.2', from: '10.1.0.1' };
    expect(() => root.send({ ...options, port: 1 })).toThrow('no');
    root.send({ ...options, port: 2 });
    expect(got).toEqual([1, 2]);
  });

  it('survives frames of any bytes at every device', async () => {
    const { host } = await boot();
    using _host = host;
    using trace = host.net.trace();
    const spaces = ['', 'a', 'b'].map((name) => host.net.namespace(name));
    const devices = spaces.flatMap((one) => one.deviceNames.map((name) => one.device(name)));
    let state = 12345;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let sent = 0;
    for (let i = 0; i < 3000; i++) {
      const packet = i % 2 ? frame(60 + random(60)) : new Uint8Array(random(120));
      for (let n = random(6); n > 0; n--) packet[random(packet.length)] = random(256);
      if (i % 3 === 0 && packet.length > 14)
        packet.set(
          [
            [8, 0],
            [8, 6],
            [0x86, 0xdd],
          ][random(3)]!,
          12,
        );
      devices[i % devices.length]!.receive(packet);
      sent++;
    }
    expect(trace.packets.filter(({ events }) => events[0]!.kind === 'receive')).toHaveLength(sent);
    host.net.advance(60_000_000_000);
    const ends = new Set(['drop', 'deliver', 'wire', 'answer']);
    const lost = trace.packets.filter(({ events }) => !ends.has(events.at(-1)!.kind));
    expect(lost.map(({ events }) => events)).toEqual([]);
  });

  it.each([
    [{ devices: { 'a/b': {} } }, /EINVAL/],
    [{ devices: { eth0: { addresses: ['10.0.0.256/24'] } } }, /EINVAL/],
    [{ devices: { eth0: { addresses: ['10.0.0.1/33'] } } }, /EINVAL/],
    [{ devices: { eth0: { address: '02:00' } } }, /EINVAL/],
    [{ devices: { eth0: {}, eth1: { ifindex: 2 } } }, /EBUSY/],
    [{ routes: [{ to: '10.0.0.0/8', via: '10.9.9.9' }] }, /ENETUNREACH/],
    [{ routes: [{ to: '10.0.0.0/8', device: 'eth5' }] }, /ENODEV/],
    [
      { namespaces: { x: { devices: { eth0: { kind: 'veth', peer: { namespace: 'y' } } } } } },
      /ENOENT/,
    ],
    [{ devices: { nk0: { kind: 'netkit', address: mac(1) } } }, /EOPNOTSUPP/],
  ] as [MachineOptions, RegExp][])(
    'refuses a topology that cannot be: %j',
    async (options, error) => {
      await expect(createMachine(options)).rejects.toThrow(error);
    },
  );
});
