import { describe, expect, it } from 'vitest';
import { createMachine, type EngineName } from '../../src/index.ts';
import { netObject, packet, udp } from './helpers.ts';

const engines: readonly EngineName[] = ['interpreter', 'wasm'];

describe.each(engines)('devices and hooks (%s)', (engine) => {
  const machine = () => createMachine({ engine, devices: { eth0: {}, eth1: {} } });

  it('runs an attached XDP program on what a device receives', async () => {
    using host = await machine();
    const { programs, maps, globals } = await host.load(netObject(), { programs: ['by_length'] });
    const link = programs.by_length!.attach({ device: 'eth0' });
    const { eth0 } = host.devices;
    expect(eth0!.receive(packet(60)).verdict).toBe('pass');
    expect(eth0!.receive(packet(19))).toMatchObject({ verdict: 'drop', verdictCode: 1 });
    expect([...maps.counts!]).toEqual([
      [0, 1n],
      [1, 1n],
      [2, 0n],
      [3, 0n],
    ]);
    expect(globals.get('total_bytes')).toBe(79n);
    link.detach();
    expect(eth0!.receive(packet(19)).verdictCode).toBeUndefined();
    expect(maps.counts!.get(1)).toBe(1n);
  });

  it('allows one XDP program per device', async () => {
    using host = await machine();
    const { programs } = await host.load(netObject(), { programs: ['by_length', 'first_byte'] });
    using _link = programs.by_length!.attach({ device: 'eth0' });
    expect(() => programs.first_byte!.attach({ device: 'eth0' })).toThrow(/EBUSY/);
    expect(() => programs.first_byte!.attach({ device: 'eth9' })).toThrow(/ENODEV/);
    programs.first_byte!.attach({ device: 'eth1' });
  });

  it('sets constants before loading, variables afterwards', async () => {
    using host = await machine();
    const options = { programs: ['by_length'], globals: { least_length: 100 } };
    const { programs, globals } = await host.load(netObject(), options);
    expect(programs.by_length!.run({ data: packet(60) }).verdict).toBe('drop');
    expect(globals.get('least_length')).toBe(100);
    expect(() => globals.set('least_length', 1)).toThrow(/EPERM/);
    globals.set('total_bytes', 5);
    programs.by_length!.run({ data: packet(60) });
    expect(globals.get('total_bytes')).toBe(65n);
    await expect(host.load(netObject(), { globals: { nothing: 1 } })).rejects.toThrow(/ENOENT/);
  });

  it('names every XDP verdict, and takes unknown codes for aborted', async () => {
    using host = await machine();
    const { programs } = await host.load(netObject(), { programs: ['first_byte'] });
    const verdict = (byte: number) => programs.first_byte!.run({ data: packet(60, byte) }).verdict;
    expect([0, 1, 2, 3, 4].map(verdict)).toEqual(['aborted', 'drop', 'pass', 'tx', 'redirect']);
    expect(verdict(77)).toBe('unknown 77');
  });

  it('gives back packets a program changed', async () => {
    using host = await machine();
    const { programs } = await host.load(netObject(), { programs: ['shorten'] });
    programs.shorten!.attach({ device: 'eth0' });
    const result = host.devices.eth0!.receive(packet(60));
    expect(result.verdict).toBe('tx');
    expect([...result.data.subarray(0, 3)]).toEqual([0xaa, 5, 6]);
    expect(result.data).toHaveLength(56);
    expect(host.devices.eth0!.sent.map((one) => one.data)).toEqual([result.data]);
  });

  it('loads nothing that Linux would refuse', async () => {
    using host = await machine();
    const loading = host.load(netObject(), { programs: ['careless'] });
    await expect(loading).rejects.toThrow(/'careless' is not safe to run: R\d offset is outside/);
    const { programs, refused } = await host.load(netObject());
    expect(programs.careless).toBeUndefined();
    expect(refused.get('careless')).toMatchObject({ name: 'VerifierError', code: 'EACCES' });
  });

  it('turns an access outside the packet into a fault when nobody verified it', async () => {
    using host = await createMachine({ engine, devices: { eth0: {} }, verify: false });
    const { programs } = await host.load(netObject(), { programs: ['careless'] });
    programs.careless!.attach({ device: 'eth0' });
    const { verdict, fault } = host.devices.eth0!.receive(packet(30));
    expect(verdict).toBe('aborted');
    expect(fault).toMatchObject({ kind: 'out of range', program: 'careless' });
    expect(fault!.message).toMatch(/net\.bpf\.c:\d+/);
    expect(host.devices.eth0!.receive(packet(60)).verdict).toBe('pass');
    expect(() => programs.careless!.run({ data: packet(30) })).toThrow(/out of range/);
  });

  it('hands redirected packets to the device they are for', async () => {
    using host = await machine();
    const { programs, maps } = await host.load(netObject(), { programs: ['to_device', 'to_port'] });
    const link = programs.to_device!.attach({ device: 'eth0' });
    expect(host.devices.eth0!.receive(packet(60))).toMatchObject({
      verdict: 'redirect',
      target: 'eth1',
    });
    link.detach();
    programs.to_port!.attach({ device: 'eth0' });
    expect(host.devices.eth0!.receive(packet(60)).verdict).toBe('drop');
    maps.tx_ports!.set(1, host.devices.eth1!.ifindex);
    expect(host.devices.eth0!.receive(packet(61))).toMatchObject({
      verdict: 'redirect',
      target: 'eth1 (tx_ports[1])',
    });
    expect(host.devices.eth1!.sent.map((one) => one.data.length)).toEqual([60, 61]);
  });

  it('takes VLAN tags off for tc programs and puts them back', async () => {
    using host = await machine();
    const { programs } = await host.load(netObject(), { programs: ['vlan_five'] });
    programs.vlan_five!.attach({ device: 'eth0' });
    const tagged = udp('10.0.0.1', '10.0.0.2', [1, 2], 5);
    const result = host.devices.eth0!.receive(tagged);
    expect(result).toMatchObject({ verdict: 'pass', verdictCode: 0 });
    expect(result.data).toEqual(tagged);
    expect(host.devices.eth0!.receive(udp('10.0.0.1', '10.0.0.2')).verdict).toBe('drop');
  });

  it('runs tc programs after XDP, in order, until one decides', async () => {
    using host = await machine();
    const names = ['marks', 'vlan_five', 'by_length'];
    const { programs } = await host.load(netObject(), { programs: names });
    programs.marks!.attach({ device: 'eth0' });
    expect(host.devices.eth0!.receive(packet(60))).toMatchObject({
      verdict: 'pass',
      verdictCode: -1,
    });
    programs.vlan_five!.attach({ device: 'eth0' });
    expect(host.devices.eth0!.receive(packet(60)).verdict).toBe('drop');
    using _xdp = programs.by_length!.attach({ device: 'eth0' });
    expect(host.devices.eth0!.receive(packet(18))).toMatchObject({ verdictCode: 1 });
  });

  it('shows a test run its context, and the context to the test', async () => {
    using host = await machine();
    const { programs } = await host.load(netObject(), { programs: ['marks', 'on_cpu'] });
    const { context, returnValue } = programs.marks!.run({ data: packet(77) });
    expect(new DataView(context.buffer).getUint32(8, true)).toBe(77);
    expect(returnValue).toBe(-1);
    const queue = new Uint8Array(24);
    new DataView(queue.buffer).setUint32(16, 3, true);
    expect(programs.on_cpu!.run({ data: packet(60) }).verdict).toBe('pass');
    expect(programs.on_cpu!.run({ data: packet(60), context: queue }).verdict).toBe('drop');
    expect(() => programs.marks!.run({ data: packet(5) })).toThrow(/EINVAL/);
  });

  it.each([
    [[0, 0, 0, 0, 0, 0], 0],
    [[255, 255, 255, 255, 255, 255], 2],
    [[1, 0, 94, 0, 0, 1], 2],
    [[2, 0, 0, 0, 0, 1], 3],
  ])('test runs see packets to %j as the loopback device does: type %i', async (to, type) => {
    using host = await machine();
    const { programs } = await host.load(netObject(), { programs: ['marks'] });
    const { context } = programs.marks!.run({ data: packet(77, ...to) });
    expect(new DataView(context.buffer).getUint32(4, true)).toBe(type);
  });
});
