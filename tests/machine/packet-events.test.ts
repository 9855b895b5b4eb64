/** Programs at functions and tracepoints of the kernel that packets come by. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  createMachine,
  type EngineName,
  pod,
  resumeMachine,
  saveMachine,
} from '../../src/index.ts';
import type { Machine } from '../../src/machine/index.ts';

const object = readFileSync(new URL('programs/packet-events.bpf.o', import.meta.url));
const errno = (code: string) => expect.objectContaining({ code });
const engines: readonly EngineName[] = ['interpreter', 'wasm'];
/** In the order of their numbers in the object. */
const POINTS = ['gro', 'queued', 'started', 'sent', 'received', 'freed', 'probed'];
const IPV4 = 0x0800;
const NO_SOCKET = 3;

interface Seen {
  readonly point: number;
  readonly ifindex: number;
  readonly length: number;
  readonly device: number;
  readonly reason: number;
  readonly protocol: number;
  readonly bytes: readonly number[];
  readonly type: readonly number[];
}

describe.each(engines)('packets at places of the kernel (%s)', (engine) => {
  async function started(points: readonly string[] = POINTS) {
    const host = await createMachine({
      engine,
      devices: { eth0: { addresses: ['192.0.2.1/24'] } },
      namespaces: { client: pod({ address: '10.0.0.2', link: 'veth' }) },
    });
    const loaded = await host.load(object);
    for (const [, why] of loaded.refused) throw why;
    const links = points.map((name) => loaded.programs[name]!.attach());
    const take = () =>
      [...loaded.maps['events']!.drain('seen')]
        .map(({ value }) => value as unknown as Seen)
        .map((one) => ({ ...one, point: POINTS[one.point]! }));
    return { host, ...loaded, links, take };
  }

  it('come by the card, then by the stack, without their Ethernet header', async () => {
    const { host, take } = await started(['probed', 'gro', 'received']);
    const frame = new Uint8Array(60);
    frame.set([8, 0, 0x45, 0x11], 12);
    host.devices['eth0']!.receive(frame);
    const { ifindex } = host.devices['eth0']!;
    const common = { ifindex, length: 46, bytes: [0x45, 0x11], type: [8, 0], protocol: IPV4 };
    expect(take()).toEqual([
      expect.objectContaining({ point: 'probed', length: 46 }),
      expect.objectContaining({ point: 'gro', device: ifindex, ...common }),
      expect.objectContaining({ point: 'received', ...common }),
    ]);
  });

  it('go out whole, and come in by the other end of a pair', async () => {
    const { host, take } = await started();
    const { client } = host.namespaces;
    client!.send({ to: '192.0.2.1', port: 9, payload: 'x' });
    const out = { ifindex: 2, length: 43, protocol: IPV4, type: [8, 0] };
    const datagram = take().filter(({ protocol, length }) => protocol === IPV4 && length < 45);
    expect(datagram).toEqual([
      expect.objectContaining({ point: 'queued', ...out }),
      expect.objectContaining({ point: 'started', device: 2, ...out }),
      expect.objectContaining({ point: 'sent', device: 2, reason: 43, ...out }),
      expect.objectContaining({ point: 'received', length: 29, bytes: [0x45, 0], type: [8, 0] }),
      expect.objectContaining({ point: 'freed', reason: NO_SOCKET, bytes: [0x45, 0] }),
    ]);
  });

  it('stay unseen where they are no socket buffers, and when nobody looks', async () => {
    const { host, links, take } = await started();
    const net = await host.load(readFileSync(new URL('programs/net.bpf.o', import.meta.url)));
    const xdp = net.programs['first_byte']!.attach({ device: 'eth0' });
    const dropped = new Uint8Array(60).fill(1, 0, 1);
    host.devices['eth0']!.receive(dropped);
    expect(take()).toEqual([]);
    xdp.detach();
    host.devices['eth0']!.receive(new Uint8Array(60));
    expect(take().map(({ point }) => point)).toContain('gro');
    for (const link of links) link.detach();
    host.devices['eth0']!.receive(new Uint8Array(60));
    expect(take()).toEqual([]);
  });

  it('are not followed where this machine never comes by', async () => {
    const { host } = await started([]);
    const names = ['gro_returns', 'elsewhere'];
    const { programs } = await host.load(object, { programs: names });
    for (const name of names) {
      expect(() => programs[name]!.attach()).toThrow(errno('EOPNOTSUPP'));
    }
  });

  it('find the programs again in a machine from a file', async () => {
    const { host } = await started(['received']);
    const again = await resumeMachine(await saveMachine(host));
    again.devices['eth0']!.receive(new Uint8Array(60));
    const { maps } = (again.kernel as Machine).objects;
    const events = [...maps].find(({ spec }) => spec.name === 'events')!;
    expect(events.drain()).toHaveLength(1);
  });
});
