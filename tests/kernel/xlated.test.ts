/**
 * Programs of the committed objects, and those that make every access to a context that the rules
 * allow or hold an instruction that is rewritten in a way of its own, are rewritten as a real Linux 6.12.117 did (`npm run test:vm -- --record`).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formHash, ourForm } from '../../scripts/corpus/xlated.mjs';
import { capabilities } from '../../scripts/vm/ours.mjs';
import { generatedPrograms, questionsOf, readObject } from '../../scripts/vm/questions.mjs';
import { contextRules, enums, loadKernelProfile } from '../../src/abi/index.ts';
import { assemble, decodeCode, encodeCode } from '../../src/isa/index.ts';
import { parseObject, relocateProgram } from '../../src/object/index.ts';
import { type VerifierInput, verifierInput, verify } from '../../src/verifier/index.ts';

const root = join(import.meta.dirname, '..', '..');
const recorded: Record<string, string> = JSON.parse(
  readFileSync(join(root, 'tests/fixtures/kernel/xlated.json'), 'utf8'),
);
const profile = await loadKernelProfile();
const beeyard = {
  assemble,
  contextRules,
  decodeCode,
  encodeCode,
  enums,
  parseObject,
  profile,
  relocateProgram,
  verifierInput,
  verify,
};

/** Programs that take the verifier longer are left to `npm run test:vm`. */
const MOST = 5000;

function hashOf(input: VerifierInput, unprivileged = false): string {
  const options = { capabilities: capabilities(unprivileged), xlated: true };
  const { xlated } = verify(input, profile, options);
  return xlated ? formHash(ourForm(beeyard, xlated)) : 'rejected';
}

/** Names of `text:name`, by what stands before the colon. */
const files = [...new Set(Object.keys(recorded).map((name) => name.split(':')[0]!))];
const objects = files.filter((file) => /\.o(\.gz)?$/.test(file));

interface Question {
  readonly name: string;
  /** Undefined where the loader refuses it. */
  readonly input?: VerifierInput;
  readonly unprivileged: boolean;
}

describe('what Linux made of programs', () => {
  test.each(objects)('of %s', (file) => {
    const source = readObject(beeyard, join(root, file), file);
    const questions: Question[] = questionsOf(beeyard, source, MOST);
    const asked = questions.filter(({ name, input }) => input && recorded[name]);
    const ours = asked.map(({ name, input, unprivileged }) => [name, hashOf(input!, unprivileged)]);
    expect(ours).toEqual(asked.map(({ name }) => [name, recorded[name]]));
  });

  test('that access contexts in every way, and of odd instructions', () => {
    const programs: Pick<Question, 'name' | 'input'>[] = generatedPrograms(beeyard);
    const ours = programs.map(({ name, input }) => [name, hashOf(input!)]);
    expect(ours).toEqual(programs.map(({ name }) => [name, recorded[name]]));
  });
});
