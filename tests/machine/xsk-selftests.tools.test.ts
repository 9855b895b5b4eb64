/**
 * The kernel's own AF_XDP and XDP metadata programs, unmodified, and what
 * prog_tests/{xdp_metadata,xdp_dev_bound_only}.c, xdp_hw_metadata.c and xskxceiver.c want of them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMachine, type KernelError, type ObjectFile, parseObject } from '../../src/index.ts';
import * as p from '../../src/packet/index.ts';
import { udp } from './helpers.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const folder = (existsSync(cache) ? readdirSync(cache) : [])
  .filter((name) => /^selftests-[0-9a-f]+/.test(name))
  .map((name) => join(cache, name))
  .find((path) => existsSync(join(path, 'xdp_metadata.bpf.o')));

const selftest = (name: string): ObjectFile =>
  parseObject(new Uint8Array(readFileSync(join(folder!, `${name}.bpf.o`))));

/** struct xdp_meta of the selftests. */
function metaOf(metadata: Uint8Array) {
  const view = new DataView(metadata.buffer, metadata.byteOffset);
  const [hash, type] = [view.getUint32(16, true), view.getUint32(20, true)];
  const [protocol, tci] = [view.getUint16(24), view.getUint16(26, true)];
  const [time, xdpTime] = [view.getBigUint64(0, true), view.getBigUint64(8, true)];
  return { time, xdpTime, hash, type, protocol, tci, valid: view.getUint32(28, true) };
}
const META = 32;
/** struct xdp_info */
const INFO = 32;

/** What the test sends from its AF_XDP socket. */
const generated = () =>
  p.packet(
    p.ethernet({ source: '00:00:00:00:00:01', destination: '00:00:00:00:00:02' }),
    p.ipv4({ source: '10.0.0.1', destination: '10.0.0.2', ttl: 0 }),
    p.udp({ sourcePort: 1234, destinationPort: 8080, checksum: 0 }),
    new Uint8Array(4).fill(0xaa),
  );

/** Two namespaces, a cable, an AF_XDP socket at each end. */
async function cable(engine: 'wasm' | 'interpreter') {
  const rx = { name: 'veRX', namespace: 'rx', address: '00:00:00:00:00:02' };
  const veTX = { kind: 'veth', address: '00:00:00:00:00:01', peer: rx } as const;
  const host = await createMachine({
    engine,
    namespaces: { tx: { devices: { veTX } }, rx: {} },
  });
  return { host, veTX: host.namespaces.tx.device('veTX'), veRX: host.namespaces.rx.device('veRX') };
}
const umem = { size: 16 * 4096, unaligned: true, softwareChecksum: true };

