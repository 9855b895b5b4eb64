import { expect, it } from 'vitest';
import { fixturePath } from '../fixtures/read.ts';
import { beeyard, workFolder } from './helpers.ts';

const files = workFolder();
const OBJECT = fixturePath('counter.bpf.o');

interface Stats {
  readonly buckets: number;
  readonly keys: number;
  readonly chains: readonly number[];
  readonly refused: number;
  readonly longest: number;
  readonly longestExpected: number;
  readonly suggestedEntries: number;
}

const keys = (count: number): string =>
  Array.from({ length: count }, (_, i) => JSON.stringify({ source: i, port: 80 })).join('\n');

it('counts keys per bucket, and those that found no room', async () => {
  const path = files.write('keys.txt', Buffer.from(`${keys(1100)}\n`));
  const stats = (await beeyard(['map', 'hashstats', OBJECT, 'flows', path, '-j'])).json<Stats>();
  expect(stats).toMatchObject({ buckets: 1024, keys: 1024, refused: 76 });
  expect(stats.chains.reduce((sum, one) => sum + one, 0)).toBe(1024);
  expect(stats.chains.reduce((sum, one, length) => sum + one * length, 0)).toBe(1024);
  expect(stats.chains[0]).toBeGreaterThan(300);
  expect(stats.longest).toBe(stats.chains.length - 1);
  expect(stats.longest).toBeLessThanOrEqual(stats.longestExpected);
  expect(stats.suggestedEntries).toBe(2048);
  const other = ['map', 'hashstats', OBJECT, 'flows', path, '--seed', '9', '-j'];
  expect((await beeyard(other)).json<Stats>().chains).not.toEqual(stats.chains);
});

it('prints a table that fits, and refuses what is no hash or no key', async () => {
  const path = files.write('few.txt', Buffer.from(keys(10)));
  const { out, code } = await beeyard(['map', 'hashstats', OBJECT, 'flows', path]);
  expect(code).toBe(0);
  expect(out).toMatch(/flows: 10 keys in 1,024 buckets/);
  const bad = files.write('bad.txt', Buffer.from('{"nothing": 1}'));
  expect((await beeyard(['map', 'hashstats', OBJECT, 'flows', bad])).code).toBe(2);
  expect((await beeyard(['map', 'hashstats', OBJECT, 'flow', path])).err).toMatch(/'flows'/);
});
