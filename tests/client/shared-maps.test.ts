import { describe, expect, it } from 'vitest';
import { createMachine, Host, parseObject } from '../../src/index.ts';
import { bootMachine } from '../../src/machine/index.ts';
import { OwnerGone } from '../../src/runtime/index.ts';
import { fixture } from '../fixtures/read.ts';

const engines = ['wasm', 'interpreter'] as const;
const PACKET = { data: new Uint8Array(64) };
const object = () => parseObject(fixture('shared.bpf.o'));

describe.each(engines)('maps shared with user space (%s)', (engine) => {
  it('a user ring buffer: records go to the program, typed', async () => {
    using host = await createMachine({ engine });
    const { programs, maps } = await host.load(object());
    maps['commands']!.produce({ operation: 1, value: 30 }, 'command');
    maps['commands']!.produce({ operation: 1, value: 12 }, 'command');
    maps['commands']!.produce({ operation: 3, value: 5 }, 'command');
    expect(programs['obey']!.run(PACKET).returnValue).toBe(3);
    expect([...maps['counters']!.values()]).toEqual([0n, 42n, 0n, 5n]);
    const fill = () => {
      for (;;) maps['commands']!.produce(new Uint8Array(1000));
    };
    expect(fill).toThrow(/ENOSPC/);
    expect(() => maps['commands']!.produce(new Uint8Array(5000))).toThrow(/E2BIG/);
    expect(() => maps['counters']!.produce(new Uint8Array(8))).toThrow(/EINVAL/);
  });

  it('a mapped array: its bytes, written by both sides', async () => {
    using host = await createMachine({ engine });
    const { programs, maps } = await host.load(object());
    using view = maps['counters']!.view();
    expect(view.size).toBe(32);
    view.bytes()[8] = 100;
    maps['commands']!.produce({ operation: 1, value: 7 }, 'command');
    programs['obey']!.run(PACKET);
    expect(view.bytes()[8]).toBe(107);
    expect(maps['counters']!.get(1)).toBe(107n);
    expect(maps['counters']!.kernelMap.freeze()).toBe(-16);
    view[Symbol.dispose]();
    expect(() => view.bytes()).toThrow(/EFAULT/);
    expect(maps['counters']!.kernelMap.freeze()).toBe(0);
    expect(() => maps['counters']!.view()).toThrow(/EPERM/);
    expect(maps['counters']!.view({ write: false }).bytes()[8]).toBe(107);
    expect(() => maps['seen']!.view()).toThrow(/ENOTSUPP/);
  });

  it('an arena: its globals are there, and what the program does to them', async () => {
    using host = await createMachine({ engine });
    const { programs, maps } = await host.load(object(), { programs: ['hit'] });
    using view = maps['pages']!.view();
    expect(view.size).toBe(2 * 4096);
    expect(view.bytes()[0]).toBe(40);
    expect(programs['hit']!.run(PACKET).returnValue).toBe(41);
    expect(view.bytes()[0]).toBe(41);
  });

  it('storage of sockets: counted by the program, live from outside, gone with the socket', async () => {
    const { machine, network } = await bootMachine({ engine });
    using host = new Host(machine, network.devices);
    const { programs, maps } = await host.load(object(), { programs: ['count_socket'] });
    const socket = machine.createOwner('socket');
    const run = () => programs['count_socket']!.run(PACKET);
    run();
    machine.runtime.host.lookupSocket = () => socket.object;
    expect(maps['seen']!.storageOf(socket)).toBeUndefined();
    run();
    const live = maps['seen']!.storageOf(socket)!;
    run();
    expect(live[0]).toBe(2);
    expect(maps['seen']!.get(socket.number)).toBe(2n);
    maps['seen']!.set(socket.number, 10n);
    run();
    expect(maps['seen']!.get(socket.number)).toBe(11n);
    socket.free();
    expect(() => maps['seen']!.storageOf(socket)).toThrow(OwnerGone);
    expect(() => maps['seen']!.get(socket.number)).toThrow(/EBADF/);
  });

  it('storage of tasks: structs by their type', async () => {
    using host = await createMachine({ engine });
    const { maps } = await host.load(object());
    using task = host.kernel.createOwner('task');
    expect(maps['tasks']!.get(task.number)).toBeUndefined();
    maps['tasks']!.set(task.number, { operation: 3, value: 4 });
    expect(maps['tasks']!.get(task.number)).toEqual({ operation: 3, value: 4 });
    expect(maps['tasks']!.delete(task.number)).toBe(true);
    expect(maps['tasks']!.delete(task.number)).toBe(false);
    expect(() => [...maps['tasks']!.keys()]).not.toThrow();
  });
});
