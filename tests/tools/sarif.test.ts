/** Rejections in the format of code scanning, held against the schema of SARIF 2.1.0. */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { beforeAll, describe, expect, it } from 'vitest';
import { type KernelProfile, loadKernelProfile } from '../../src/abi/index.ts';
import { artifactOf, fixOf } from '../../src/tools/sarif/places.ts';
import { sarifLog, type SarifProgram } from '../../src/tools/sarif/sarif.ts';
import { diagnose } from '../../src/verifier/index.ts';
import { beeyard } from '../cli/helpers.ts';
import { labelsOf } from '../verifier/causes/labels.mjs';
import { casesOf } from '../verifier/causes/score.ts';

const OPTIONS = { version: '1.2.3', root: '/home/me/project' };
const FILES = ['null-check-missing', 'reference-leak', 'control-flow', 'loader-or-btf'];
let profile: KernelProfile;
let programs: SarifProgram[];
let validate: ReturnType<Ajv['compile']>;

beforeAll(async () => {
  profile = await loadKernelProfile();
  const file = new URL('../fixtures/sarif/sarif-2.1.0-rtm.5.json', import.meta.url);
  const { $schema: _, id, ...schema } = JSON.parse(readFileSync(file, 'utf8'));
  validate = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false }).compile({
    ...schema,
    $id: id,
  });
  programs = FILES.flatMap((name) =>
    casesOf(labelsOf(name), profile).map(({ label, input, capabilities }) => {
      const diagnosis = diagnose(input, profile, { capabilities });
      return { file: `build/${name}.bpf.o`, name: label.program, diagnosis };
    }),
  );
}, 60_000);

/** The log, valid by the schema, with its texts as any program would read them. */
function valid(log: unknown) {
  const read = JSON.parse(JSON.stringify(log));
  validate(read);
  expect(validate.errors ?? []).toEqual([]);
  return read;
}

describe('a SARIF log', () => {
  it('is valid by the schema: one result for each rejection, one rule for each cause', () => {
    const [run] = valid(sarifLog(programs, OPTIONS)).runs;
    const errors = run.results.filter(({ level }: { level: string }) => level === 'error');
    expect(errors).toHaveLength(programs.length);
    const ids = run.tool.driver.rules.map(({ id }: { id: string }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining(FILES));
    for (const { ruleId, ruleIndex } of run.results) expect(ids[ruleIndex]).toBe(ruleId);
  });

  it('names source line, program, history and the line to blame', () => {
    const [run] = valid(sarifLog(programs, OPTIONS)).runs;
    const leak = run.results.find(
      ({ properties }: { properties: { program: string } }) =>
        properties.program === 'early_return',
    );
    expect(leak).toMatchObject({
      ruleId: 'reference-leak',
      locations: [
        {
          physicalLocation: {
            artifactLocation: {
              uri: 'tests/verifier/causes/reference-leak.bpf.c',
              uriBaseId: '%SRCROOT%',
            },
            region: { startLine: expect.any(Number), snippet: { text: expect.any(String) } },
          },
          logicalLocations: [{ name: 'early_return', kind: 'function' }],
        },
      ],
      relatedLocations: [{ id: 1, message: { text: 'change this' } }],
    });
    const { locations } = leak.codeFlows[0].threadFlows[0];
    expect(locations[0].location.message.text).toMatch(/acquired here.*bpf_ringbuf_reserve/);
    expect(locations.at(-1).location.message.text).toMatch(/^refused: Unreleased reference/);
  });

  it('keeps the fingerprint of a rejection when lines are put in before it', () => {
    const moved = programs.map(({ diagnosis, ...rest }): SarifProgram => {
      const text = JSON.stringify(diagnosis).replace(
        /"line":(\d+)/g,
        (_, n) => `"line":${Number(n) + 7}`,
      );
      return { ...rest, diagnosis: JSON.parse(text) };
    });
    const prints = (all: SarifProgram[]) =>
      sarifLog(all, OPTIONS).runs[0]!.results.map((one) => one.partialFingerprints['rejection/v1']);
    expect(prints(moved)).toEqual(prints(programs));
  });

  it('tells what the loader refuses, and bugs of our own', () => {
    const log = valid(
      sarifLog(
        [
          { file: 'a.bpf.o', name: 'one', refusal: "there is no symbol 'x'" },
          { file: 'a.bpf.o', name: 'two', bug: 'out of luck' },
          { file: 'a.bpf.o', name: 'fine' },
        ],
        OPTIONS,
      ),
    );
    const [run] = log.runs;
    expect(run.results).toHaveLength(1);
    expect(run.results[0]).toMatchObject({
      ruleId: 'loader-or-btf',
      locations: [{ physicalLocation: { artifactLocation: { uri: 'a.bpf.o' } } }],
    });
    expect(run.invocations[0]).toMatchObject({
      executionSuccessful: false,
      toolExecutionNotifications: [{ message: { text: 'two: out of luck' } }],
    });
  });

  it('of programs that load has no results', () => {
    expect(valid(sarifLog([], OPTIONS)).runs[0].results).toEqual([]);
  });
});

describe('places', () => {
  it.each([
    ['./src/a.bpf.c', 'src/a.bpf.c', true],
    ['/home/me/project/src/x/../a b.c', 'src/a%20b.c', true],
    ['/usr/include/bpf/bpf_helpers.h', 'file:///usr/include/bpf/bpf_helpers.h', false],
    ['C:\\work\\a.c', 'file:///C:/work/a.c', false],
  ])('%s is %s', (file, uri, isRelative) => {
    expect(artifactOf(file, OPTIONS.root)).toEqual(
      isRelative ? { uri, uriBaseId: '%SRCROOT%' } : { uri },
    );
  });

  it('of changes: before, after and instead of a line', () => {
    const fix = (insert: 'before' | 'after' | 'instead') => {
      const made = fixOf('check it', { file: 'a.c', line: 7, insert, lines: ['  x();'] }, '/');
      return made.artifactChanges[0]!.replacements[0]!;
    };
    expect(fix('before').deletedRegion).toEqual({
      startLine: 7,
      startColumn: 1,
      endLine: 7,
      endColumn: 1,
    });
    expect(fix('after').deletedRegion).toMatchObject({ startLine: 8, endLine: 8 });
    expect(fix('instead').deletedRegion).toMatchObject({ startLine: 7, endLine: 8 });
    expect(fix('before').insertedContent.text).toBe('  x();\n');
  });
});

describe('beeyard verify --sarif', () => {
  it('prints a valid log and ends with 1', async () => {
    const object = 'tests/verifier/causes/zero-length.bpf.o';
    const { out, code } = await beeyard(['verify', object, '--sarif']);
    expect(code).toBe(1);
    const [run] = valid(JSON.parse(out)).runs;
    expect(run.results.filter(({ level }: { level: string }) => level === 'error')).toHaveLength(5);
    expect(run.tool.driver.name).toBe('beeyard');
  });
});
