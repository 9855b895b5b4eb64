/**
 * 200 hostile packets and contexts in BPF_PROG_TEST_RUN of Linux 6.12.117 and of the machine: return
 * value, packet, context of each run, and what is left in the maps.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { differences, knownDifferences, recording, replay } from './packet-replay.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const { packets, cases } = recording();
const own = cases.filter(({ selftest }) => !selftest);
const known = knownDifferences();

it('asks at least 40 programs about 200 packets each', () => {
  expect(own.length).toBeGreaterThan(40);
  expect(packets.length).toBe(200);
  const names = new Set(cases.map(({ name }) => name));
  const listed = Object.keys(known).map((name) => name.replace(/ (errno|runs|map \S+)$/, ''));
  expect(listed.filter((name) => !names.has(name))).toEqual([]);
});

describe.each(['wasm', 'interpreter'] as const)('as in Linux 6.12.117 on %s', (engine) => {
  it.each(own.map((one) => [one.name, one] as const))('%s', async (name, one) => {
    const object = readFileSync(join(ROOT, one.file));
    const ours = await replay(one, object, packets, engine);
    const found = differences(ours, one.answers);
    const reasons = Object.entries(known).filter(([key]) => key.startsWith(`${name} `));
    for (const [key] of reasons) {
      const what = key.slice(name.length + 1);
      expect(found, `${key} is listed as different, but the same`).toHaveProperty([what]);
      delete found[what];
    }
    expect(found).toEqual({});
  });
});
