/**
 * The labelled set: programs of our own that Linux rejects, each with what an expert says of it
 * (tests/verifier/causes/*.bpf.c): whether the explanation points at the same line.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { loadKernelProfile } from '../../src/abi/index.ts';
import { type Explanation, explain, verify } from '../../src/verifier/index.ts';
import { allLabels, files, labelsOf } from './causes/labels.mjs';
import { type Case, caseOf, type Label, nameOf, objectOf, percent } from './causes/score.ts';

/** All but what takes a minute; the script counts those, too. */
const labels = allLabels().filter(({ slow }) => !slow);
const answers = new Map<Label, Explanation | undefined>();

beforeAll(async () => {
  const profile = await loadKernelProfile();
  const explained = ({ input, capabilities }: Case) => {
    expect(verify(input, profile, { capabilities }).ok, input.name).toBe(false);
    return explain(input, profile, { capabilities });
  };
  for (const label of labels) answers.set(label, explained(caseOf(label, profile)));
}, 120_000);

describe('the labelled set', () => {
  it('has at least 120 programs, and several of each of its causes', () => {
    const count = new Map<string, number>();
    for (const { cause } of allLabels()) count.set(cause, (count.get(cause) ?? 0) + 1);
    expect(labels.length).toBeGreaterThanOrEqual(120);
    expect(count.size).toBeGreaterThanOrEqual(33);
    expect([...count].filter(([, programs]) => programs < 4)).toEqual([]);
  });

  it.each(files)('has a label beside each program of %s', (file) => {
    const programs = objectOf(file).programs.map(({ name }) => name);
    const labelled = labelsOf(file).map(({ program }) => program);
    expect(labelled.sort()).toEqual(programs.sort());
  });

  it('is explained, all of it', () => {
    expect(labels.filter((label) => !answers.get(label)).map(nameOf)).toEqual([]);
  });

  it('has the explanation point at the right line', () => {
    const right = labels.filter(({ lines }, i) => {
      const at = answers.get(labels[i]!)?.at.line?.line;
      return at !== undefined && lines.includes(at);
    });
    expect(percent(right.length, labels.length)).toBeGreaterThan(80);
  });
});
