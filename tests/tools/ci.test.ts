/** The parts of `beeyard ci`: settings, shapes, gates, tables, reports, known failures. */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type KernelProfile, loadKernelProfile } from '../../src/abi/index.ts';
import { FormatError } from '../../src/base/index.ts';
import { type ObjectFile, parseObject } from '../../src/object/index.ts';
import {
  type CiBase,
  type CiRecord,
  compareCsv,
  DEFAULT_GATES,
  explainRegression,
  findings,
  judge,
  junit,
  markdown,
  matcher,
  readConfig,
  readDenylist,
  readVeristatCsv,
  shaped,
  splats,
  veristatCsv,
  withDenied,
} from '../../src/tools/ci/index.ts';
import { findingsSarif } from '../../src/tools/ci/sarif.ts';
import { verifierInput } from '../../src/verifier/index.ts';

const objectAt = (path: string): ObjectFile =>
  parseObject(readFileSync(new URL(path, import.meta.url)));
const cell = { file: 'build/x.bpf.o', kernel: '6.12', shape: 'default' };
let profile: KernelProfile;

beforeAll(async () => {
  profile = await loadKernelProfile();
}, 60_000);

function record(fields: Partial<CiRecord> = {}): CiRecord {
  return {
    ...cell,
    prog: 'p',
    verdict: 'success',
    insns: 100,
    states: 10,
    peakStates: 10,
    maxStatesPerInsn: 1,
    markRead: 2,
    stack: 64,
    size: 50,
    type: 'xdp',
    attachType: '',
    ...fields,
  };
}

const source = { file: 'src/a b.c', line: 7, text: 'if (x < "y" && z | 1)' };
const rejected = record({ verdict: 'failure', reason: 'R1 <type> & \u0007"words"', source });

