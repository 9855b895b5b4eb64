import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createMachine, loadKernelProfile } from '../../src/index.ts';
import { type Case, SocketReplay } from './sockmap-replay.ts';

const ORACLE = join(import.meta.dirname, '..', 'fixtures', 'oracle');
const { cases } = JSON.parse(
  gunzipSync(readFileSync(join(ORACLE, 'sockmap-6.12.117.json.gz'))).toString(),
) as { cases: readonly Case[] };
/** Steps that are known to be answered otherwise, `CASE #NUMBER`, each with the reason. */
const known = JSON.parse(readFileSync(join(ORACLE, 'sockmap-known.json'), 'utf8')) as Record<
  string,
  string
>;

describe('maps of sockets and groups do as Linux 6.12.117 does', () => {
  it('in more than a hundred cases', () => {
    expect(cases.length).toBeGreaterThan(100);
    const names = cases.flatMap(({ name, steps }) => steps.map((_, i) => `${name} #${i}`));
    expect(Object.keys(known).filter((name) => !names.includes(name))).toEqual([]);
  });

  it.each(cases.map((one) => [one.name, one] as const))('%s', async (name, { steps }) => {
    const devices = { lo: { addresses: ['127.0.0.1/8', '::1/128'] } };
    using host = await createMachine({ devices, kernel: await loadKernelProfile() });
    const replay = await SocketReplay.begin(host);
    const different: unknown[] = [];
    const passing: string[] = [];
    steps.forEach((step, i) => {
      const ours = replay.do(step);
      const { answer: linux, ...what } = step;
      const same = JSON.stringify(ours) === JSON.stringify(linux);
      const listed = known[`${name} #${i}`] !== undefined;
      if (same && listed) passing.push(`${name} #${i}`);
      if (!same && !listed) different.push({ i, what: JSON.stringify(what), linux, ours });
    });
    if (process.env['SOCKMAP_DIFFERENCES']) {
      for (const one of different) process.stderr.write(`DIFF ${name} ${JSON.stringify(one)}\n`);
    }
    expect(different).toEqual([]);
    expect(passing, 'listed as different, but the same').toEqual([]);
  });
});
