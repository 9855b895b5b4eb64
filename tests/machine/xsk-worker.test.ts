import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { createMachine, openXsk } from '../../src/index.ts';
import { Ring } from '../../src/machine/net/xsk/ring.ts';
import { udp } from './helpers.ts';

const object = new Uint8Array(readFileSync('examples/xsk-echo/echo.bpf.o'));
const request = udp('10.0.0.1', '10.0.0.2', [4000, 7]);

async function served() {
  const host = await createMachine({ devices: { eth0: {} } });
  const { programs, maps } = await host.load(object, { programs: ['to_any_socket'] });
  programs['to_any_socket']!.attach({ device: 'eth0' });
  const socket = host.devices.eth0.xsk();
  maps['sockets']!.setXsk(0, socket);
  return { host, socket, eth0: host.devices.eth0 };
}

/** A thread that knows nothing but the rings: each packet goes back with its first byte changed. */
const THREAD = `
const { parentPort, workerData: { shared, count } } = require('node:worker_threads');
const words = (ring) => new Int32Array(ring.memory);
const [rx, tx, bell] = [words(shared.rx), words(shared.tx), new Int32Array(shared.bell)];
const bytes = new Uint8Array(shared.umem.memory);
parentPort.postMessage('ready');
for (let i = 0; i < count; i++) {
  Atomics.wait(rx, 0, i);
  const from = 32 + (i & (shared.rx.entries - 1)) * 4;
  const to = 32 + (i & (shared.tx.entries - 1)) * 4;
  for (let word = 0; word < 4; word++) tx[to + word] = rx[from + word];
  bytes[rx[from]] = 0x42;
  Atomics.add(rx, 16, 1);
  Atomics.add(tx, 0, 1);
  const call = Atomics.add(bell, 0, 1) + 1;
  Atomics.notify(bell, 0);
  while (Atomics.load(bell, 1) !== call) Atomics.wait(bell, 1, call - 1, 50);
}
`;

describe('AF_XDP sockets in other threads', () => {
  test('a worker that has the rings answers packets', async () => {
    const { host, socket, eth0 } = await served();
    using _ = host;
    const count = 20;
    const stop = new AbortController();
    const serving = socket.serve({ signal: stop.signal });
    const worker = new Worker(THREAD, {
      eval: true,
      workerData: { shared: socket.share(), count },
    });
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    await new Promise((resolve) => worker.once('message', resolve));
    for (let i = 0; i < count; i++) eth0.receive(request);
    expect(await ended).toBe(0);
    stop.abort();
    await serving;
    expect(eth0.sent.length).toBe(count);
    expect(eth0.sent.every(({ data }) => data[0] === 0x42 && data[37] === 7)).toBe(true);
  });

  test('who gives the rings away has them no more', async () => {
    const { host, socket, eth0 } = await served();
    using _ = host;
    const free = socket.free;
    const shared = socket.share();
    expect(shared.chunks.length).toBe(free);
    expect(() => socket.receive()).toThrow('another thread has the rings');
    expect(() => socket.share()).toThrow('another thread has the rings');
    eth0.receive(request);
    const user = openXsk(structuredClone(shared));
    expect([user.free, user.waiting, user.sleep(1)]).toEqual([free, 1, true]);
    expect(user.receive()!.data).toEqual(request);
    const address = user.send(request, { later: true });
    expect([socket.wake(), eth0.sent.length]).toEqual([0, 1]);
    expect(user.completed()).toEqual([{ address, timestamp: undefined }]);
  });

  test('a ring can be waited for', async () => {
    const ring = new Ring(4, 'addresses');
    expect([await ring.filling(1), ring.sleep(1)]).toEqual([false, false]);
    setTimeout(() => ring.push(4096), 2);
    expect(await ring.filling(1000)).toBe(true);
  });
});