describe.skipIf(!folder).each(['wasm', 'interpreter'] as const)('selftests on %s', (engine) => {
  it('xdp_metadata: over a cable, from AF_XDP and from a socket', async () => {
    const { host, veTX, veRX } = await cable(engine);
    using _ = host;
    const { programs, maps } = await host.load(selftest('xdp_metadata'), {
      bound: { rx: 'rx/veRX' },
    });
    const rx = programs['rx']!;
    const key = Uint8Array.of(0, 0, 0, 0);
    expect(maps['prog_arr']!.kernelMap.setObject(key, rx.kernelProgram)).toBe(-22);
    using link = rx.attach({ device: 'rx/veRX' });
    using receiver = veRX.xsk({ umem, offered: 8 });
    using sender = veTX.xsk({ umem, offered: 8 });
    maps['xsk']!.setXsk(0, receiver);
    host.advance(1000);

    sender.send(generated(), { checksum: true, timestamp: true });
    expect(sender.completed()).toMatchObject([{ timestamp: 1000n }]);
    const first = receiver.receive({ metadata: META })!;
    const said = metaOf(first.metadata);
    expect(said).toMatchObject({ time: 1n, type: 0 });
    expect(said.hash).not.toBe(0);
    expect(new DataView(first.data.buffer, first.data.byteOffset).getUint16(40)).toBe(0x721c);

    // A socket's packet has ports in its hash. There are no VLAN devices here: no tag to see.
    veTX.transmit(generated());
    const second = metaOf(receiver.receive({ metadata: META })!.metadata);
    expect(second).toMatchObject({ time: 1n, type: 8 });
    expect(second.hash).not.toBe(0);
    link.detach();
  });

  it('xdp_metadata: without XDP_UMEM_TX_SW_CSUM a cable completes no checksum', async () => {
    const { host, veTX, veRX } = await cable(engine);
    using _ = host;
    const { programs, maps } = await host.load(selftest('xdp_metadata'), {
      bound: { rx: 'rx/veRX' },
    });
    programs['rx']!.attach({ device: 'rx/veRX' });
    using receiver = veRX.xsk();
    using sender = veTX.xsk();
    maps['xsk']!.setXsk(0, receiver);
    sender.send(generated(), { checksum: true });
    const { data } = receiver.receive()!;
    // The sum of the pseudo-header, as it was sent: 10.0.0.1, 10.0.0.2, UDP, 12 bytes.
    expect((data[40]! << 8) | data[41]!).toBe(0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 17 + 12);
  });

  it('xdp_metadata2: bound to a device it runs there', async () => {
    const { host, veTX } = await cable(engine);
    using _ = host;
    // It is to replace a function; this machine has no freplace, so it runs by itself.
    const object = selftest('xdp_metadata2');
    const programs = object.programs.map((one) => ({ ...one, type: 'xdp', section: 'xdp' }));
    const load = (bound: Record<string, string>) =>
      host.load({ ...object, programs }, { programs: ['freplace_rx'], bound });
    await expect(load({})).rejects.toThrow('metadata kfuncs require device-bound program');
    const loaded = await load({ freplace_rx: 'rx/veRX' });
    loaded.programs['freplace_rx']!.attach({ device: 'rx/veRX' });
    veTX.transmit(generated());
    expect(loaded.globals.get('called')).toBe(1);
  });

  it('xdp_hw_metadata: a card that says everything, and one that says nothing', async () => {
    const rxMetadata = { timestamp: true, hash: true, vlanTag: true };
    const devices = { eth0: { rxMetadata, txLatency: 700 }, eth1: {} };
    using host = await createMachine({ engine, devices });
    const packet = udp('10.0.0.1', '10.0.0.2', [1234, 9091], 59);
    const run = async (device: 'eth0' | 'eth1') => {
      const { programs, maps, globals } = await host.load(selftest('xdp_hw_metadata'), {
        bound: { rx: device },
      });
      programs['rx']!.attach({ device });
      const socket = host.devices[device].xsk();
      maps['xsk']!.setXsk(0, socket);
      host.advance(500);
      host.devices[device].receive(packet);
      host.devices[device].receive(udp('10.0.0.1', '10.0.0.2', [1234, 53]));
      expect([globals.get('pkts_redir'), globals.get('pkts_skip')]).toEqual([1n, 1n]);
      return metaOf(socket.receive({ metadata: META })!.metadata);
    };
    expect(await run('eth0')).toMatchObject({
      time: 500n,
      xdpTime: 500n,
      type: 1 | 8 | 32,
      protocol: 0x8100,
      tci: 59,
      valid: 7,
    });
    const nothing = await run('eth1');
    // The errno is where the answer would be: -EOPNOTSUPP.
    expect([BigInt.asIntN(32, nothing.time), nothing.type | 0, nothing.valid]).toEqual([
      -95n,
      -95,
      0,
    ]);
  });

  it('xdp_dev_bound_only: a cable runs no program itself', async () => {
    using host = await createMachine({ engine, devices: { eth42: { kind: 'veth' } } });
    const object = selftest('xsk_xdp_progs');
    const spec = object.programs.find(({ name }) => name === 'xsk_xdp_shared_umem')!;
    const { maps } = await host.load(object);
    const kernelMaps = new Map(Object.entries(maps).map(([name, map]) => [name, map.kernelMap]));
    const load = (offload: boolean) =>
      host.kernel.loadProgram(spec, kernelMaps, object, [], { device: 'eth42', offload });
    expect(load(false).id).toBeGreaterThan(0);
    const code = (() => {
      try {
        return `${load(true).id}`;
      } catch (error) {
        return (error as KernelError).code;
      }
    })();
    expect(code).toBe('EINVAL');
  });

  it('xsk_xdp_progs: redirect, every other one, metadata, shared memory', async () => {
    using host = await createMachine({ engine, devices: { eth0: {} } });
    const { eth0 } = host.devices;
    const { programs, maps } = await host.load(selftest('xsk_xdp_progs'));
    using first = eth0.xsk({ offered: 64 });
    using second = eth0.xsk({ shared: first });
    maps['xsk']!.setXsk(0, first).setXsk(1, second);
    const frame = (to: number) =>
      p.packet(p.ethernet({ destination: `02:00:00:00:00:0${to}` }), new Uint8Array(46));
    const receive = (name: string, count: number) => {
      using _ = programs[name]!.attach({ device: 'eth0' });
      for (let i = 0; i < count; i++) eth0.receive(frame(i & 3));
      const got = [first, second].map((socket) => {
        const packets = [];
        for (
          let one = socket.receive({ metadata: INFO });
          one;
          one = socket.receive({ metadata: INFO })
        ) {
          packets.push(new DataView(one.metadata.buffer).getUint32(0, true));
        }
        return packets;
      });
      return got;
    };
    expect(receive('xsk_def_prog', 6).map(({ length }) => length)).toEqual([6, 0]);
    expect(receive('xsk_xdp_drop', 6).map(({ length }) => length)).toEqual([3, 0]);
    expect(receive('xsk_xdp_populate_metadata', 4)[0]).toEqual([0, 1, 2, 3]);
    expect(receive('xsk_xdp_shared_umem', 8).map(({ length }) => length)).toEqual([4, 4]);
  });
});
