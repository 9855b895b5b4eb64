/** Changed programs: whatever is rejected has a diagnosis, and nothing is thrown on the way. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseObject } from '../../src/object/index.ts';
import {
  causeIds,
  type Diagnosis,
  diagnose,
  diagnosisText,
  type VerifierInput,
  verifierInput,
  verify,
} from '../../src/verifier/index.ts';
import { encoded, Generator, KINDS, mutated, Random } from './generate.ts';
import { inputOf, PRIVILEGED, profile, UNPRIVILEGED } from './programs.ts';

const MORE = Number(process.env['FUZZ'] ?? 1);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);

const OBJECTS = [
  'tests/machine/programs/net.bpf.o',
  'tests/fixtures/subprograms.bpf.o',
  'tests/verifier/rejected.bpf.o',
  'examples/firewall/firewall.bpf.o',
];

const programs: readonly VerifierInput[] = OBJECTS.flatMap((path) => {
  const object = parseObject(readFileSync(path));
  return object.programs.map((program) => verifierInput(object, program, profile));
});

/** Diagnoses it under both sets of privileges; returns how many rejections there were. */
function judge(input: VerifierInput, name: string): number {
  let rejected = 0;
  for (const capabilities of [PRIVILEGED, UNPRIVILEGED]) {
    const { ok, reason } = verify(input, profile, { capabilities });
    const diagnosis = diagnose(input, profile, { capabilities });
    expect(diagnosis === undefined, name).toBe(ok);
    if (!diagnosis) continue;
    rejected++;
    expect(diagnosis.explanation.kernel, name).toBe(reason?.text ?? '');
    hasSense(diagnosis, input, name);
  }
  return rejected;
}

function hasSense(diagnosis: Diagnosis, input: VerifierInput, name: string): void {
  const { explanation, missing, others } = diagnosis;
  const length = input.insns.length / 8;
  for (const one of [explanation, ...others]) {
    expect(causeIds, name).toContain(one.cause);
    expect(one.cause, `${name}: ${one.kernel}`).not.toBe('other');
    expect(one.problem.length, name).toBeGreaterThan(10);
    expect(one.problem, name).not.toMatch(/undefined|NaN|\{\d/);
    for (const { insn } of [one.at, one.blame, ...one.steps]) {
      expect(insn, name).toBeGreaterThanOrEqual(0);
      expect(insn, name).toBeLessThan(Math.max(length, 1));
    }
  }
  expect(others.length).toBeLessThanOrEqual(10);
  if (missing) expect(missing.needs.length, name).toBeGreaterThan(3);
  expect(diagnosisText(diagnosis, 80), name).not.toMatch(/undefined|NaN/);
}

test('real programs with instructions changed', { timeout: 120_000 }, () => {
  let rejected = 0;
  for (let i = 0; i < 60 * MORE; i++) {
    const random = new Random(SEED * 6151 + i);
    const input = random.pick(programs);
    const insns = mutated(input.insns, random);
    rejected += judge({ ...input, insns }, `${input.name} changed ${i}`);
  }
  expect(rejected).toBeGreaterThan(30);
});

test('programs made from pieces, and bytes that are no program', { timeout: 120_000 }, () => {
  for (let i = 0; i < 40 * MORE; i++) {
    const random = new Random(SEED * 24_593 + i);
    const kind = random.pick(KINDS);
    const isNoise = i % 4 === 0;
    const noise = Uint8Array.from({ length: 8 * (1 + random.below(12)) }, () => random.bits());
    const insns = isNoise ? noise : encoded(new Generator(random, kind).program());
    const maps = programs.find((one) => one.maps.length >= 3)?.maps ?? [];
    judge(inputOf('exit', { type: kind.type, insns, maps }), `made ${i}`);
  }
});
