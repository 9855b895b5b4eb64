import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createMachine, type KernelError, type XskOptions } from '../../src/index.ts';
import { dissect } from '../../src/packet/index.ts';
import { packet, udp } from './helpers.ts';

const object = new Uint8Array(readFileSync('examples/xsk-echo/echo.bpf.o'));
const request = udp('10.0.0.1', '10.0.0.2', [4000, 7]);
const ARRIVAL = 24;

/** A machine with a card of two queues, and the example's programs. */
async function echo(options: { readonly bound?: boolean; readonly latency?: number } = {}) {
  const rxMetadata = { timestamp: true, hash: true, vlanTag: true };
  const eth0 = { queues: 2, rxMetadata, txLatency: options.latency ?? 0 };
  const host = await createMachine({ devices: { eth0, eth1: {} } });
  const programs = options.bound ? ['to_socket'] : ['to_any_socket', 'in_kernel'];
  const bound = options.bound ? { to_socket: 'eth0' } : {};
  const loaded = await host.load(object, { programs, bound });
  return { host, eth0: host.devices.eth0, sockets: loaded.maps['sockets']!, ...loaded };
}

const code = (action: () => unknown): string | undefined => {
  try {
    action();
    return undefined;
  } catch (error) {
    return (error as KernelError).code;
  }
};

