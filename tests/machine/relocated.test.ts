import { describe, expect, it } from 'vitest';
import { loadKernelProfile } from '../../src/abi/index.ts';
import { createMachine, type EngineName } from '../../src/index.ts';
import type { MachineProgram } from '../../src/machine/index.ts';
import { fixture } from '../fixtures/read.ts';

const engines: readonly EngineName[] = ['interpreter', 'wasm'];
const kernel = await loadKernelProfile();
const PACKET = new Uint8Array(64);

describe.each(engines)('a program that asks for things of the kernel (%s)', (engine) => {
  it('runs as it was verified: types, configuration, and without the symbols there are not', async () => {
    using host = await createMachine({ engine });
    const { programs, globals, refused } = await host.load(fixture('adapted.bpf.o'));
    expect([...refused.keys()]).toEqual(['demanding']);
    const { kernelProgram } = programs['adapted']!;
    expect((kernelProgram as MachineProgram).verified).toBe(true);
    expect(programs['adapted']!.run({ data: PACKET }).verdict).toBe('pass');
    const btf = kernel.btf();
    const task = btf.type(btf.find('struct', 'task_struct')!);
    const pid = 'members' in task && task.members.find(({ name }) => name === 'pid');
    expect(globals.get('offset')).toBe(BigInt((pid && pid.bitOffset / 8) || 0));
    expect(globals.get('hz')).toBe(250n);
    expect(globals.get('version')).toBe(BigInt(kernel.versionCode));
    expect(globals.get('option')).toBe(0n);
    expect(globals.get('symbols')).toBe(0n);
  });

  it('is refused for a kernel function that is not there, by name', async () => {
    using host = await createMachine({ engine });
    await expect(host.load(fixture('adapted.bpf.o'), { programs: ['demanding'] })).rejects.toThrow(
      /program 'demanding': extern 'bpf_no_such_function' \(strong\): .* \(ESRCH\)/,
    );
  });

  it('is refused for its configuration when nobody says which kernel it is', async () => {
    using host = await createMachine({ engine, verify: false });
    await expect(host.load(fixture('adapted.bpf.o'), { programs: ['adapted'] })).rejects.toThrow(
      /extern 'CONFIG_HZ' \(strong\): this kernel has no such kernel option/,
    );
  });
});
