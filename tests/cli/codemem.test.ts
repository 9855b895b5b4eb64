import { describe, expect, it } from 'vitest';
import type { CodePack, Recompaction } from '../../src/abi/index.ts';
import { textWidth } from '../../src/cli/table.ts';
import { beeyard, NET } from './helpers.ts';

const KEYS = 'examples/static-keys/tracing.bpf.o';

interface Answer {
  readonly packs: readonly CodePack[];
  readonly totals: Readonly<Record<string, number>>;
  readonly slots: { readonly used: number; readonly free: number };
  readonly recompaction?: Recompaction;
  readonly refused: readonly { readonly name: string }[];
}

const ask = async (...args: string[]): Promise<Answer> =>
  (await beeyard(['codemem', NET, KEYS, '-j', ...args])).json<Answer>();

describe('beeyard codemem', () => {
  it('loads the programs of all objects together and says what is where', async () => {
    const { packs, totals, slots, refused } = await ask('--pack', '8');
    const chunks = packs.flatMap((pack) => pack.chunks);
    expect(chunks.length).toBe(totals['programs']);
    expect(chunks.map(({ name }) => name)).toContain('filter');
    expect(packs.length).toBe(Math.ceil(chunks.length / 8));
    expect(totals['bytes']).toBe(packs.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(totals['bytes']).toBe(totals['live']! + totals['dead']! + totals['shared']!);
    expect(slots.used).toBeGreaterThanOrEqual(chunks.length);
    expect(refused.map(({ name }) => name)).toEqual(['careless']);
    const alone = await ask('--pack', '1');
    expect(alone.packs.length).toBe(chunks.length);
    expect(alone.totals['bytes']).toBeGreaterThan(totals['bytes']!);
  });

  it('shows the hole of a program that goes, and packs anew without it', async () => {
    const hole = await ask('--unload', 'filter');
    const gone = hole.packs.flatMap(({ chunks }) => chunks.filter(({ live }) => !live));
    expect(gone.map(({ name }) => name)).toEqual(['filter']);
    expect(hole.totals['dead']).toBe(gone[0]!.bytes);
    const anew = await ask('--unload', 'filter', '--recompact');
    expect(anew.totals['dead']).toBe(0);
    expect(anew.recompaction!.moved).toBe(anew.totals['programs']);
    expect(anew.packs[0]!.generation).toBe(2);
  });

  it.each([80, 132, 200])('draws packs that fit a terminal of %i columns', async (columns) => {
    const { code, out, err } = await beeyard(['codemem', NET, KEYS, '--unload', 'filter'], {
      columns,
    });
    expect(code).toBe(1);
    expect(err).toMatch(/^careless: not loaded: /);
    for (const line of out.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(columns);
    expect(out).toMatch(/^ {4}1 ░.*█.*▓.*·/m);
    expect(out).toMatch(/filter .* gone/);
  });

  it('refuses names and numbers that make no sense', async () => {
    const typo = await beeyard(['codemem', KEYS, '--unload', 'filtr']);
    expect([typo.code, typo.err]).toEqual([2, expect.stringMatching(/'filter'/)]);
    expect((await beeyard(['codemem', KEYS, '--pack', '0'])).code).toBe(2);
  });
});
