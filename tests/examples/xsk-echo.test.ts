import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine, type EngineName, type KernelXsk } from '../../src/index.ts';
import { dissect } from '../../src/packet/index.ts';
import { udp } from '../machine/helpers.ts';

interface Row {
  readonly received: bigint;
  readonly sent: bigint;
  readonly latency: number;
  readonly hash: number;
  readonly tag: number | undefined;
}
interface Example {
  EchoServer: new (
    socket: KernelXsk,
    work?: (data: Uint8Array) => void,
  ) => { answerAll(): number; sent(): Row[] };
  answerTo(request: Uint8Array): Uint8Array;
}
const folder = join(import.meta.dirname, '../../examples/xsk-echo');
const { EchoServer, answerTo } = (await import(join(folder, 'echo.mjs'))) as unknown as Example;
const object = new Uint8Array(readFileSync(join(folder, 'echo.bpf.o')));
const engines: readonly EngineName[] = ['interpreter', 'wasm'];

const LATENCY = 1800;
const WORK = 2000;
const request = (client: number) => udp(`10.0.0.${client}`, '10.0.0.100', [4000 + client, 7]);

describe.each(engines)('AF_XDP echo (%s)', (engine) => {
  it('says of each answer how long it took, by the clock of the card', async () => {
    const rxMetadata = { timestamp: true, hash: true };
    const devices = { eth0: { rxMetadata, txLatency: LATENCY } };
    using host = await createMachine({ devices, engine });
    const { eth0 } = host.devices;
    const { programs, maps } = await host.load(object, {
      programs: ['to_socket'],
      bound: { to_socket: 'eth0' },
    });
    programs['to_socket']!.attach({ device: 'eth0' });
    using socket = eth0.xsk();
    maps['sockets']!.setXsk(0, socket);
    const server = new EchoServer(socket, () => void host.advance(WORK));
    for (const client of [1, 2, 3]) eth0.receive(request(client));
    eth0.receive(udp('10.0.0.1', '10.0.0.100', [4000, 8]));
    expect(server.answerAll()).toBe(3);
    host.advance(LATENCY);
    const rows = server.sent();
    expect(rows.map(({ latency }) => latency)).toEqual(
      [1, 2, 3].map((place) => place * WORK + LATENCY),
    );
    expect(new Set(rows.map(({ hash }) => hash)).size).toBe(3);
    expect(rows[0]!.tag).toBeUndefined();
    expect(eth0.sent.map(({ data }) => [data[29], data[33], data[35], data[37]])).toEqual(
      [1, 2, 3].map((client) => [100, client, 7, (4000 + client) & 255]),
    );
    const checksums = eth0.sent.flatMap(({ data }) => dissect(data).at(-1)!.problems);
    expect(checksums).toEqual([]);
  });

  it('turns packets round as the program in the kernel does', async () => {
    using host = await createMachine({ devices: { eth0: {} }, engine });
    const { programs } = await host.load(object, { programs: ['in_kernel'] });
    const { verdict, data } = programs['in_kernel']!.run({ data: request(5) });
    expect([verdict, data]).toEqual(['tx', answerTo(request(5))]);
  });
});
