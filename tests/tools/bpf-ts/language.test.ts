/** Each construct of the language, run: language.bpf.o is what language.bpf.ts compiles to. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { createMachine } from '../../../src/index.ts';

const object = readFileSync(new URL('language.bpf.o', import.meta.url));

/** Ethernet, IPv4, TCP SYN from 10.0.0.9:1234 to 192.168.1.2:443, the last byte 42. */
function packetOf(length: number): Uint8Array {
  const packet = new Uint8Array(Math.max(length, 54));
  packet.set([2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 8, 8, 0]);
  packet.set([0x45, 0, 0, length - 14, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 9, 192, 168, 1, 2], 14);
  packet.set([1234 >> 8, 1234 & 255, 443 >> 8, 443 & 255], 34);
  packet.set([0x50, 2], 46);
  packet[length - 1] = 42;
  return packet.slice(0, length);
}

const wrapped = (value: bigint) => BigInt.asUintN(64, value);

interface Case {
  readonly program: string;
  readonly length?: number;
  readonly verdict?: string;
  /** Slots of `results`, in order; undefined where it does not matter. */
  readonly results: readonly (bigint | undefined)[];
}

const CASES: readonly Case[] = [
  { program: 'constants', results: [22n, (1n << 40n) - 1n, 30n, 65558n] },
  {
    program: 'conversions',
    results: [112n, wrapped(-96n), wrapped(-2n), 4294967200n, 1n, 4294967295n, wrapped(-1n)],
  },
  { program: 'branches', results: [3n, 1n] },
  { program: 'branches', length: 61, verdict: 'drop', results: [2n, 0n] },
  { program: 'branches', length: 101, verdict: 'drop', results: [1n, 0n] },
  { program: 'branches', length: 50, results: [4n, 1n] },
  { program: 'loops', results: [25n, 24n, 4n, 3456n, 11n] },
  { program: 'switches', results: [1n] },
  { program: 'switches', length: 61, results: [12n] },
  { program: 'switches', length: 62, results: [10n] },
  { program: 'switches', length: 63, results: [126n] },
  { program: 'enums', results: [4n, 0n, 1n] },
  { program: 'enums', length: 61, results: [5n, 1n, 2n] },
  { program: 'enums', length: 62, results: [6n, 0n, 2n] },
  { program: 'functions', verdict: 'drop', results: [110n, 4003n] },
  { program: 'functions', length: 50, results: [100n, 4003n] },
  { program: 'structs', results: [9n, wrapped(-5n), 5n, 2n, 9n, wrapped(-5n), 2400n, 6n] },
  { program: 'arrays', results: [360n, 1n, 45n, 200n] },
  { program: 'functions', length: 71, verdict: 'tx', results: [0n] },
  { program: 'indexes', results: [100n, 30n, 30n, 1n, 106n, 10n, 3n, 3n] },
  { program: 'globals', results: [65n, 160n, 60n, 123n] },
  {
    program: 'packets',
    verdict: 'tx',
    results: [6n, 405n, 0xc0a80102n, 4431n, 1n, 42n, 1n, 2n],
  },
  { program: 'packets', length: 20, verdict: 'aborted', results: [254n] },
  { program: 'packets', length: 50, verdict: 'tx', results: [6n, 405n, 0xc0a80102n, 0n, 0n, 42n] },
  { program: 'shaped', results: [61n, 7n] },
  { program: 'shaped', length: 101, verdict: 'drop', results: [102n] },
  { program: 'maps', results: [41n, 0n, 1n, wrapped(-17n), 70n, 1n, 12n] },
  { program: 'prefixes', results: [77n] },
  { program: 'rings', results: [1n] },
  { program: 'atomics', results: [12n, 15n, 6n, 9n, 8n, 60n] },
  { program: 'helpers', results: [1n, 0n] },
  { program: 'names', results: [182n, 4n, 10n] },
];

describe.each(['wasm', 'interpreter'] as const)('BPF in TypeScript on %s', (engine) => {
  let loaded: Awaited<ReturnType<typeof load>>;
  const load = async () => (await createMachine({ engine })).load(object);
  beforeAll(async () => {
    loaded = await load();
    loaded.maps['routes']!.set('10.0.0.0/8', 77);
  });

  it.each(CASES)('$program of $length', ({ program, length = 60, verdict, results }) => {
    const { programs, maps } = loaded;
    for (let slot = 0; slot < 16; slot++) maps['results']!.set(slot, 0n);
    const result = programs[program]!.run({ data: packetOf(length) });
    const found = results.map((_, slot) => maps['results']!.get(slot));
    expect(found).toEqual(results.map((value, slot) => value ?? found[slot]));
    expect(result.verdict).toBe(verdict ?? 'pass');
  });

  it('globals of rodata are set before loading, and memory is kept between runs', async () => {
    const host = await createMachine({ engine });
    const globals = { scale: 7, settings: { limit: 5, names: [4, 5, 6] } };
    const { programs, maps } = await host.load(object, { globals });
    for (let run = 1n; run <= 3n; run++) {
      programs['globals']!.run({ data: packetOf(60) });
      const found = [0, 1, 2, 3].map((slot) => maps['results']!.get(slot));
      expect(found).toEqual([5n + run * 60n, run * 100n + 60n, 35n, 456n]);
    }
  });

  it('writes into the packet, into ring buffers and into per-CPU maps', async () => {
    const traced: string[] = [];
    const onTrace = (text: string) => void traced.push(text);
    const host = await createMachine({ engine, onTrace });
    const { programs, maps } = await host.load(object);
    const { data } = programs['packets']!.run({ data: packetOf(60) });
    expect(data?.at(-1)).toBe(99);
    programs['rings']!.run({ data: packetOf(60) });
    programs['rings']!.run({ data: packetOf(1200) });
    expect(maps['events']!.drain('Event').map(({ value }) => value)).toEqual([
      { time: 5n, length: 60, note: [1, 1, 1, 1] },
      { time: 6n, length: 0, note: [1, 2, 3, 4] },
    ]);
    programs['maps']!.run({ data: packetOf(60) });
    expect((maps['counters']!.get(1) as bigint[])[0]).toBe(3n);
    programs['helpers']!.run({ data: packetOf(60) });
    expect(traced.join()).toContain('length 60, 100% of -5, 0');
  });
});
