import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { rxeFields, RXE_MD_SIZE } from '../../src/abi/index.ts';
import { createMachine, type KernelRdma, loadKernelProfile, parseObject } from '../../src/index.ts';
import { verify } from '../../src/verifier/index.ts';
import { verifierInput } from '../../src/verifier/input.ts';

const file = (name: string) =>
  readFileSync(new URL(`../../examples/rdma/${name}.bpf.o`, import.meta.url));

/** A client with eth0, a server in a namespace of its own, a cable between them. */
function machine(options: { v6?: boolean; forwarding?: boolean } = {}) {
  const [here, there] = options.v6
    ? (['fd00::1/64', 'fd00::2/64'] as const)
    : (['10.0.0.1/24', '10.0.0.2/24'] as const);
  const peer = { name: 'eth0', namespace: 'server', addresses: [there] };
  return createMachine({
    devices: { eth0: { kind: 'veth', addresses: [here], peer } },
    namespaces: { server: {} },
  });
}

type Machine = Awaited<ReturnType<typeof machine>>;

function sides(host: Machine, [near, far] = ['10.0.0.1', '10.0.0.2']) {
  const client = host.devices.eth0.rxe();
  const server = host.namespaces['server']!.device('eth0').rxe();
  const [here, there] = [client.nextQueuePair, server.nextQueuePair];
  return {
    client,
    server,
    one: client.connect({ address: far!, queuePair: there }),
    other: server.connect({ address: near!, queuePair: here }),
  };
}

const numbers = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, i) => i * 7);
const statuses = ({ completions }: KernelRdma) =>
  completions.map(({ operation, status }) => `${operation}: ${status}`);

