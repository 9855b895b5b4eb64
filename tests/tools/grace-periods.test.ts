import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { createMachine, exploreGracePeriods, type Trial } from '../../src/index.ts';

vi.setConfig({ testTimeout: 60_000 });
const folder = new URL('../../examples/grace-periods/', import.meta.url);
const object = readFileSync(new URL('trie.bpf.o', folder));

/** A reader of `key` that is interrupted after a step by changes: 1 inserts, 0 deletes. */
function schedule(key: number, step: number, changes: readonly (readonly [number, number])[]) {
  const packet = new Uint8Array(64);
  packet.set([key, step, changes.length, ...changes.flat()], 14);
  return packet;
}

const INSERT = schedule(1, 0, [[1, 1]]);
const SWAP = schedule(1, 3, [
  [0, 1],
  [1, 33],
]);

function scenario(packets: readonly Uint8Array[], memory = {}) {
  return async (choices: readonly boolean[]): Promise<Trial> => {
    const host = await createMachine({
      engine: 'interpreter',
      verify: false,
      gracePeriods: { choices },
      detectReuse: true,
      memory,
    });
    const { programs, globals } = await host.load(object);
    const verdicts = packets.map((data) => programs['trie']!.run({ data }).verdict);
    return { result: [verdicts, globals.get('refused')], memory: host.memory! };
  };
}

describe('all placements of grace periods', () => {
  it('a program that waits for nobody has one outcome, and its reuse is told', async () => {
    const seen = await exploreGracePeriods(scenario([INSERT, SWAP]));
    expect(seen).toMatchObject({ runs: 1, complete: true, choices: 0 });
    const [only] = seen.placements;
    expect(only).toMatchObject({ isFirst: true, schedule: [], count: 1 });
    expect(only!.reuse).toMatchObject({ name: 'nodes', kind: 'map' });
  });

  it('with reuse after a grace period no placement makes a reader see what is not so', async () => {
    const packets = [INSERT, SWAP, INSERT, SWAP];
    const later = { reuse: 'after-grace-period' };
    const seen = await exploreGracePeriods(scenario(packets, later));
    expect(seen.complete).toBe(true);
    expect(seen.runs).toBeGreaterThan(8);
    const verdicts = seen.placements.map(({ result }) => (result as unknown[])[0]);
    expect(new Set(verdicts.map(String))).toEqual(new Set(['pass,pass,pass,pass']));
    expect(seen.placements.every(({ reuse }) => reuse === undefined)).toBe(true);
  });

  it('finds the shortest schedule to another result, and no list of choices twice', async () => {
    const tapes = new Set<string>();
    const limited = scenario([INSERT, SWAP, INSERT, SWAP, INSERT], {
      reuse: 'after-grace-period',
      limit: 1500,
    });
    const seen = await exploreGracePeriods(
      (choices) => {
        tapes.add(choices.join());
        return limited(choices);
      },
      { most: 80 },
    );
    expect(tapes.size).toBe(seen.runs);
    expect(seen.placements.length).toBeGreaterThan(1);
    const total = seen.placements.reduce((sum, { count }) => sum + count, 0);
    expect(total).toBe(seen.runs);
    for (const { choices, schedule: ends } of seen.placements) {
      expect(ends).toHaveLength(choices.filter(Boolean).length);
    }
    const lengths = seen.placements.map(({ schedule: ends }) => ends.length);
    expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
    // The same choices lead to the same result again.
    for (const { choices, result } of seen.placements.slice(0, 4)) {
      expect((await limited(choices)).result).toEqual(result);
    }
  });

  it('says when there are more than it may run', async () => {
    const later = { reuse: 'after-grace-period' };
    const packets = [INSERT, SWAP, INSERT, SWAP];
    const progress: number[] = [];
    const seen = await exploreGracePeriods(scenario(packets, later), {
      most: 3,
      onProgress: (runs) => void progress.push(runs),
    });
    expect(seen).toMatchObject({ runs: 3, complete: false });
    expect(progress).toEqual([0, 1, 2]);
  });
});
