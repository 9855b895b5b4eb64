/**
 * The labelled set: programs of our own that Linux rejects, each with what an expert says of it
 * (tests/verifier/causes/*.bpf.c): whether the explanation names the same cause and line.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { loadKernelProfile } from '../../src/abi/index.ts';
import { type Explanation, explain, verify } from '../../src/verifier/index.ts';
import { allLabels, files, labelsOf } from './causes/labels.mjs';
import {
  type Case,
  caseOf,
  isOneOf,
  type Label,
  nameOf,
  objectOf,
  percent,
} from './causes/score.ts';

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
    for (const { causes } of allLabels()) {
      count.set(causes[0]!, (count.get(causes[0]!) ?? 0) + 1);
    }
    expect(labels.length).toBeGreaterThanOrEqual(120);
    expect(count.size).toBeGreaterThanOrEqual(33);
    expect([...count].filter(([, programs]) => programs >= 4).length).toBeGreaterThanOrEqual(33);
  });

  it.each(files)('has a label beside each program of %s', (file) => {
    const programs = objectOf(file).programs.map(({ name }) => name);
    const labelled = labelsOf(file).map(({ program }) => program);
    expect(labelled.sort()).toEqual(programs.sort());
  });

  it('is explained, all of it', () => {
    expect(labels.filter((label) => !answers.get(label)).map(nameOf)).toEqual([]);
  });

  it('has the right cause named, 95 % of it', () => {
    const wrong = labels.filter((label) => !isOneOf(label, answers.get(label)));
    expect(share(wrong), list(wrong)).toBeGreaterThanOrEqual(95);
  });

  it('has the right line pointed at, 90 % of it', () => {
    const wrong = labels.filter((label) => !pointsRight(label, answers.get(label)));
    expect(share(wrong), list(wrong)).toBeGreaterThanOrEqual(90);
  });
});

/** Percentage of the set that is left without these. */
const share = (wrong: readonly Label[]) => 100 - percent(wrong.length, labels.length);
const list = (some: readonly Label[]) => some.map(nameOf).join(', ');

/** True if the rejected instruction, or the one to blame, stands on a line of the label. */
function pointsRight({ lines }: Label, explanation: Explanation | undefined): boolean {
  const told = [explanation?.at.line?.line, explanation?.blame.line?.line];
  return told.some((line) => line !== undefined && lines.includes(line));
}
