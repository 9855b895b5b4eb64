/**
 * The client's own test files, unchanged, on real kernels in QEMU (vitest.linux.config.ts). What
 * Linux cannot do is in cannot.json, with the reason. Needs qemu-system-x86_64, gcc, apt-get and
 * what `npm run build` makes; two minutes a kernel where it is emulated.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'linux-client-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly title: string;
      readonly ancestorTitles: readonly string[];
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const read = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8')) as Record<string, string>;
const cannot = read('cannot.json');
const older: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '6.12': {},
  '6.1': read('cannot-6.1.json'),
};

function runIn(kernel: string) {
  const out = join(folder, `${kernel}.json`);
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const command =
    `cd '${ROOT}' && BEEYARD_LINUX=on '${process.execPath}' '${vitest}' run ` +
    `--config vitest.linux.config.ts --reporter json --outputFile '${out}'`;
  const main = join(ROOT, 'dist/bin/main.js');
  const words = ['vm', '-k', kernel, '--accel', 'tcg', '--cpus', '1', '--timeout', '280'];
  spawnSync(process.execPath, [main, ...words, '--', 'sh', '-c', command], { cwd: folder });
  const { testResults } = JSON.parse(readFileSync(out, 'utf8')) as Report;
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ ancestorTitles, title, status, failureMessages }) => {
      const path = [relative(ROOT, name), ...ancestorTitles, title].join(' > ');
      const [words = ''] = failureMessages[0]?.split('\n') ?? [];
      return { name: path.replace(/ \((?:wasm|interpreter)\)/, ''), status, words };
    }),
  );
}

describe.each(['6.12', '6.1'])('on Linux %s', (kernel) => {
  test("the client's tests pass but those that cannot", () => {
    const results = runIn(kernel);
    const failed = results.filter(({ status }) => status === 'failed');
    const wrong = failed.filter(({ name }) => older[kernel]![name] === undefined);
    expect(wrong.map(({ name, words }) => `${name}: ${words}`)).toEqual([]);
    expect(results.filter(({ status }) => status === 'passed').length).toBeGreaterThan(50);
    const names = results.map(({ name }) => name);
    const isThere = (listed: string) => names.some((name) => name.startsWith(listed));
    expect(Object.keys(cannot).filter((listed) => !isThere(listed))).toEqual([]);
    const skipped = results.filter(({ status }) => status === 'pending' || status === 'skipped');
    const unlisted = skipped.filter(
      ({ name }) => !Object.keys(cannot).some((listed) => name.startsWith(listed)),
    );
    expect(unlisted).toEqual([]);
    const better = Object.keys(older[kernel]!).filter(
      (listed) => !failed.some(({ name }) => name === listed),
    );
    expect(better).toEqual([]);
  });
});
