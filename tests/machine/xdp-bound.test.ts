import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createMachine, type KernelError, parseObject } from '../../src/index.ts';
import { netObject, udp } from './helpers.ts';

const object = new Uint8Array(readFileSync('examples/xsk-echo/echo.bpf.o'));
const spec = parseObject(object);

const machine = () =>
  createMachine({
    devices: { eth0: {}, eth1: {}, veth0: { kind: 'veth' }, nk0: { kind: 'netkit' } },
  });

async function codeOf(action: () => unknown): Promise<string | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    return (error as KernelError).code;
  }
}

const load = (host: Awaited<ReturnType<typeof machine>>, device: string) =>
  host.load(object, { programs: ['to_socket'], bound: { to_socket: device } });

describe('programs for one network device (kernel/bpf/offload.c)', () => {
  test('what devices say of packets is for those alone', async () => {
    using host = await machine();
    const refused = host.load(object, { programs: ['to_socket'] });
    await expect(refused).rejects.toThrow('metadata kfuncs require device-bound program');
  });

  test.each([
    ['eth0', undefined],
    ['veth0', undefined],
    ['nowhere', 'EINVAL'],
    ['lo', 'EOPNOTSUPP'],
    ['nk0', 'EOPNOTSUPP'],
  ])('bound to %s: %s', async (device, code) => {
    using host = await machine();
    expect(await codeOf(() => load(host, device))).toBe(code);
  });

  test('no device takes a program to run it itself', async () => {
    using host = await machine();
    const program = spec.programs.find(({ name }) => name === 'in_kernel')!;
    const offload = (device: string) =>
      host.kernel.loadProgram(program, new Map(), spec, [], { device, offload: true });
    // xdp_dev_bound_only: one bound to the device is there already.
    host.kernel.loadProgram(program, new Map(), spec, [], { device: 'veth0' });
    expect(await codeOf(() => offload('veth0'))).toBe('EINVAL');
    expect(await codeOf(() => offload('lo'))).toBe('EOPNOTSUPP');
  });

  test('programs of other types are bound to nothing', async () => {
    using host = await machine();
    const net = parseObject(netObject());
    const tc = net.programs.find(({ type }) => type === 'sched_cls')!;
    const bind = () => host.kernel.loadProgram(tc, new Map(), net, [], { device: 'eth0' });
    expect(await codeOf(bind)).toBe('EINVAL');
  });

  test('it attaches to its device and no other, and cannot be test-run', async () => {
    using host = await machine();
    const { programs } = await load(host, 'eth0');
    const program = programs['to_socket']!;
    expect(await codeOf(() => program.attach({ device: 'eth1' }))).toBe('EINVAL');
    expect(await codeOf(() => program.run({ data: new Uint8Array(64) }))).toBe('EINVAL');
    using link = program.attach({ device: 'eth0' });
    expect(await codeOf(() => program.attach({ device: 'eth0' }))).toBe('EBUSY');
    expect(link.program.id).toBe(program.id);
  });

  test('its device in another namespace is named by its path', async () => {
    using host = await createMachine({
      namespaces: { pod1: { devices: { eth0: { kind: 'veth' } } } },
      devices: { eth0: {} },
    });
    const { programs } = await load(host as never, 'pod1/eth0');
    const program = programs['to_socket']!;
    expect(await codeOf(() => program.attach({ device: 'eth0' }))).toBe('EINVAL');
    using link = program.attach({ device: 'pod1/eth0' });
    expect(link.program.id).toBe(program.id);
  });

  test('when its device is gone it attaches nowhere', async () => {
    using host = await createMachine({
      namespaces: { pod1: { devices: { eth0: { kind: 'veth' } } } },
    });
    const { programs } = await load(host as never, 'pod1/eth0');
    host.net.removeNamespace('pod1');
    expect(
      await codeOf(() => programs['to_socket']!.attach({ device: 'pod1/eth0' })),
    ).toBeDefined();
  });

  test('a veth knows a hash of what came as a socket buffer, nothing of XDP frames', async () => {
    using host = await createMachine({
      devices: { eth0: {}, v0: { kind: 'veth', peer: 'v1' } },
    });
    const { programs, maps } = await host.load(object, {
      programs: ['to_socket'],
      bound: { to_socket: 'v1' },
    });
    programs['to_socket']!.attach({ device: 'v1' });
    using socket = host.net.namespace('').device('v1').xsk();
    maps['sockets']!.setXsk(0, socket);
    const request = udp('10.0.0.1', '10.0.0.2', [4000, 7]);
    host.devices.v0.transmit(request);
    const plain = new DataView(socket.receive({ metadata: 24 })!.metadata.buffer);
    expect([plain.getUint32(8, true) !== 0, plain.getUint32(12, true)]).toEqual([true, 8]);
    // No time (0), no tag.
    expect([plain.getBigUint64(0, true), plain.getUint32(20, true)]).toEqual([0n, 4]);
  });
});
