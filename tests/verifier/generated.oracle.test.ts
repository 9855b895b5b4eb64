/**
 * Generated programs the kernel was asked about: its level-2 log of each, kept as a hash, is ours.
 * The programs are those of `randomProgram` with the seed recorded beside the answers.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeCode, kernelListing } from '../../src/isa/index.ts';
import { verify } from '../../src/verifier/verify.ts';
import { randomProgram } from './concrete.ts';
import { inputOf, profile } from './programs.ts';
import { randomSource } from './values.ts';

interface Answers {
  readonly kernel: string;
  readonly seed: number;
  /** Arguments of `randomProgram`. */
  readonly length: number;
  readonly jumps: number;
  /** First 16 digits of the SHA-256 of each log, without the time it took. */
  readonly logs: readonly string[];
}

const folder = join(import.meta.dirname, '..', 'fixtures', 'oracle');
const path = join(folder, 'generated-scalars-6.12.117.json');
const answers: Answers = JSON.parse(readFileSync(path, 'utf8'));

const LEVEL2_AND_STATS = 6;

function hashOf(log: string): string {
  const text = log.replace(/^verification time \d+ usec$/m, 'verification time');
  return createHash('sha256').update(text, 'latin1').digest('hex').slice(0, 16);
}

test(`${answers.logs.length} programs of scalars, links, spills and jumps: the same log`, {
  timeout: 60_000,
}, () => {
  const random = randomSource(answers.seed);
  answers.logs.forEach((expected, i) => {
    const code = randomProgram(random, answers.length, answers.jumps);
    const input = inputOf('exit', { insns: encodeCode(code) });
    const { log } = verify(input, profile, { logLevel: LEVEL2_AND_STATS });
    if (hashOf(log) !== expected) throw new Error(`program ${i}\n${kernelListing(code)}\n${log}`);
  });
  expect(answers.logs.length).toBeGreaterThan(500);
});