describe('RDMA devices in the network', () => {
  test.each([
    ['IPv4', false, ['10.0.0.1', '10.0.0.2']],
    ['IPv6', true, ['fd00::1', 'fd00:0::2']],
  ] as const)(
    '%s: neighbours are found, packets travel, memory is written',
    async (_, v6, ends) => {
      using host = await machine({ v6 });
      using capture = host.net.capture({ device: 'eth0', direction: 'both' });
      const { client, server, one, other } = sides(host, [...ends]);
      expect([one.mtu, other.mtu]).toEqual([1024, 1024]);
      const bytes = new Uint8Array(200_000);
      const { address, remoteKey } = server.register(bytes, { write: true, read: true });
      one.post({ operation: 'write', data: numbers(150_000), address, remoteKey });
      one.post({ operation: 'read', length: 150_000, address, remoteKey });
      other.postReceive(new Uint8Array(8));
      one.post({ operation: 'send', data: numbers(8) });
      expect(statuses(client)).toEqual(['write: success', 'read: success', 'send: success']);
      expect(statuses(server)).toEqual(['receive: success']);
      expect(Buffer.compare(client.completions[1]!.data!, numbers(150_000))).toBe(0);
      expect(capture.packets.length).toBeGreaterThan(290);
      expect(one.outstanding).toBe(0);
      expect(client.counters).toMatchObject({ icrc_err: 0, discarded: 0, completer_retry_err: 0 });
    },
  );

  test('more than the window is never on its way', async () => {
    using host = await machine();
    const { client, server, one } = sides(host);
    const { address, remoteKey } = server.register(new Uint8Array(1 << 20), { write: true });
    one.post({ operation: 'write', data: numbers(1), address, remoteKey });
    const before = client.counters.sent_pkts;
    host.namespaces['server']!.device('eth0').up = false;
    one.post({ operation: 'write', data: numbers(500_000), address, remoteKey });
    expect(client.counters.sent_pkts - before).toBe(128);
    host.namespaces['server']!.device('eth0').up = true;
    host.net.advance(200_000_000);
    expect(statuses(client)).toEqual(['write: success', 'write: success']);
  });

  test('a machine talks to itself through lo', async () => {
    using host = await machine();
    const rxe = host.devices.eth0.rxe();
    const one = rxe.connect({ address: '10.0.0.1', queuePair: 18 });
    const other = rxe.connect({ address: '10.0.0.1', queuePair: 17 });
    other.postReceive(new Uint8Array(100));
    one.post({ operation: 'send', data: numbers(100) });
    expect(statuses(rxe).toSorted()).toEqual(['receive: success', 'send: success']);
  });

  test('datagrams: who has the key gets them, and nobody answers', async () => {
    using host = await machine();
    const client = host.devices.eth0.rxe();
    const server = host.namespaces['server']!.device('eth0').rxe();
    const here = client.datagrams();
    const there = server.datagrams({ queueKey: 7 });
    const to = { address: '10.0.0.2', queuePair: there.number };
    there.postReceive(new Uint8Array(64));
    there.postReceive(new Uint8Array(4));
    here.send({ ...to, queueKey: 8 }, numbers(10));
    here.send({ ...to, queueKey: 7 }, numbers(10), 5);
    here.send({ ...to, queueKey: 7 }, numbers(10));
    here.send({ ...to, queueKey: 7 }, numbers(10));
    const from = { address: '10.0.0.1', queuePair: here.number };
    expect(server.completions.map(({ status, from }) => [status, from])).toEqual([
      ['success', from],
      ['local length error', from],
    ]);
    expect(server.completions[0]).toMatchObject({ data: numbers(10), immediate: 5 });
    expect(server.counters).toMatchObject({ rcvd_pkts: 4, discarded: 1, sent_pkts: 0 });
    expect(() => here.send({ ...to, queueKey: 7 }, numbers(1025))).toThrow('1025 bytes');
  });

  test('what does not belong together is refused', async () => {
    using host = await machine();
    const { client, one } = sides(host);
    const bad = (work: object) => () => one.post(work as never);
    expect(bad({ operation: 'sned' })).toThrow("no operation 'sned'");
    expect(bad({ operation: 'send', address: 5n })).toThrow("takes no 'address'");
    expect(bad({ operation: 'send', immediate: 1, invalidate: 2 })).toThrow('not both');
    expect(bad({ operation: 'read', length: -1 })).toThrow('length of -1');
    const peer = { address: '10.0.0.2', queuePair: 1 };
    expect(() => client.connect(peer, { mtu: 4096 })).toThrow('the device can 1024');
    expect(() => client.connect({ ...peer, address: 'fd00::2' })).toThrow('no address to send to');
    expect(() => client.connect({ ...peer, address: 'x' })).toThrow("'x' is no IPv4");
    expect(one.outstanding).toBe(0);
  });

  test('packets for nobody: without an RDMA device the port is closed', async () => {
    using host = await machine();
    using trace = host.net.trace();
    const client = host.devices.eth0.rxe();
    const one = client.connect({ address: '10.0.0.2', queuePair: 99 }, { retries: 1 });
    one.post({ operation: 'send' });
    expect(
      trace.packets
        .flatMap(({ events }) => events)
        .some((event) => event.kind === 'drop' && event.reason === 'NO_SOCKET'),
    ).toBe(true);
    const server = host.namespaces['server']!.device('eth0').rxe();
    host.net.advance(1_000_000_000);
    expect(statuses(client)).toEqual(['send: retry exceeded']);
    expect(server.counters).toMatchObject({ rcvd_pkts: 1, discarded: 1 });
  });

  test('congestion: marked packets are counted and the sender is told', async () => {
    using host = await machine();
    const server = host.namespaces['server']!.device('eth0').rxe({ congestionNotification: true });
    const { client, one, other } = sides(host);
    other.postReceive(new Uint8Array(8000));
    using capture = host.net.capture({ device: 'eth0', direction: 'out' });
    one.post({ operation: 'send', data: numbers(3000) });
    const packets = capture.packets.map(({ data }) => data.slice());
    expect(server.counters.np_ecn_marked_roce_packets).toBe(0);
    for (const packet of packets) {
      packet[15] = 3;
      // The sum of the header, by difference.
      const sum = (packet[24]! << 8) + packet[25]! - 3;
      packet.set([sum >> 8, sum & 255], 24);
      host.namespaces['server']!.device('eth0').receive(packet);
    }
    expect(server.counters).toMatchObject({
      np_ecn_marked_roce_packets: 3,
      np_cnp_sent: 1,
      duplicate_request: 3,
    });
    expect(client.counters.rp_cnp_handled).toBe(1);
  });
});

