/** `beeyard test kernel-selftests` on the kernel's tree, and the tutorial, command by command. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/dispatch.ts';
import type { SelftestResult } from '../../src/tools/selftests/index.ts';
import { readDenylist } from '../../src/tools/ci/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const DENYLIST = join(root, 'tests/fixtures/kernel/DENYLIST');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'beeyard-selftests-'));
  mkdirSync(join(folder, 'examples/selftests'), { recursive: true });
  copyFileSync(
    join(root, 'examples/selftests/frames.c'),
    join(folder, 'examples/selftests/frames.c'),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

async function beeyard(words: string, interrupt?: AbortSignal, heard?: (out: string) => void) {
  let [out, err] = ['', ''];
  const code = await main(words.split(' '), {
    out: (text: string) => {
      out += text;
      heard?.(out);
    },
    err: (text: string) => void (err += text),
    columns: 80,
    color: false,
    errorColor: false,
    interactive: false,
    env: process.env,
    cwd: folder,
    ...(interrupt ? { interrupt } : {}),
  });
  return { code, out, err };
}

describe('the tutorial', () => {
  const text = readFileSync(join(root, 'docs/selftests-tutorial.md'), 'utf8');
  const patch = /```diff\n([^]*?)```/.exec(text)![1]!;
  const sessions = [...text.matchAll(/```console\n\$ beeyard (.*)\n([^]*?)```/g)].map(
    ([, words, out]) => [words!, out!] as const,
  );

  beforeAll(() => {
    mkdirSync(join(folder, 'fixed'));
    const source = readFileSync(join(folder, 'examples/selftests/frames.c'), 'utf8');
    const lines = patch.trimEnd().split('\n');
    const side = (drop: string) =>
      lines
        .filter((line) => !line.startsWith(drop))
        .map((line) => line.slice(1))
        .join('\n');
    expect(source).toContain(side('+'));
    writeFileSync(join(folder, 'fixed/frames.c'), source.replace(side('+'), side('-')));
  });

  it('has all its steps', () => expect(sessions).toHaveLength(3));

  it.each(sessions)('beeyard %s', async (words, wanted) => {
    expect((await beeyard(words)).out).toBe(wanted);
  });
});

describe('the tests of the tree', () => {
  it('pass, but for those of the list, and each of those fails', { timeout: 600_000 }, async () => {
    const { out } = await beeyard('test kernel-selftests -j');
    const results = JSON.parse(out) as SelftestResult[];
    const failed = results.filter(({ status }) => status === 'fail').map(({ name }) => name);
    const listed = readDenylist(readFileSync(DENYLIST, 'utf8')).map(({ pattern }) => pattern);
    expect(failed.toSorted()).toEqual(listed.toSorted());
    expect(results.filter(({ status }) => status === 'pass').length).toBeGreaterThan(2000);
  });

  it('are chosen by file, program or both, and listed', async () => {
    const list = async (words: string) =>
      (await beeyard(`test kernel-selftests --list ${words}`)).out.trim().split('\n');
    expect(await list('-t verifier_div0')).toHaveLength(21);
    const both = await list('-t verifier_div0/*divide* -t verifier_and/invalid*');
    expect(both).toContain('verifier_and/invalid_range_check');
    expect(both.every((name) => /divide|invalid/.test(name))).toBe(true);
    writeFileSync(join(folder, 'ALLOWLIST'), 'verifier_and/invalid_range_check # this one\n');
    expect(await list('--allow ALLOWLIST')).toEqual([
      'verifier_and/invalid_range_check',
      'verifier_and/invalid_range_check@unpriv',
    ]);
  });

  it('that are denied are skipped, and results go into JUnit and TAP', async () => {
    writeFileSync(join(folder, 'DENYLIST'), 'frames/first_byte # not mended yet\n');
    const words = 'test kernel-selftests examples/selftests/frames.c --deny DENYLIST';
    const { code, out } = await beeyard(`${words} --junit out.xml --tap`);
    expect(code).toBe(0);
    expect(out).toBe(
      'TAP version 14\n1..2\nok 1 - frames/first_byte # SKIP denied: not mended yet\n' +
        'ok 2 - frames/unchecked\n',
    );
    const parse =
      'import sys,xml.dom.minidom as m;print(m.parse(sys.argv[1]).documentElement.tagName)';
    const xml = execFileSync('python3', ['-c', parse, join(folder, 'out.xml')], {
      encoding: 'utf8',
    });
    expect(xml).toBe('testsuites\n');
  });

  it('run again when they change', async () => {
    copyFileSync(join(folder, 'examples/selftests/frames.c'), join(folder, 'watched.c'));
    const fixed = readFileSync(join(folder, 'fixed/frames.c'));
    const stop = new AbortController();
    const runs: string[] = [];
    const { code } = await beeyard(
      'test kernel-selftests watched.c --watch',
      stop.signal,
      (out) => {
        const ended = out.match(/^\d+ passed.*$/gm) ?? [];
        if (ended.length === runs.length) return;
        runs.push(ended.at(-1)!);
        if (runs.length === 1)
          setTimeout(() => writeFileSync(join(folder, 'watched.c'), fixed), 300);
        else stop.abort();
      },
    );
    expect(code).toBe(130);
    expect(runs).toEqual([
      '1 passed, 1 failed (2 tests of 1 file)',
      '2 passed, 0 failed (2 tests of 1 file)',
    ]);
  });

  it('say what is wrong', async () => {
    writeFileSync(join(folder, 'broken.c'), 'int x = ;\n');
    const broken = await beeyard('test kernel-selftests broken.c');
    expect([broken.code, broken.out]).toEqual([1, expect.stringContaining('does not compile')]);
    const nothing = await beeyard('test kernel-selftests -t no_such_file/x');
    expect([nothing.code, nothing.err]).toEqual([3, expect.stringContaining('no such test')]);
    const elsewhere = await beeyard('test kernel-selftests broken.c --tree .');
    expect(elsewhere.err).toContain('tools/testing/selftests/bpf');
  });
});
