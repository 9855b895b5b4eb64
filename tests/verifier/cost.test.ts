/** Where the work of a verification goes: sums, and programs whose cost is known by hand. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseObject } from '../../src/object/index.ts';
import { components } from '../../src/verifier/explain/cost/components.ts';
import {
  type CostProfile,
  profileCost,
  verifierInput,
  verify,
  type VerifierInput,
} from '../../src/verifier/index.ts';
import { inputOf, profile, UNPRIVILEGED } from './programs.ts';

const FOLDERS = ['./', '../fixtures/', '../../bench/programs/'];
/** Programs of the benchmark that take long are left out. */
const SMALL = /^xdp_(min|nat|fw|parse|lru)/;

const isWanted = (folder: string) => (file: string) =>
  file.endsWith('.bpf.o') && (!folder.includes('bench') || SMALL.test(file));

function* committedPrograms(): Generator<[string, VerifierInput]> {
  for (const folder of FOLDERS) {
    const url = new URL(folder, import.meta.url);
    for (const name of readdirSync(url).filter(isWanted(folder))) {
      const object = parseObject(readFileSync(new URL(name, url)));
      for (const program of object.programs) {
        try {
          yield [`${name}:${program.name}`, verifierInput(object, program, profile)];
        } catch {
          // The loader refuses it: nobody verifies it.
        }
      }
    }
  }
}

function add<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0);
}

function expectSums(name: string, input: VerifierInput, cost: CostProfile): void {
  const { stats, ok } = verify(input, profile);
  expect({ ...cost.stats, time: 0 }, name).toEqual({ ...stats, time: 0 });
  expect(cost.ok, name).toBe(ok);
  expect(
    add(cost.lines, (one) => one.processed),
    name,
  ).toBe(stats.processed);
  expect(
    add(cost.lines, (one) => one.states),
    name,
  ).toBe(stats.totalStates);
  expect(
    add(cost.functions, (one) => one.own),
    name,
  ).toBe(stats.processed);
  expect(
    add(cost.functions, (one) => one.states),
    name,
  ).toBe(stats.totalStates);
  const { covered, missed, open } = cost.comparisons;
  expect(
    add(cost.lines, (one) => one.covered),
    name,
  ).toBe(covered);
  expect(
    add(cost.lines, (one) => one.missed),
    name,
  ).toBe(missed + open);
}

/** r6 is 0 or 1 and indexes the stack behind the place where the ways meet. */
const TWO_WAYS = `
  r6 = 0
  call 7
  if r0 == 0 goto +1
  r6 = 1
  r7 = 0
  if r7 != 0 goto +2
  r1 = r10
  *(u64 *)(r10 -8) = 0
  *(u64 *)(r10 -16) = 0
  r1 += r6
  r0 = *(u8 *)(r1 -16)
  r0 = 0
  exit`;

const LOOP = `
  r6 = 0
  r6 += 1
  if r6 < 100 goto -2
  r0 = 0
  exit`;

describe('the profile of a verification', () => {
  it('sums up to the statistics on every committed program', () => {
    let programs = 0;
    for (const [name, input] of committedPrograms()) {
      expectSums(name, input, profileCost(input, profile));
      programs++;
    }
    expect(programs).toBeGreaterThan(30);
  });

  it('sums up when a program is too large, also without privileges', () => {
    const round = `r6 += 1\n${'r0 = 0\n'.repeat(200)}`;
    const endless = inputOf(`r6 = 0\n${round}if r6 < 0x7fffffff goto -202\nr0 = 0\nexit`);
    const cost = profileCost(endless, profile);
    expect(cost).toMatchObject({ ok: false, stats: { processed: 1_000_001 } });
    expect(cost.reason).toMatch(/too large/);
    expect(add(cost.lines, (one) => one.processed)).toBe(1_000_001);
    expect(add(cost.lines, (one) => one.states)).toBe(cost.stats.totalStates);
    expect(cost.advice[0]).toMatch(/walked round by round.*bpf_for/);
    const refused = profileCost(inputOf('exit', { type: 5 }), profile, {
      capabilities: UNPRIVILEGED,
    });
    expect(refused).toMatchObject({ ok: false, lines: [], stats: { processed: 0 } });
  });

  it('tells which register differs, how, and for what it has to be exact', () => {
    const { misses, comparisons } = profileCost(inputOf(TWO_WAYS, { flags: 1 << 3 }), profile);
    const [miss] = misses;
    expect(miss).toMatchObject({ kind: 'range', place: 'R6', old: '1', current: '0', loop: -1 });
    expect(miss!.alone).toBe(miss!.count);
    expect(miss!.precise?.insn).toBe(9);
    expect(comparisons.missed).toBeGreaterThanOrEqual(miss!.count);
  });

  it('counts the rounds of loops, and of loops in loops', () => {
    const { loops } = profileCost(inputOf(LOOP), profile);
    expect(loops).toHaveLength(1);
    expect(loops[0]).toMatchObject({ entered: 1, rounds: 99, copies: 1, iterator: false });
    expect(loops[0]!.at.insn).toBe(1);
    expect(loops[0]!.processed).toBe(200);
    const nested = profileCost(
      inputOf(
        'r6 = 0\nr7 = 0\nr7 += 1\nif r7 < 4 goto -2\nr6 += 1\nif r6 < 3 goto -5\nr0 = 0\nexit',
      ),
      profile,
    );
    expect(nested.loops.map(({ at, entered, rounds }) => [at.insn, entered, rounds])).toEqual([
      [1, 1, 2],
      [2, 3, 9],
    ]);
  });

  it('counts a function at each of its calls', () => {
    const object = parseObject(
      readFileSync(new URL('../fixtures/subprograms.bpf.o', import.meta.url)),
    );
    const program = object.programs[0]!;
    const { functions, stats } = profileCost(verifierInput(object, program, profile), profile);
    const main = functions.find(({ kind }) => kind === 'main')!;
    const others = functions.filter(({ kind }) => kind === 'static');
    expect(main).toMatchObject({ name: program.name, total: stats.processed, entered: 1 });
    expect(others.length).toBeGreaterThan(0);
    for (const one of others) {
      expect(one.entered).toBeGreaterThanOrEqual(one.callsites);
      expect(one.total).toBeGreaterThanOrEqual(one.own);
    }
  });
});

describe('components', () => {
  const graph: Readonly<Record<number, readonly number[]>> = {
    0: [1],
    1: [2, 4],
    2: [3],
    3: [1],
    4: [4, 5],
    5: [],
  };

  it('finds cycles, also of one node, and nothing else', () => {
    const found = components([0, 1, 2, 3, 4, 5], (node) => graph[node]!);
    expect(found.map((one) => [...one].sort())).toEqual([[4], [1, 2, 3]]);
    expect(components([2, 3, 5], (node) => graph[node]!)).toEqual([]);
  });
});
