/**
 * 200 hostile packets and contexts in BPF_PROG_TEST_RUN of Linux 6.12.117 and of the machine: return
 * value, packet, context of each run, and what is left in the maps.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { differences, knownDifferences, recording, replay, unlisted } from './packet-replay.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const { packets, cases } = recording();
const known = knownDifferences();
const own = cases.filter(({ selftest }) => !selftest);
/** One call of a helper each, which is the same code on both engines. */
const oneCall = ({ file }: { file: string }) => file.endsWith('packet-helpers.bpf.o');
const asked = { wasm: own, interpreter: own.filter((one) => !oneCall(one)) };

it('asks more than 40 programs about 200 packets each', () => {
  expect(asked.interpreter.length).toBeGreaterThan(60);
  expect(packets.length).toBe(200);
  const names = cases.map(({ name }) => name);
  const lost = Object.keys(known).filter(
    (key) => !names.some((name) => key.startsWith(`${name} `)),
  );
  expect(lost).toEqual([]);
});

describe.each(['wasm', 'interpreter'] as const)('as in Linux 6.12.117 on %s', (engine) => {
  it.each(asked[engine].map((one) => [one.name, one] as const))('%s', async (name, one) => {
    const object = readFileSync(join(ROOT, one.file));
    const ours = await replay(one, object, packets, engine);
    expect(unlisted(name, differences(ours, one.answers), known)).toEqual([]);
  });
});