describe('programs and RDMA', () => {
  test('XDP takes a packet away: the responder says so, the requester sends it again', async () => {
    using host = await machine();
    const server = host.namespaces['server']!.device('eth0');
    const { programs, maps } = await host.load(file('roce'), { globals: { victim: 2 } });
    programs['drop_psn']!.attach({ device: 'server/eth0' });
    programs['watch_sequence']!.attach({ device: 'server/eth0' });
    programs['count_queue_pairs']!.attach({ device: 'eth0' });
    const { client, one, other } = sides(host);
    other.postReceive(new Uint8Array(8000));
    one.post({ operation: 'send', data: numbers(5000) });
    expect(statuses(client)).toEqual(['send: success']);
    expect(server.rxe().completions[0]!.data).toEqual(numbers(5000));
    expect(client.counters).toMatchObject({
      rcvd_seq_err: 1,
      completer_retry_err: 1,
      sent_pkts: 8,
    });
    expect(server.rxe().counters).toMatchObject({ out_of_seq_request: 2, duplicate_request: 0 });
    expect(server.statistics.xdp_drop).toBe(1);
    const flow = [...maps['sequences']!].map(([, value]) => value);
    expect(flow).toEqual([{ expected: 5, gaps: 1, lost: 1, again: 3 }]);
    const counted = [...maps['queue_pairs']!];
    expect(counted).toMatchObject([[{ qpn: 17 }, { packets: 2n, acks: 1n, naks: 1n }]]);
  });

  test.each([true, false])('rxe/rx guards keys, rxe/tx sees NAKs (verified: %s)', async (check) => {
    const peer = { name: 'eth0', namespace: 'server', addresses: ['10.0.0.2/24'] };
    using host = await createMachine({
      verify: check,
      devices: { eth0: { kind: 'veth', addresses: ['10.0.0.1/24'], peer } },
      namespaces: { server: {} },
    });
    const { programs, maps } = await host.load(file('rkeys'));
    const { client, server, one } = sides(host as Machine);
    const region = server.register(new Uint8Array(64), { read: true, write: true });
    const { address, remoteKey } = region;
    maps['keys']!.set(remoteKey, { address: 0x0100000a, read_only: 1 });
    const link = programs['guard_keys']!.attach({ device: 'server/eth0' });
    programs['count_naks']!.attach({ device: 'server/eth0' });
    one.post({ operation: 'read', length: 64, address, remoteKey });
    one.post({ operation: 'write', data: numbers(8), address, remoteKey });
    expect(statuses(client)).toEqual(['read: success']);
    expect(maps['refused']!.get(remoteKey)).toBe(1n);
    link.detach();
    host.net.advance(100_000_000);
    expect(statuses(client)).toEqual(['read: success', 'write: success']);
    expect(server.counters.bpf_drop).toBe(1);
    one.post({ operation: 'write', data: numbers(8), address, remoteKey: 5 });
    expect(maps['naks']!.get(2)).toBe(1n);
  });

  test('the context is what rxe.h says, and may not be written', async () => {
    const object = parseObject(file('rkeys'));
    const id = object.btf!.find('struct', 'rxe_md')!;
    const type = object.btf!.type(id);
    if (type.kind !== 'struct') throw new Error('rxe_md is no struct');
    expect(type.size).toBe(RXE_MD_SIZE);
    expect(type.members.map(({ name, bitOffset }) => [name, bitOffset / 8])).toEqual(
      [...rxeFields].map(([name, { offset }]) => [name, offset]),
    );
  });

  test('Linux has no such hook: refused where only what it has is wanted', async () => {
    const object = parseObject(file('rkeys'));
    const profile = await loadKernelProfile();
    const program = object.programs.find(({ name }) => name === 'guard_keys')!;
    const input = verifierInput(object, program, profile);
    expect(verify(input, profile).ok).toBe(true);
    const refused = verify(input, profile, { portable: true });
    expect(refused.ok).toBe(false);
    expect(refused.log).toContain('hook rxe_rx, which Linux does not have');
  });

  test('hooks take no other programs, and no test run', async () => {
    using host = await machine();
    const { programs } = await host.load(file('rkeys'));
    expect(() => programs['guard_keys']!.run({})).toThrow('no test run of rxe_rx');
    expect(() => programs['guard_keys']!.attach({})).toThrow('attaches to a device');
    expect(() => programs['guard_keys']!.attach({ device: 'eth9' })).toThrow("no device 'eth9'");
  });
});