describe('AF_XDP sockets on devices', () => {
  test('packets that programs redirect come out of the socket', async () => {
    const { host, eth0, programs, sockets } = await echo();
    using _ = host;
    using link = programs['to_any_socket']!.attach({ device: 'eth0' });
    using socket = eth0.xsk({ queue: 1 });
    sockets.setXsk(1, socket);
    expect(eth0.receive(request, { queue: 1 })).toMatchObject({ verdict: 'redirect' });
    expect(socket.receive()?.data).toEqual(request);
    expect([socket.receive(), link.program.spec.name]).toEqual([undefined, 'to_any_socket']);
  });

  test('without a socket of its queue a packet takes the fallback action', async () => {
    const { host, eth0, programs, sockets } = await echo();
    using _ = host;
    programs['to_any_socket']!.attach({ device: 'eth0' });
    using socket = eth0.xsk({ queue: 1 });
    sockets.setXsk(1, socket);
    expect(eth0.receive(request, { queue: 0 })).toMatchObject({ verdict: 'pass' });
    expect(socket.waiting).toBe(0);
  });

  test('a socket takes packets of its own queue and device only', async () => {
    const { host, eth0, programs, sockets } = await echo();
    using _ = host;
    programs['to_any_socket']!.attach({ device: 'eth0' });
    using socket = eth0.xsk({ queue: 1 });
    sockets.setXsk(0, socket);
    using trace = host.net.trace();
    eth0.receive(request, { queue: 0 });
    expect(trace.packets[0]!.events.at(-1)).toMatchObject({
      kind: 'drop',
      why: expect.stringMatching(/^EINVAL.*queue 1.*queue 0/),
    });
    expect(host.net.namespace('').device('eth0').statistics.xdp_redirect_errors).toBe(1);
    expect(socket.statistics).toMatchObject({ rxDropped: 0 });
  });

  test('maps hold sockets as Linux lets them', async () => {
    const { host, eth0, sockets, programs } = await echo();
    using _ = host;
    const socket = eth0.xsk();
    sockets.setXsk(3, socket);
    expect(code(() => sockets.get(3))).toBe('EOPNOTSUPP');
    expect(code(() => sockets.setXsk(64, socket))).toBe('E2BIG');
    const map = sockets.kernelMap;
    expect(map.setObject(Uint8Array.of(3, 0, 0, 0), socket, 1)).toBe(0);
    expect(map.setObject(Uint8Array.of(4, 0, 0, 0), socket, 2)).toBe(-2);
    using second = eth0.xsk({ queue: 1 });
    expect(map.setObject(Uint8Array.of(3, 0, 0, 0), second, 1)).toBe(-17);
    expect(code(() => sockets.setObject(3, programs['in_kernel']!))).toBe('ENOTSOCK');
    expect(map.update(Uint8Array.of(3, 0, 0, 0), Uint8Array.of(socket.number, 0, 0, 0))).toBe(-9);
    expect(sockets.delete(3)).toBe(true);
    socket.close();
    expect(code(() => sockets.setXsk(3, socket))).toBe('EBADF');
  });

  test('a socket that closes leaves its maps and its queue', async () => {
    const { host, eth0, programs, sockets } = await echo();
    using _ = host;
    programs['to_any_socket']!.attach({ device: 'eth0' });
    {
      using socket = eth0.xsk();
      sockets.setXsk(0, socket);
      expect(code(() => eth0.xsk())).toBe('EBUSY');
    }
    expect(eth0.receive(request, { queue: 0 })).toMatchObject({ verdict: 'pass' });
    using again = eth0.xsk();
    expect(again.open).toBe(true);
  });

  test.each<[string, XskOptions, string]>([
    ['a queue that is not there', { queue: 2 }, 'EINVAL'],
    ['no ring', { rx: 0, tx: 0 }, 'EINVAL'],
    ['rings of 3', { rx: 3 }, 'EINVAL'],
    ['memory of 1 byte', { umem: { size: 1 } }, 'EINVAL'],
    ['metadata of 12 bytes', { umem: { txMetadata: 12 } }, 'EINVAL'],
  ])('%s: no socket', async (_, options, expected) => {
    const { host, eth0 } = await echo();
    using _host = host;
    expect(code(() => eth0.xsk(options))).toBe(expected);
    using socket = eth0.xsk();
    expect(socket.queue).toBe(0);
  });

  test('sockets of one queue share its rings; those of two have rings of their own', async () => {
    const { host, eth0, programs, sockets } = await echo();
    using _ = host;
    programs['to_any_socket']!.attach({ device: 'eth0' });
    using first = eth0.xsk({ umem: { size: 8 * 4096 }, offered: 2 });
    using second = eth0.xsk({ shared: first, offered: 0 });
    using other = eth0.xsk({ shared: first, queue: 1, offered: 1 });
    expect([first.free, second.free, other.free]).toEqual([5, 5, 5]);
    sockets.setXsk(0, second);
    sockets.setXsk(1, other);
    eth0.receive(request, { queue: 0 });
    eth0.receive(request, { queue: 1 });
    expect([first.waiting, second.waiting, other.waiting]).toEqual([0, 1, 1]);
    first.close();
    eth0.receive(request, { queue: 0 });
    expect(second.waiting).toBe(2);
    expect(code(() => eth0.xsk({ shared: first }))).toBe('EBADF');
  });

  test('what a program puts in front of a packet stands in front of it in the socket', async () => {
    const { host, eth0, programs, sockets } = await echo({ bound: true });
    using _ = host;
    programs['to_socket']!.attach({ device: 'eth0' });
    using socket = eth0.xsk();
    sockets.setXsk(0, socket);
    host.advance(5000);
    eth0.receive(udp('10.0.0.1', '10.0.0.2', [4000, 7], 0x2064), { queue: 0 });
    const { data, metadata } = socket.receive({ metadata: ARRIVAL })!;
    const view = new DataView(metadata.buffer);
    expect([view.getBigUint64(0, true), view.getUint32(12, true)]).toEqual([5000n, 1 | 8 | 32]);
    expect(view.getUint32(8, true)).not.toBe(0);
    expect([view.getUint16(16), view.getUint16(18, true)]).toEqual([0x8100, 0x2064]);
    expect([view.getUint32(20, true), data]).toEqual([0, request]);
  });

  test('what a card does not say is missing', async () => {
    const rxMetadata = { hash: true };
    const host = await createMachine({ devices: { eth0: { rxMetadata } } });
    using _ = host;
    const { programs, maps } = await host.load(object, { bound: { to_socket: 'eth0' } });
    programs['to_socket']!.attach({ device: 'eth0' });
    using socket = host.devices.eth0.xsk();
    maps['sockets']!.setXsk(0, socket);
    host.devices.eth0.receive(request);
    const { metadata } = socket.receive({ metadata: ARRIVAL })!;
    expect(metadata[20]).toBe(1 | 4);
  });

  test('a tag that the card took off is back in what XDP passes on', async () => {
    const { host, eth0, programs } = await echo({ bound: true });
    using _ = host;
    programs['to_socket']!.attach({ device: 'eth0' });
    using capture = host.net.capture({ device: 'eth0' });
    const tagged = udp('10.0.0.1', '10.0.0.2', [4000, 53], 100);
    expect(eth0.receive(tagged).data.length).toBe(tagged.length - 4);
    expect(capture.packets[0]!.data).toEqual(tagged);
  });

  test('the time of sending comes when the card says so', async () => {
    const { host, eth0 } = await echo({ latency: 1500 });
    using _ = host;
    using socket = eth0.xsk();
    host.advance(1000);
    const address = socket.send(request, { timestamp: true });
    expect([eth0.sent.length, socket.completed()]).toEqual([1, []]);
    host.advance(1499);
    expect(socket.completed()).toEqual([]);
    host.advance(1);
    expect(socket.completed()).toEqual([{ address, timestamp: 2500n }]);
    const plain = socket.send(request);
    host.advance(1500);
    expect(socket.completed()).toEqual([{ address: plain, timestamp: undefined }]);
  });

  test.each([{}, { umem: { softwareChecksum: true } }])(
    'a checksum that is asked for is right on the wire (%o)',
    async (options) => {
      const { host, eth0 } = await echo();
      using _ = host;
      using socket = eth0.xsk(options);
      socket.send(request, { checksum: true });
      const { data } = eth0.sent[0]!;
      expect(data.subarray(40, 42)).not.toEqual(request.subarray(40, 42));
      const problems = dissect(data).flatMap((layer) => layer.problems);
      expect(problems.filter((problem) => /udp/i.test(`${problem}`))).toEqual([]);
      expect(code(() => socket.send(packet(60), { checksum: true }))).toBe('EINVAL');
    },
  );

  test('sending needs a chunk, a ring and a device that is up', async () => {
    const { host, eth0 } = await echo({ latency: 1000 });
    using _ = host;
    using socket = eth0.xsk({ umem: { size: 4 * 4096 }, offered: 2 });
    socket.send(request);
    socket.send(request, { later: true });
    expect([eth0.sent.length, socket.free]).toEqual([1, 0]);
    expect(code(() => socket.send(request))).toBe('ENOBUFS');
    expect(code(() => socket.send(new Uint8Array(5000)))).toBe('EMSGSIZE');
    expect([socket.wake(), eth0.sent.length]).toEqual([0, 2]);
    host.advance(1000);
    host.net.namespace('').device('eth0').up = false;
    expect(code(() => socket.send(request))).toBe('ENETDOWN');
    using silent = eth0.xsk({ queue: 1, tx: 0 });
    expect(code(() => silent.send(request))).toBe('ENOBUFS');
  });

  test('packets can be waited for', async () => {
    const { host, eth0, programs, sockets } = await echo();
    using _ = host;
    programs['to_any_socket']!.attach({ device: 'eth0' });
    using socket = eth0.xsk();
    sockets.setXsk(0, socket);
    const stop = new AbortController();
    setTimeout(() => eth0.receive(request, { queue: 0 }), 5);
    const seen: Uint8Array[] = [];
    for await (const { data } of socket.packets({ signal: stop.signal })) {
      seen.push(data);
      stop.abort();
    }
    expect(seen).toEqual([request]);
  });
});