describe('settings', () => {
  const read = (text: string) => readConfig(text, 'ci.yaml');

  it('are read as they are written: kernels are no numbers, 64-bit values stay whole', () => {
    const config = read(
      'objects: [a b/*.o]\nkernels: [6.10, 6.1]\ngates: { insns: 10%, stack: 0 }\n' +
        'shapes: { big: { rodata: { x: 18446744073709551615 }, maps: { m: { max_entries: 9 } } } }',
    );
    expect(config).toMatchObject({
      objects: ['a b/*.o'],
      kernels: ['6.10', '6.1'],
      shapes: [
        { name: 'big', rodata: { x: 18446744073709551615n }, maps: { m: { max_entries: 9 } } },
      ],
      gates: {
        verdict: 'same',
        figures: { insns: { percent: 10, amount: 0 }, stack: { percent: 0, amount: 0 } },
      },
    });
  });

  it.each([
    ['objects: [a', /line 1/],
    ['objects: a\nkernels:\n  - {', /line 3/],
    ['objects: a\nobject: b', /no 'object'/],
    ['kernels: [6.1]', /objects is a list/],
    ['objects: a\nshapes: { s: { map: {} } }', /no 'map'/],
    ['objects: a\nshapes: { s: { maps: { m: { max_entries: lots } } } }', /whole number/],
    ['objects: a\nshapes: { s: { maps: { m: { entries: 1 } } } }', /no 'entries'/],
    ['objects: a\nshapes: { s: { attach: { p: 1 } } }', /needs a name/],
    ['objects: a\ngates: { insns: much }', /10%/],
    ['objects: a\ngates: { verdict: fine }', /same/],
    ['objects: *nobody', /nobody/],
    ['7', /names and values/],
  ])('%j is refused with a reason', (text, words) => {
    expect(() => read(text)).toThrow(FormatError);
    expect(() => read(text)).toThrow(words);
  });

  it('no text does more than be refused', () => {
    const piece = fc.constantFrom(
      'objects',
      ':',
      ' ',
      '\n',
      '- ',
      '{',
      '}',
      '[',
      '6.1',
      '&a',
      '*a',
    );
    const text = fc.array(fc.oneof(piece, fc.string({ maxLength: 4 }))).map((all) => all.join(''));
    fc.assert(
      fc.property(text, (one) => {
        try {
          read(one);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });
});

describe('shapes', () => {
  it.each([
    [{ maps: { nothing: {} } }, /map 'nothing'/],
    [{ attach: { nobody: 'x' } }, /program 'nobody'/],
    [{ programs: ['nobody'] }, /program 'nobody'/],
    [{ rodata: { nobody: 1 } }, /no global variable 'nobody'/],
  ])('%j names what the object has not', (shape, words) => {
    const object = objectAt('../fixtures/counter.bpf.o');
    const make = () => shaped(object, { name: 's', ...shape }, 'x.o');
    expect(make).toThrow(FormatError);
    expect(make).toThrow(words);
  });

  it('set sizes and choose programs', () => {
    const object = objectAt('../fixtures/counter.bpf.o');
    const [map] = object.maps;
    const [program] = object.programs;
    const made = shaped(
      object,
      { name: 's', maps: { [map!.name]: { max_entries: 77 } }, programs: [program!.name] },
      'x.o',
    );
    expect(made.maps[0]!.maxEntries).toBe(77);
    expect(made.programs.map(({ name }) => name)).toEqual([program!.name]);
  });

  it('load as veristat: all programs, an entry for each map, extensions by their context', () => {
    const object = objectAt('../fixtures/counter.bpf.o');
    const [program] = object.programs;
    const attachTarget = 'other';
    const ext = { ...program!, type: 'ext', attachTarget, autoload: false as const };
    const maps = object.maps.map((map) => ({ ...map, maxEntries: 0 }));
    const changed = { ...object, maps, programs: [ext] };
    expect(shaped(changed, { name: 's' }, 'x.o').programs).toEqual([]);
    const made = shaped(changed, { name: 's', loader: 'veristat' }, 'x.o');
    expect(made.maps.map(({ maxEntries }) => maxEntries)).toEqual(maps.map(() => 1));
    expect(made.programs).toMatchObject([{ type: program!.type, attachTarget: undefined }]);
    const unclear = { ...ext, name: 'unknown' };
    const kept = shaped({ ...changed, programs: [unclear] }, { name: 's', loader: 'veristat' }, '');
    expect(kept.programs).toEqual([unclear]);
  });
});

describe('what user space cannot make ready', () => {
  it('is never a rejection: a map without a size', () => {
    const object = objectAt('../fixtures/counter.bpf.o');
    const maps = object.maps.map((map) => ({ ...map, maxEntries: 0 }));
    for (const one of judge(cell, { ...object, maps }, profile)) {
      expect(one).toMatchObject({
        verdict: 'not_loaded',
        reason: expect.stringMatching(/cannot be created/),
        insns: 0,
      });
    }
  });

  it.each([
    [{ valueSize: 0 }, /value size cannot be 0/],
    [{ keySize: 0 }, /key size cannot be 0/],
    [{ typeId: 12, type: 'array_of_maps', keySize: 4, valueSize: 4 }, /no inner map/],
  ])('is never a rejection: a map like %j', (change, reason) => {
    const object = objectAt('../fixtures/counter.bpf.o');
    const maps = object.maps.map((map) => ({ ...map, ...change }));
    const records = judge(cell, { ...object, maps }, profile);
    expect(records.length).toBeGreaterThan(0);
    for (const one of records) {
      expect(one).toMatchObject({
        verdict: 'not_loaded',
        reason: expect.stringMatching(reason),
      });
    }
  });

  it('is never a rejection: nothing to attach to', () => {
    const object = objectAt('../fixtures/counter.bpf.o');
    const programs = [
      {
        ...object.programs[0]!,
        type: 'tracing' as const,
        attachType: 'trace_fentry' as const,
        attachTarget: undefined,
      },
    ];
    const [one] = judge(cell, { ...object, programs }, profile);
    expect(one).toMatchObject({
      verdict: 'not_loaded',
      reason: expect.stringMatching(/attach target/),
    });
    expect(findings([one!], undefined, DEFAULT_GATES)).toEqual([]);
    const base = [{ ...one!, verdict: 'success' as const }];
    expect(findings([one!], base, DEFAULT_GATES)).toMatchObject([{ gate: 'not_loaded' }]);
  });
});

describe('gates', () => {
  const gates = { verdict: 'same', figures: { insns: { percent: 10, amount: 0 } } } as const;

  it('let pass what was so, and what grew no more than allowed', () => {
    expect(findings([rejected], [rejected], gates)).toEqual([]);
    expect(findings([record({ insns: 110 })], [record()], gates)).toEqual([]);
  });

  it('hold up what got worse, and what is gone', () => {
    const gone = record({ prog: 'gone' });
    const now = [record({ insns: 111 }), { ...rejected, prog: 'q' }];
    const base = [record(), record({ prog: 'q' }), gone];
    const found = findings(now, base, gates);
    expect(found.map(({ gate }) => gate)).toEqual(['insns', 'verdict', 'missing']);
    expect(found[0]!.text).toBe('111 instructions processed, 100 before (at most 110)');
  });

  it('do not hold a figure against one that the baseline has not', () => {
    const { stack: _, ...base } = record();
    const figures = { stack: { percent: 0, amount: 0 } };
    expect(findings([record()], [base], { verdict: 'same', figures })).toEqual([]);
  });
});

describe("veristat's table", () => {
  it('is read back as it was written, without what it has no column for', () => {
    const [read] = readVeristatCsv(veristatCsv([record()]), 't.csv', '6.12', 'default');
    const { stack: _, size: _s, type: _t, attachType: _a, ...rest } = record();
    expect(read).toEqual({ ...rest, file: 'x.bpf.o' });
  });

  it('may have its columns in any order, under any name veristat takes', () => {
    const text = 'verdict,insns,prog,duration,file\nsuccess,12,p,99,x.o\n';
    expect(readVeristatCsv(text, 't.csv', 'k', 's')).toEqual([
      { file: 'x.o', prog: 'p', verdict: 'success', insns: 12, kernel: 'k', shape: 's' },
    ]);
  });

  it.each([
    ['', 1],
    ['file_name,prog_name\n', 1],
    ['file_name,prog_name,verdict\na,b\n', 2],
    ['file_name,prog_name,verdict\na,b,success\na,b,maybe\n', 3],
    ['file_name,prog_name,verdict,total_insns\na,b,success,x\n', 2],
  ])('%j is refused with the line', (text, line) => {
    const read = () => readVeristatCsv(text, 't.csv', 'k', 's');
    expect(read).toThrow(expect.objectContaining({ name: 'FormatError', offset: line }));
  });

  it('no text does more than be refused', () => {
    const head = fc.constantFrom('', 'file_name,prog_name,verdict\n', 'file,prog,verdict,insns\n');
    fc.assert(
      fc.property(head, fc.string(), (first, rest) => {
        try {
          readVeristatCsv(first + rest, 't.csv', 'k', 's');
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });

  it('is compared in the columns and words of veristat -C', () => {
    const row = (prog: string, fields: Partial<CiBase> = {}): CiBase => ({
      ...cell,
      file: 'x.o',
      prog,
      verdict: 'success',
      insns: 8,
      ...fields,
    });
    const base = [row('b'), row('a'), row('zero', { insns: 0 })];
    const comp = [row('a', { insns: 7 }), row('c', { verdict: 'failure' }), row('zero')];
    expect(compareCsv(base, comp).split('\n')).toEqual([
      'file_name,prog_name,verdict_base,verdict_comp,verdict_diff,' +
        'total_insns_base,total_insns_comp,total_insns_diff',
      'x.o,a,success,success,MATCH,8,7,-1 (-12.50%)',
      'x.o,b,success,N/A,N/A,8,N/A,N/A',
      'x.o,c,N/A,failure,N/A,N/A,8,N/A',
      'x.o,zero,success,success,MATCH,0,8,+8 (+100.00%)',
      '',
    ]);
  });
});

describe('reports', () => {
  const records = [record(), rejected, record({ prog: 'n', verdict: 'not_loaded', reason: 'x' })];
  const gone = record({ file: 'gone.o' });
  const found = findings(records.slice(0, 2), [gone], DEFAULT_GATES);

  it('JUnit is well-formed, counts what it has, and knows what is missing', () => {
    const xml = junit(records, found);
    const open: string[] = [];
    for (const [, close, name, attributes, self] of xml.matchAll(
      /<(\/?)(\w+)((?:\s+\w+="[^"<]*")*)\s*(\/?)>/g,
    )) {
      expect(attributes).not.toMatch(/&(?!(?:lt|gt|amp|quot|apos);)/);
      if (close) expect(open.pop()).toBe(name);
      else if (!self) open.push(name!);
    }
    expect(open).toEqual([]);
    expect(xml.replace(/<\/?\w+(?:\s+\w+="[^"<]*")*\s*\/?>|<\?[^?]*\?>/g, '')).not.toMatch(/[<>]/);
    expect(xml).not.toContain('\u0007');
    expect(xml).toContain('name="build/x.bpf.o" tests="3" failures="1" skipped="1"');
    expect(xml).toContain('name="gone.o" tests="1" failures="1" skipped="0"');
  });

  it('SARIF is valid by the schema, with the source line', () => {
    const file = new URL('../fixtures/sarif/sarif-2.1.0-rtm.5.json', import.meta.url);
    const { $schema: _, id, ...schema } = JSON.parse(readFileSync(file, 'utf8'));
    const options = { strict: false, validateFormats: false, unicodeRegExp: false };
    const validate = new Ajv(options).compile({ ...schema, $id: id });
    const log = JSON.parse(JSON.stringify(findingsSarif(found, '1.2.3')));
    validate(log);
    expect(validate.errors ?? []).toEqual([]);
    const [first] = log.runs[0].results;
    expect(first.locations[0].physicalLocation).toEqual({
      artifactLocation: { uri: 'src/a%20b.c' },
      region: { startLine: 7 },
    });
    for (const { ruleId, ruleIndex } of log.runs[0].results) {
      expect(log.runs[0].tool.driver.rules[ruleIndex].id).toBe(ruleId);
    }
  });

  it('Markdown keeps its table, whatever the words', () => {
    const text = markdown(records, found, [[record({ insns: 1 }), record()]]);
    for (const line of text.split('\n').filter((one) => one.startsWith('| '))) {
      const cells = line.replaceAll('\\|', '').split('|').length - 2;
      expect([3, 5]).toContain(cells);
    }
    expect(text).toContain('1 → 100');
    expect(text).toContain('❌ 3 judged: 1 accepted, 1 rejected, 1 not loaded (user space).');
  });
});

describe('known failures', () => {
  const list = readDenylist('# all\n\nx/p*   # too slow\n loop3: another JIT\nplain\n');

  it('are read with their reasons', () => {
    expect(list.map(({ pattern, reason }) => [pattern, reason])).toEqual([
      ['x/p*', 'too slow'],
      ['loop3', 'another JIT'],
      ['plain', 'it is in the list'],
    ]);
  });

  it('are said, and let pass', () => {
    const found = withDenied(findings([rejected], undefined, DEFAULT_GATES), list);
    expect(found).toMatchObject([{ gate: 'verdict', denied: 'too slow' }]);
    expect(junit([rejected], found)).toContain('failures="0" skipped="1"');
    expect(markdown([rejected], found, [])).toMatch(/known: too slow[^]*✅/);
  });

  it('match as a name with * does', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 });
    fc.assert(
      fc.property(name, name, (pattern, text) => {
        const parts = pattern.split('*').map((one) => one.replaceAll('.', '\\.'));
        expect(matcher(pattern)(text)).toBe(new RegExp(`^${parts.join('.*')}$`).test(text));
      }),
    );
  });

  it('of a kernel log are lines that one list has and the other has not', () => {
    const log = 'fine\n[ 1.0] WARNING: CPU: 0\n[ 2.0] WARNING: known\n';
    expect(splats(log, '# bad\nWARNING', 'known$')).toEqual([
      { line: 2, text: '[ 1.0] WARNING: CPU: 0' },
    ]);
    expect(() => splats(log, '(', '')).toThrow(FormatError);
  });
});

describe('an explanation', () => {
  it('accounts for every instruction more or less, and names the first other decision', () => {
    const object = objectAt('../fixtures/functions.bpf.o');
    const sides = object.programs
      .slice(0, 12)
      .map((program) => ({ input: verifierInput(object, program, profile), profile }));
    let parted = 0;
    for (const [i, side] of sides.entries()) {
      const { old, now, lines, first } = explainRegression(sides[0]!, side);
      const more = lines.reduce((sum, one) => sum + one.now - one.old, 0);
      expect(more).toBe(now.stats.processed - old.stats.processed);
      if (now.stats.totalStates !== old.stats.totalStates) expect(first, `${i}`).toBeDefined();
      if (first) parted++;
    }
    expect(parted).toBeGreaterThan(0);
  });

  it('finds no difference between a program and itself', () => {
    const object = objectAt('../fixtures/counter.bpf.o');
    const input = verifierInput(object, object.programs[0]!, profile);
    const { first, lines } = explainRegression({ input, profile }, { input, profile });
    expect(first).toBeUndefined();
    expect(lines).toEqual([]);
  });
});
