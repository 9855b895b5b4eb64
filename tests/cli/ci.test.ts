/** `beeyard ci` as people run it: exit codes, files, shards, baselines, the cache. */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { COMMANDS } from '../../src/cli/commands.ts';
import { readConfig } from '../../src/tools/ci/index.ts';
import { beeyard } from './helpers.ts';

const FIXTURES = new URL('../../bench/programs/', import.meta.url).pathname;
const REJECTED = new URL('../verifier/rejected.bpf.o', import.meta.url).pathname;
const root = mkdtempSync(join(tmpdir(), 'beeyard ci '));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let cwd = '';
let count = 0;
const ci = (...args: string[]) => beeyard(['ci', ...args], { cwd });
const text = (name: string) => readFileSync(join(cwd, name), 'utf8');
const write = (name: string, content: string) => writeFileSync(join(cwd, name), content);

beforeEach(() => {
  cwd = join(root, String(count++));
  mkdirSync(join(cwd, 'my build'), { recursive: true });
  for (const name of ['xdp_min', 'plain', 'xdp_parse']) {
    const from = name === 'plain' ? 'xdp_fw' : name;
    copyFileSync(join(FIXTURES, `${from}.bpf.o`), join(cwd, 'my build', `${name}.bpf.o`));
  }
});

const OUTPUTS = ['--junit', 'j.xml', '--sarif', 's.json', '--markdown', 'm.md', '--csv'];

describe('a run', () => {
  it('ends with 0 if all load, with 1 for a rejection, with 2 and 3 for words and files', async () => {
    expect((await ci('my build/*.bpf.o')).code).toBe(0);
    expect((await ci('my build/*.bpf.o', REJECTED)).code).toBe(1);
    expect((await ci()).code).toBe(2);
    expect((await ci('my build/nothing*')).code).toBe(2);
    expect((await ci('my build/plain.bpf.o', '--kernel', '6.11')).code).toBe(2);
    expect((await ci('my build/plain.bpf.o', '--gate', 'insns=much')).code).toBe(2);
    expect((await ci('my build/plain.bpf.o', '--shard', '1/2')).code).toBe(2);
    write('no.bpf.o', 'no object');
    const broken = await ci('no.bpf.o', 'my build/plain.bpf.o', '-j');
    expect(broken.code).toBe(1);
    const found = { gate: 'not_loaded', record: { file: 'no.bpf.o', verdict: 'not_loaded' } };
    expect(broken.json()).toMatchObject({ findings: [found] });
    expect((await ci('nobody.bpf.o')).code).toBe(3);
    write('beeyard-ci.yaml', 'objects: a\nkernels: [');
    expect(await ci()).toMatchObject({ code: 3, err: expect.stringMatching(/line \d/) });
  });

  it('names a shape by what the object has not', async () => {
    write('beeyard-ci.yaml', 'objects: my build/plain.bpf.o\nshapes: { s: { maps: { m: {} } } }');
    expect((await ci()).code).toBe(3);
    write(
      'beeyard-ci.yaml',
      'objects: my build/*.bpf.o\n' +
        'shapes: { a: {}, s: { objects: [my build/nobody*], maps: { m: { max_entries: 1 } } } }',
    );
    expect((await ci()).code).toBe(0);
  });

  it('holds results against a baseline of its own and of veristat', async () => {
    const all = ['my build/*.bpf.o', '--gate', 'insns=0', '--gate', 'stack=0'];
    await ci(...all, '--write-baseline', 'base.json', '--csv', 'base.csv');
    expect((await ci(...all, '--baseline', 'base.json')).code).toBe(0);
    expect((await ci(...all, '--baseline', 'base.csv')).code).toBe(0);

    const cut = (name: string, find: RegExp, into: string) => {
      expect(text(name)).toMatch(find);
      write(name, text(name).replace(find, into));
    };
    cut('base.json', /"insns":\d+/, '"insns":1');
    expect((await ci(...all, '--baseline', 'base.json')).out).toMatch(/findings[^]*at most 1\b/);
    cut('base.csv', /success,\d+/, 'success,1');
    expect((await ci(...all, '--baseline', 'base.csv')).code).toBe(1);
    expect(await ci('compare', 'base.csv', 'base.csv')).toMatchObject({ code: 0 });
  });

  it('lets known failures pass, and says them', async () => {
    write('DENYLIST', 'rejected  # it is to be\n');
    const { code, out } = await ci(REJECTED, '--denylist', 'DENYLIST');
    expect(code).toBe(0);
    expect(out).toContain('it is to be');
  });
});

