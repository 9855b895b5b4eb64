import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { Host } from '../../src/client/index.ts';
import type { KernelDevice } from '../../src/kernel/index.ts';
import {
  bootMachine,
  type Machine,
  type NetworkedMachine,
  resumeMachine,
  saveMachine,
} from '../../src/machine/index.ts';
import { pinObject } from '../../src/machine/bpffs/pins.ts';
import { netObject, packet } from './helpers.ts';

const nested = readFileSync(join(import.meta.dirname, '..', 'fixtures', 'nested-maps.bpf.o'));

const hostOf = ({ machine, network }: NetworkedMachine): Host =>
  new Host(machine, network.devices as unknown as Iterable<[string, KernelDevice]>);

/** All that is in the maps of a machine. */
function contentsOf(machine: Machine): unknown {
  return [...machine.objects.maps].map((map) => {
    const entries: string[] = [];
    let key: Uint8Array | undefined;
    const next = new Uint8Array(map.spec.keySize);
    while (map.nextKey(key, next) === 0) {
      key = next.slice();
      const value = new Uint8Array(map.userValueSize);
      map.lookup(key, value);
      entries.push(`${key.join()}=${value.join()}`);
    }
    return [map.id, map.spec.name, entries];
  });
}

async function attached(): Promise<NetworkedMachine> {
  const booted = await bootMachine({ devices: { eth0: {} }, seed: 7, cpus: 2 });
  const host = hostOf(booted);
  const { programs } = await host.load(netObject(), { programs: ['by_length'] });
  programs['by_length']!.attach({ device: 'eth0' });
  const kernelProgram = booted.machine.objects.programs.get(programs['by_length']!.id)!;
  pinObject(booted.machine.files, '/sys/fs/bpf/prog', 'prog', kernelProgram);
  for (let i = 0; i < 5; i++) host.devices['eth0']!.receive(packet(60 + i, 2, 0, 0, 0, 0, 1));
  return booted;
}

describe('a saved machine', () => {
  it('goes on where it was: maps, programs at hooks, ids, pins', async () => {
    const first = await attached();
    const again = await resumeMachine(await saveMachine(first.machine));
    const ids = ({ objects }: Machine) =>
      [objects.maps, objects.programs, objects.links, objects.btfs].map((table) =>
        [...table].map(({ id }) => id),
      );
    expect(ids(again.machine)).toEqual(ids(first.machine));
    expect(contentsOf(again.machine)).toEqual(contentsOf(first.machine));
    expect(again.machine.files.readdir('/sys/fs/bpf')).toEqual(['prog']);
    for (const { network } of [first, again]) {
      for (let i = 0; i < 3; i++) network.device('eth0').receive(packet(90, 2, 0, 0, 0, 0, 1));
    }
    expect(contentsOf(again.machine)).toEqual(contentsOf(first.machine));
    expect(contentsOf(again.machine)).not.toEqual(contentsOf((await attached()).machine));
  });

  it('is the same when saved again', async () => {
    const first = await attached();
    const once = await resumeMachine(await saveMachine(first.machine));
    const twice = await resumeMachine(await saveMachine(once.machine));
    expect(contentsOf(twice.machine)).toEqual(contentsOf(first.machine));
    twice.network.device('eth0').receive(packet(60, 2, 0, 0, 0, 0, 1));
  });

  it('keeps maps in maps', async () => {
    const booted = await bootMachine();
    await hostOf(booted).load(nested);
    const again = await resumeMachine(await saveMachine(booted.machine));
    expect(contentsOf(again.machine)).toEqual(contentsOf(booted.machine));
  });

  it('is refused while events are to come', async () => {
    const { machine } = await bootMachine();
    machine.runtime.events.at(5, () => {});
    await expect(saveMachine(machine)).rejects.toThrow(/EBUSY/);
  });

  it('that is damaged is a FormatError', async () => {
    const file = await saveMachine((await bootMachine({ verify: false })).machine);
    const damage = fc.record({ at: fc.nat(file.length - 1), by: fc.integer({ min: 1, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(damage, fc.nat(file.length - 1), async ({ at, by }, cut) => {
        const bytes = file.slice();
        bytes[at]! ^= by;
        await expect(resumeMachine(bytes)).rejects.toThrow(FormatError);
        await expect(resumeMachine(file.slice(0, cut))).rejects.toThrow(FormatError);
      }),
      { numRuns: 60 },
    );
    await expect(resumeMachine(new Uint8Array(0))).rejects.toThrow(FormatError);
  });
});
