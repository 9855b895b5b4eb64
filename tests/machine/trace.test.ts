import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine } from '../../src/index.ts';

const object = new Uint8Array(readFileSync(new URL('programs/traced.bpf.o', import.meta.url)));

describe.each(['wasm', 'interpreter'] as const)('system calls on %s', (engine) => {
  const start = async () => {
    const host = await createMachine({ engine });
    const loaded = await host.load(object);
    return { host, ...loaded, programs: loaded.programs, globals: loaded.globals };
  };

  it('are seen by the programs that are attached, as long as they are', async () => {
    const { host, programs, globals } = await start();
    const task = host.task({ pid: 43, tgid: 42, comm: 'sshd' });
    const names = ['on_enter', 'on_exit', 'on_openat', 'on_function'];
    const links = names.map((name) => programs[name]!.attach());
    host.syscall('openat', { task, args: [-100, 0x1234n], returns: -2 });
    expect(globals.get('entered')).toBe(258n);
    expect(globals.get('left')).toBe(2n ** 64n - 2n);
    expect(globals.get('asked')).toEqual([2n ** 64n - 100n, 0x1234n]);
    expect(globals.get('pid_tgid')).toBe((42n << 32n) | 43n);
    expect(globals.get('first')).toBe(1n);
    expect(globals.get('kernel_regs')).not.toBe(0n);
    for (const link of links) link.detach();
    host.syscall('close', { task });
    expect(globals.get('entered')).toBe(258n);
  });

  it('without a task are made by the idle one; tracepoints see their own call', async () => {
    const { host, programs, globals } = await start();
    programs['on_enter']!.attach();
    programs['on_openat']!.attach();
    host.syscall('read', { args: [7] });
    expect(globals.get('entered')).toBe(1n);
    expect(globals.get('pid_tgid')).toBe(0n);
    expect(globals.get('asked')).toEqual([0n, 0n]);
  });

  it('runs alone: raw tracepoints with a context of words, others not', async () => {
    const { programs, globals } = await start();
    const context = new Uint8Array(BigUint64Array.of(0n, 8n).buffer);
    expect(programs['on_enter']!.run({ context }).returnValue).toBe(0);
    expect(globals.get('entered')).toBe(9n);
    expect(() => programs['on_enter']!.run({ data: context })).toThrow('(EINVAL)');
    expect(() => programs['on_openat']!.run({})).toThrow('(ENOTSUPP)');
  });

  it('are refused where the machine never comes by, and by names that are none', async () => {
    const { host, programs } = await start();
    expect(() => programs['elsewhere']!.attach()).toThrow('never comes by sched_switch');
    expect(() => programs['on_enter']!.attach({ device: 'lo' })).toThrow('sees no devices');
    expect(() => host.syscall('no_such_call')).toThrow('(ENOSYS)');
    const link = programs['on_enter']!.attach();
    expect(() => programs['on_enter']!.attach()).toThrow('(EBUSY)');
    link.detach();
    using plain = await createMachine({ engine, verify: false });
    expect(() => plain.task({ pid: 1 })).toThrow('(EOPNOTSUPP)');
  });

  it('a task ends, and the memory of its structs with it', async () => {
    const { host } = await start();
    const task = host.task({ pid: 5, cgroup: 'new' });
    expect(host.task({ pid: 6, cgroup: task.cgroup }).cgroup).toBe(task.cgroup);
    expect(task.alive).toBe(true);
    task.free();
    expect(task.alive).toBe(false);
    const other = host.kernel.createOwner('inode');
    expect(() => host.task({ pid: 7, cgroup: other })).toThrow('(EINVAL)');
  });
});