describe('shards', () => {
  it('put together are one run, byte for byte', async () => {
    write(
      'beeyard-ci.yaml',
      'objects: [my build/*.bpf.o]\nkernels: [6.1, 6.12]\nbaseline: base.json\n' +
        'gates: { insns: 0, states: 0 }\nshapes: { a: {}, b: {} }\n',
    );
    write('base.json', JSON.stringify({ format: 'beeyard ci results 1', records: [] }));
    const one = await ci(...OUTPUTS, 'one-{kernel}-{shape}.csv', '--write-baseline', 'one.json');
    const names = ['j.xml', 's.json', 'm.md', 'one.json'];
    const tables = readdirSync(cwd).filter((name) => name.startsWith('one-'));
    expect(tables).toHaveLength(4);
    const before = [...names, ...tables].map(text);

    const blobs = Array.from({ length: 8 }, (_, i) => `blob ${8 - i}.json`);
    for (const [i, blob] of blobs.entries()) {
      expect((await ci('--shard', `${i + 1}/8`, '--blob', blob)).code).toBe(0);
    }
    for (const name of [...names, ...tables]) rmSync(join(cwd, name));
    const outputs = [...OUTPUTS, 'one-{kernel}-{shape}.csv', '--write-baseline', 'one.json'];
    const merged = await ci('merge', ...blobs, ...outputs);
    expect([merged.code, merged.out]).toEqual([one.code, one.out]);
    expect([...names, ...tables].map(text)).toEqual(before);

    expect((await ci('merge', ...blobs.slice(1))).err).toContain('shard 1/8 is not there');
    const twice = await ci('merge', ...blobs, blobs[0]!);
    expect([twice.code, twice.err]).toEqual([3, expect.stringContaining('too')]);
  }, 60_000);
});

describe('the cache', () => {
  it('remembers an object in a shape, and does not believe a file that was cut off', async () => {
    const env = { BEEYARD_CACHE: join(cwd, 'cache') };
    const run = async () =>
      (await beeyard(['ci', 'my build/plain.bpf.o', '-j'], { cwd, env })).json<{
        records: { insns: number }[];
      }>().records;
    const first = await run();
    const [name, ...more] = readdirSync(join(cwd, 'cache', 'ci'));
    expect(more).toEqual([]);
    const path = `cache/ci/${name}`;
    const kept = text(path);
    write(path, kept.replace(/"insns":\d+/, '"insns":4711'));
    expect((await run())[0]!.insns).toBe(4711);
    for (const cut of [kept.slice(0, 40), '', 'null', '[{}]', '{}']) {
      write(path, cut);
      expect(await run()).toEqual(first);
    }
    write('beeyard-ci.yaml', 'objects: x\nshapes: { other: {} }');
    await run();
    expect(readdirSync(join(cwd, 'cache', 'ci'))).toHaveLength(2);
    copyFileSync(join(FIXTURES, 'xdp_min.bpf.o'), join(cwd, 'my build', 'plain.bpf.o'));
    await run();
    expect(readdirSync(join(cwd, 'cache', 'ci'))).toHaveLength(3);
  });
});

describe('an explanation', () => {
  it('of two programs names the lines; of nothing or of one alone there is none', async () => {
    const objects = ['my build/xdp_parse.bpf.o', 'my build/xdp_min.bpf.o'];
    const { code, out } = await ci('explain', ...objects, '--prog', 'nobody');
    expect([code, out]).toEqual([3, '']);
    expect((await ci('explain', 'my build/plain.bpf.o')).code).toBe(2);
    const shown = await ci('explain', objects[1]!, objects[0]!);
    expect(shown.code).toBe(0);
    expect(shown.out).toMatch(/new: after [\d,]+ instructions, at xdp_parse\.bpf\.c:\d+/);
  });

  it('tells lines of a kernel log that are wrong', async () => {
    write('log', 'a\nWARNING: b\n');
    write('deny', 'WARNING\n');
    expect(await ci('splats', 'log', '--deny', 'deny')).toMatchObject({
      code: 1,
      out: '2: WARNING: b\n',
    });
  });
});

describe('docs/ci.md', () => {
  const doc = readFileSync(new URL('../../docs/ci.md', import.meta.url), 'utf8');
  const blocks = [...doc.matchAll(/```yaml\n([^]*?)```/g)].map(([, yaml]) => parse(yaml!));

  it('has a workflow and a manifest that are YAML, and a settings file that is read', () => {
    const [workflow, job] = blocks;
    expect(Object.keys(workflow.jobs)).toEqual(['judge', 'report']);
    expect(job).toMatchObject({ kind: 'Job', spec: { completionMode: 'Indexed', completions: 8 } });
    const example = new URL('../../examples/beeyard-ci.yaml', import.meta.url);
    const config = readConfig(readFileSync(example, 'utf8'), 'example');
    expect(config.objects.length).toBeGreaterThan(0);
  });

  it('names commands and options that there are', () => {
    const used = [
      ...doc.matchAll(/beeyard (ci(?: (?:merge|compare|explain|splats))?\b)([^\n`]*)/g),
    ];
    expect(used.length).toBeGreaterThan(5);
    for (const [line, path, rest] of used) {
      const found = COMMANDS.find((one) => one.path.join(' ') === path);
      expect(found, line).toBeDefined();
      for (const [, option] of rest!.matchAll(/--([a-z-]+)/g)) {
        expect(Object.keys(found!.options), line).toContain(option);
      }
    }
  });
});
