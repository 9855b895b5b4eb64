/** Packs of a machine, and programs that links and maps hold. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { KernelProgram } from '../../src/kernel/index.ts';
import { createMachine } from '../../src/index.ts';
import type { Machine, MachineMap } from '../../src/machine/index.ts';
import { netObject, packet } from './helpers.ts';

const key = (slot: number) => new Uint8Array(Uint32Array.of(slot).buffer);
const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url));

describe('code of loaded objects', () => {
  it('is in one pack for the programs of a load, unless packs are small', async () => {
    const packs = async (codePack?: number) => {
      using host = await createMachine(codePack === undefined ? {} : { codePack });
      const { programs } = await host.load(netObject());
      const sizes = host
        .codeMemory()!
        .packs()
        .map(({ chunks }) => chunks.length);
      return [Object.keys(programs).length, ...sizes];
    };
    const [count, ...sizes] = await packs();
    expect(sizes).toEqual([count]);
    expect(await packs(1)).toEqual([count, ...Array<number>(count!).fill(1)]);
    await expect(packs(0)).rejects.toThrow('EINVAL');
  });

  it('is in one pack for several objects loaded together', async () => {
    using host = await createMachine();
    const sources = ['examples/static-keys/tracing.bpf.o', 'examples/firewall/firewall.bpf.o'];
    const loaded = await host.loadTogether(sources.map((path) => ({ source: read(path) })));
    const [pack, ...others] = host.codeMemory()!.packs();
    expect(pack!.chunks.map(({ name }) => name)).toEqual(
      loaded.flatMap(({ programs }) => Object.keys(programs)),
    );
    expect(others).toEqual([]);
  });

  it('is not known of an interpreter', async () => {
    using host = await createMachine({ engine: 'interpreter' });
    await host.load(netObject());
    expect(host.codeMemory()).toBeUndefined();
  });

  it.each([true, false])('gives the same results in packs (verified: %s)', async (verify) => {
    const results = async (codePack: number) => {
      using host = await createMachine({ codePack, verify, devices: { eth0: {}, eth1: {} } });
      const { programs } = await host.load(netObject());
      const all = [];
      for (let round = 0; round < 2; round++) {
        for (const [name, program] of Object.entries(programs)) {
          for (const size of [14, 60, 200]) {
            const { returnValue, data } = attempt(() => program.run({ data: packet(size) }));
            all.push([name, returnValue, data?.join()]);
          }
        }
        host.codeMemory()!.recompact({ waste: 0 });
      }
      return all;
    };
    const alone = await results(1);
    expect(await results(3)).toEqual(alone);
    expect(await results(64)).toEqual(alone);
  });

  it('may be packed anew while packets come', async () => {
    using host = await createMachine({ devices: { eth0: {}, eth1: {} } });
    const { programs, maps } = await host.load(netObject());
    using _link = programs['first']!.attach({ device: 'eth0' });
    for (let i = 0; i < 20; i++) {
      expect(host.devices.eth0.receive(packet(60)).verdict).toBe('tx');
      const other = Object.values(programs)[i % 5]!;
      if (other !== programs['first'] && other !== programs['second']) other.kernelProgram.close();
      expect(host.codeMemory()!.recompact({ waste: 0 }).after).toBe(1);
    }
    expect(host.codeMemory()!.packs()[0]!.generation).toBe(21);
    expect(maps['calls']!.kernelMap.spec.type).toBe('prog_array');
  });

  it('gives back its slots with the object', async () => {
    using host = await createMachine();
    const { functions } = (host.kernel as Machine).runtime;
    const first = await host.load(netObject());
    first[Symbol.dispose]();
    const { used } = functions;
    for (let i = 0; i < 5; i++) (await host.load(netObject()))[Symbol.dispose]();
    expect(functions.used).toBe(used);
    expect(host.codeMemory()!.packs()).toEqual([]);
    expect([...(host.kernel as Machine).programs].length).toBe(0);
  });
});

function attempt<Result extends object>(
  run: () => Result,
): Partial<Result> & { returnValue?: unknown } {
  try {
    return run();
  } catch (error) {
    return { returnValue: (error as Error).message } as Partial<Result> & { returnValue: unknown };
  }
}

describe('a program that is closed', () => {
  const load = async (engine: 'wasm' | 'interpreter') => {
    const host = await createMachine({ engine, devices: { eth0: {}, eth1: {} } });
    const { programs, maps } = await host.load(netObject());
    const machine = host.kernel as Machine;
    const calls = maps['calls']!.kernelMap as MachineMap;
    const second = programs['second']!.kernelProgram;
    const there = (program: KernelProgram) => [...machine.programs].includes(program as never);
    const run = () => programs['first']!.run({ data: packet(60) }).verdict;
    return { host, programs, calls, second, there, run };
  };

  it.each(['wasm', 'interpreter'] as const)(
    'stays while a prog_array has it: %s',
    async (engine) => {
      const { host, calls, second, there, run } = await load(engine);
      expect(run()).toBe('tx');
      second.close();
      second.close();
      expect([there(second), run()]).toEqual([true, 'tx']);
      expect(calls.delete(key(1))).toBe(0);
      expect([there(second), run() === 'tx']).toEqual([false, false]);
      host[Symbol.dispose]();
    },
  );

  it('goes when another takes its place, and when the map goes', async () => {
    const { host, programs, calls, second, there, run } = await load('wasm');
    const third = programs['by_length']!.kernelProgram;
    second.close();
    expect(calls.setObject(key(1), third)).toBe(0);
    expect(there(second)).toBe(false);
    expect(run()).toBe('pass');
    third.close();
    expect(there(third)).toBe(true);
    calls.close();
    expect(there(third)).toBe(false);
    expect(() => third.run()).toThrow('EBADF');
    expect(() => third.attach({ device: 'eth1' })).toThrow('EBADF');
    expect(calls.setObject(key(0), third)).toBe(-9);
    host[Symbol.dispose]();
  });

  it('stays while a link has it', async () => {
    const { host, programs, second, there, calls } = await load('wasm');
    const link = programs['second']!.attach({ device: 'eth0' });
    calls.delete(key(1));
    second.close();
    expect(there(second)).toBe(true);
    expect(host.devices['eth0']!.receive(packet(60)).verdict).toBe('tx');
    link.detach();
    link.detach();
    expect(there(second)).toBe(false);
    host[Symbol.dispose]();
  });
});
