/** The kernel's own XDP and tc programs, unmodified, on the packets of packets.oracle.test.ts. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { differences, knownDifferences, recording, replay, unlisted } from './packet-replay.ts';

/** Compiled selftests of the kernel: `node scripts/verify-corpus.mjs` makes them. */
const cache = process.env['BEEYARD_CACHE'] ?? join(homedir(), '.cache', 'beeyard');
const folder = (existsSync(cache) ? readdirSync(cache) : [])
  .filter((name) => /^selftests-[0-9a-f]+/.test(name))
  .map((name) => join(cache, name))
  .find((path) => existsSync(join(path, 'test_l4lb.bpf.o')));

const { packets, cases } = recording();
const known = knownDifferences();
const selftests = cases.filter(({ selftest }) => selftest);

describe.skipIf(!folder).each(['wasm', 'interpreter'] as const)('selftests on %s', (engine) => {
  it.each(selftests.map((one) => [one.name, one] as const))('%s', async (name, one) => {
    const object = readFileSync(join(folder!, one.file));
    const ours = await replay(one, object, packets, engine);
    expect(unlisted(name, differences(ours, one.answers), known)).toEqual([]);
  });
});
