/**
 * The labelled set: programs of our own that Linux rejects, each with what an expert says of it
 * (tests/verifier/causes/*.bpf.c). Whether the explanation names the same cause and line, and whether
 * a change is offered after which the verifier accepts the program. What is not reached is listed,
 * and the list fails when it is (`node scripts/explain-score.mjs --write`, which prints the table).
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadKernelProfile } from '../../src/abi/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { diagnose, explainLog, verify } from '../../src/verifier/index.ts';
import { judge } from './causes/judge.mjs';
import { allLabels, files, folder, labelsOf } from './causes/labels.mjs';
import { type Case, casesOf, nameOf, percent } from './causes/score.ts';

type Judged = ReturnType<typeof judge>;

/** All but what takes a minute; the script counts those, too. */
const labels = allLabels().filter(({ slow }) => !slow);
const judged = new Map<string, Judged>();
let cases: Case[];
const gaps = JSON.parse(readFileSync(new URL('known-gaps.json', folder), 'utf8'));

beforeAll(async () => {
  const profile = await loadKernelProfile();
  cases = casesOf(labels, profile);
  for (const one of cases) {
    judged.set(nameOf(one.label), judge({ diagnose, explainLog, verify }, profile, one));
  }
}, 300_000);

describe('the labelled set', () => {
  it('has at least 120 programs, and four or more of each of 33 causes', () => {
    const count = new Map<string, number>();
    for (const { cause } of allLabels()) count.set(cause, (count.get(cause) ?? 0) + 1);
    expect(labels.length).toBeGreaterThanOrEqual(120);
    const several = [...count.values()].filter((programs) => programs >= 4);
    expect(several.length).toBeGreaterThanOrEqual(33);
  });

  it.each(files)('has a label beside each program of %s', (file) => {
    const bytes = readFileSync(new URL(`${file}.bpf.o`, folder));
    const programs = parseObject(bytes).programs.map(({ name }) => name);
    const labelled = labelsOf(file).map(({ program }) => program);
    expect(labelled.sort()).toEqual(programs.sort());
  });

  it.each([
    ['cause', 'the right cause named', 95],
    ['line', 'the right line pointed at', 90],
    ['fix', 'a verified fix', 70],
    ['log', 'the same cause told from its log alone', 95],
  ] as const)('%s: has %s, of at least %i %%', (kind, _, least) => {
    const wrong = labels.map(nameOf).filter((name) => !judged.get(name)![kind]);
    expect(100 - percent(wrong.length, labels.length)).toBeGreaterThanOrEqual(least);
    expect(wrong.sort()).toEqual(gaps[kind].toSorted());
  });
});
