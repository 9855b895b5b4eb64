/**
 * beeyard asked what Linux 6.12.117 was asked (tests/fixtures/oracle): the return value of every
 * helper question on every packet, the packet afterwards, and what is left in the maps, in order.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createMachine } from '../../src/index.ts';
import { parseObject } from '../../src/object/index.ts';

interface Answer {
  readonly ret?: number;
  readonly out?: string;
  readonly err?: number;
}
interface Recording {
  readonly packets: string[];
  readonly packetHelpers: Record<string, Answer[]>;
  readonly mapHelpers: Record<
    string,
    { runs: Answer[]; maps: Record<string, [string, unknown][]> }
  >;
}

const folder = join(import.meta.dirname, '..', 'fixtures', 'oracle');
const recording: Recording = JSON.parse(readFileSync(join(folder, 'linux-6.12.117.json'), 'utf8'));
const packets = recording.packets.map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));
const objectNamed = (name: string) => parseObject(readFileSync(join(folder, name)));

/** Known differences of packet questions: name → why. A listed one that starts to agree fails. */
const KNOWN: Record<string, string> = JSON.parse(
  readFileSync(join(folder, 'known-differences.json'), 'utf8'),
);

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

for (const engine of ['wasm', 'interpreter'] as const) {
  describe(`Linux 6.12.117 and beeyard (${engine}) agree on`, () => {
    const packetObject = objectNamed('packet-helpers.bpf.o');
    const mapObject = objectNamed('map-helpers.bpf.o');

    test.for(Object.keys(recording.packetHelpers))('packet question %s', async (name) => {
      using host = await createMachine({ engine });
      const { programs } = await host.load(packetObject, { programs: [name] });
      const program = programs[name]!;
      const ours = packets.map((data): Answer => {
        try {
          const result = program.run({ data });
          const out = hex(result.data!);
          return { ret: result.returnValue, out: out === hex(data) ? '=' : out };
        } catch (error) {
          return { err: (error as { errno?: number }).errno ?? -1 };
        }
      });
      if (KNOWN[name]) expect(ours).not.toEqual(recording.packetHelpers[name]);
      else expect(ours).toEqual(recording.packetHelpers[name]);
    });

    test.for(Object.keys(recording.mapHelpers))('map question %s', async (name) => {
      using host = await createMachine({ engine });
      const { programs, maps } = await host.load(mapObject, { programs: [name] });
      const linux = recording.mapHelpers[name]!;
      expect(programs[name]!.run({ data: packets[0]! }).returnValue).toBe(linux.runs[0]!.ret);
      for (const [map, entries] of Object.entries(linux.maps)) {
        const { kernelMap } = maps[map]!;
        const ours = [...maps[map]!.rawKeys()].map((key) => {
          const value = new Uint8Array(kernelMap.userValueSize);
          kernelMap.lookup(key, value);
          return [hex(key), hex(value)];
        });
        const theirs = entries.map(([key, value]) => [key, value]);
        expect(ours, `entries of ${map}`).toEqual(theirs);
      }
    });
  });
}
