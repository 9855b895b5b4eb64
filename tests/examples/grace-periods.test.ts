import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createMachine } from '../../src/index.ts';
import type { MachineOptions } from '../../src/machine/index.ts';

const folder = new URL('../../examples/grace-periods/', import.meta.url);
const object = readFileSync(new URL('trie.bpf.o', folder));
const { schedules } = (await import(new URL('schedules.mjs', folder).href)) as {
  schedules(seed: number, count: number): Uint8Array[];
};

async function play(options: MachineOptions, packets: readonly Uint8Array[]) {
  using host = await createMachine(options);
  const { programs, globals } = await host.load(object);
  const verdicts = packets.map((data) => programs['trie']!.run({ data }).verdict);
  const wrong = Number(globals.get('wrong'));
  return { verdicts, wrong, refused: Number(globals.get('refused')), memory: host.memory };
}

const engines = ['wasm', 'interpreter'] as const;
const policies = ['eager', 'lazy', 'adversarial'] as const;
const packets = schedules(1, 400);

for (const engine of engines) {
  test.each(policies)(
    `the trie fails with immediate reuse only: ${engine}, %s`,
    async (gracePeriods) => {
      const common = { engine, gracePeriods, seed: 3 };
      const immediate = await play({ ...common, memory: { reuse: 'immediate' } }, packets);
      const later = await play({ ...common, memory: { reuse: 'after-grace-period' } }, packets);
      expect(immediate.wrong).toBeGreaterThan(10);
      expect(later.wrong).toBe(0);
    },
  );
}

test('both engines and both kinds of code see the same', async () => {
  const options = { gracePeriods: 'adversarial', seed: 5, detectReuse: true } as const;
  const all: Awaited<ReturnType<typeof play>>[] = [];
  for (const engine of engines) {
    for (const verify of [true, false])
      all.push(await play({ ...options, engine, verify }, packets));
  }
  const [first] = all;
  for (const one of all) {
    expect(one.verdicts).toEqual(first!.verdicts);
    expect(one.memory!.reuses).toEqual(first!.memory!.reuses);
    expect(one.memory!.report()).toEqual(first!.memory!.report());
  }
});

test.each(engines)('a reuse is told with its three places: %s', async (engine) => {
  const { memory } = await play({ engine, detectReuse: true }, packets);
  const [event] = memory!.reuses;
  expect(event).toMatchObject({ name: 'nodes', kind: 'map' });
  const lines = [event!.obtained, event!.freed, event!.reused].map(({ source }) => source!.text);
  expect(lines[0]).toContain('bpf_map_lookup_elem(&nodes');
  expect(lines[1]).toContain('bpf_map_delete_elem(&nodes');
  expect(lines[2]).toContain('bpf_map_update_elem(&nodes');
  expect(event!.obtained.program).toBe('trie');
});

test('with reuse after a grace period nothing is told', async () => {
  const memory = { reuse: 'after-grace-period' } as const;
  const after = await play({ detectReuse: true, memory, gracePeriods: 'adversarial' }, packets);
  expect(after.memory!.reuses).toEqual([]);
});

test('failing allocations leave the trie as it was, whichever fails', async () => {
  for (let failAt = 1; failAt < 50; failAt += 6) {
    const memory = { failAt, reuse: 'after-grace-period' } as const;
    const { wrong, refused, memory: seen } = await play({ memory }, packets.slice(0, 60));
    expect([wrong, refused]).toEqual([0, 1]);
    expect(seen!.failures).toMatchObject([{ name: 'nodes', reason: 'injected', request: failAt }]);
    expect(seen!.failures[0]!.at.source!.text).toContain('bpf_map_update_elem');
  }
});

test('a limit refuses what is beyond it', async () => {
  const memory = { limit: 4000, reuse: 'after-grace-period' } as const;
  const { wrong, refused, memory: seen } = await play({ memory, gracePeriods: 'lazy' }, packets);
  expect(wrong).toBe(0);
  expect(refused).toBeGreaterThan(0);
  expect(seen!.failures[0]).toMatchObject({ name: 'nodes', reason: 'limit' });
  expect(seen!.report().peakBytes).toBeLessThanOrEqual(4000);
});

test('without anything asked for there is no model', async () => {
  const { memory } = await play({}, packets.slice(0, 10));
  expect(memory).toBeUndefined();
});
