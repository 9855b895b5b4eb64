/**
 * Fixes as lines of C are what they say: put into the sources of the labelled set, compiled, and
 * verified, nearly all of them pass. (A compiler may move what it is told.)
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type KernelProfile, loadKernelProfile } from '../../src/abi/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { fixesFor } from '../../src/verifier/explain/fixes/fixes.ts';
import { applySourceFixes } from '../../src/verifier/explain/fixes/source.ts';
import type { FixPart } from '../../src/verifier/explain/types.ts';
import { verifierInput, verify } from '../../src/verifier/index.ts';
import { allLabels, folder } from './causes/labels.mjs';
import { type Case, caseOf, nameOf } from './causes/score.ts';

const CLANG = process.env['CLANG'] ?? 'clang-19';
const include = fileURLToPath(new URL('../../include', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'fixes-'));
let profile: KernelProfile;

beforeAll(async () => {
  profile = await loadKernelProfile();
});
afterAll(() => rmSync(work, { recursive: true }));

function compiled(text: string) {
  const [source, object] = [join(work, 'fixed.bpf.c'), join(work, 'fixed.bpf.o')];
  writeFileSync(source, text);
  const target = ['-target', 'bpf', '-O2', '-g', '-mcpu=v3', '-w'];
  const paths = ['-I', include, '-I', fileURLToPath(folder)];
  execFileSync(CLANG, [...target, ...paths, '-c', source, '-o', object], { stdio: 'pipe' });
  return parseObject(readFileSync(object));
}

const isPassed = (text: string, { label, capabilities }: Case): boolean => {
  const object = compiled(text);
  const program = object.programs.find(({ name }) => name === label.program)!;
  const input = verifierInput(object, program, profile, { objectName: label.file });
  return verify(input, profile, { capabilities }).ok;
};

/** The first fix of a case that can be told in C, if there is one. */
function sourceFixOf({ label, input, capabilities }: Case) {
  const text = readFileSync(new URL(`${label.file}.bpf.c`, folder), 'utf8');
  const sourceText = (file: string) => (file.endsWith(`${label.file}.bpf.c`) ? text : undefined);
  const fixes = fixesFor(input, profile, { capabilities, sourceText });
  const fix = fixes.find(({ source }) => source !== undefined);
  const parts: FixPart[] = fix ? [fix, ...fix.also] : [];
  const changes = parts.flatMap(({ source }) => source ?? []);
  return fix && { text: applySourceFixes(text, changes), changes };
}

it('lines of C, compiled, pass the verifier', () => {
  const failed: string[] = [];
  let tried = 0;
  for (const label of allLabels().filter(({ file }) => file !== 'too-complex')) {
    const one = caseOf(label, profile);
    const fixed = sourceFixOf(one);
    if (!fixed) continue;
    tried++;
    if (!isPassed(fixed.text, one)) failed.push(nameOf(label));
  }
  expect(tried).toBeGreaterThanOrEqual(55);
  expect(failed.length / tried, failed.join(', ')).toBeLessThan(0.06);
}, 300_000);
