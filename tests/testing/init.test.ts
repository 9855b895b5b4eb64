import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { beeyard } from '../cli/helpers.ts';
import { isBuilt, root } from '../import/project.ts';

const work = mkdtempSync(join(tmpdir(), 'beeyard-init-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const TEMPLATE = readdirSync(join(root, 'examples/vitest')).sort();

function sh(command: string, args: readonly string[], cwd: string) {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1', npm_config_loglevel: 'error' };
  // What this run of vitest says to its own tests is not for the other one.
  for (const name of Object.keys(env)) if (/^VITEST|^NODE_ENV$|^TEST$/.test(name)) delete env[name];
  return spawnSync(command, args, { cwd, encoding: 'utf8', env });
}

describe('beeyard init', () => {
  test('writes what is missing, keeps what is there, and says which', async () => {
    const folder = join(work, 'mine');
    const first = await beeyard(['init', folder, '-j']);
    expect(first.code).toBe(0);
    expect(JSON.parse(first.out)).toEqual({
      folder,
      written: [...TEMPLATE, 'package.json'],
      kept: [],
    });
    rmSync(join(folder, 'README.md'));
    writeFileSync(join(folder, 'synlimit.bpf.c'), '/* mine */');
    const again = JSON.parse((await beeyard(['init', folder, '-j'])).out) as { written: string[] };
    expect(again.written).toEqual(['README.md']);
    expect(readFileSync(join(folder, 'synlimit.bpf.c'), 'utf8')).toBe('/* mine */');
  });

  test('adds to a package.json and takes nothing away', async () => {
    const folder = mkdtempSync(join(work, 'old-'));
    const old = { name: 'x', scripts: { test: 'mine' }, devDependencies: { vitest: '4.1.0' } };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(old));
    expect((await beeyard(['init', folder])).out).toContain('+ package.json');
    const now = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as typeof old;
    expect(now).toMatchObject({ ...old, type: 'module' });
    expect(Object.keys(now.devDependencies)).toContain('fast-check');
  });

  test('leaves a package.json alone that it cannot read', async () => {
    const folder = mkdtempSync(join(work, 'bad-'));
    writeFileSync(join(folder, 'package.json'), '{ "name": ');
    const { code, err } = await beeyard(['init', folder]);
    expect(code).toBe(3);
    expect(err).toContain('package.json cannot be read');
    expect(readFileSync(join(folder, 'package.json'), 'utf8')).toBe('{ "name": ');
  });
});

describe.skipIf(!isBuilt)('the project of beeyard init (skipped before npm run build)', () => {
  /** The package as npm would install it, beside the tools that are here already. */
  function install(folder: string): void {
    const packed = sh(
      'npm',
      ['pack', '--silent', '--ignore-scripts', '--pack-destination', work],
      root,
    );
    const modules = join(folder, 'node_modules');
    const unpack = `mkdir -p ${modules}/beeyard && tar -xzf ${join(work, packed.stdout.trim())} --strip-components=1 -C ${modules}/beeyard`;
    expect(sh('sh', ['-c', unpack], folder).stderr).toBe('');
    for (const name of readdirSync(join(root, 'node_modules'))) {
      if (name !== 'beeyard') symlinkSync(join(root, 'node_modules', name), join(modules, name));
    }
  }

  test('passes, and has lines of the BPF program in its coverage report', {
    timeout: 120_000,
  }, async () => {
    const folder = join(work, 'project');
    await beeyard(['init', folder]);
    install(folder);
    const args = [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--coverage',
      '--coverage.reporter=text',
      '--coverage.reporter=json',
    ];
    const { stdout, stderr, status } = sh(process.execPath, args, folder);
    expect(`${stdout}${stderr}`).toMatch(/Tests {2}5 passed/);
    expect(status).toBe(0);
    expect(stdout).toMatch(/synlimit\.bpf\.c\s+\|\s+100 \|\s+\d\d\.\d+ \|\s+100 \|/);
    expect(existsSync(join(folder, 'coverage/coverage-final.json'))).toBe(true);
    const report = JSON.parse(
      readFileSync(join(folder, 'coverage/coverage-final.json'), 'utf8'),
    ) as {
      [path: string]: {
        s: Record<string, number>;
        statementMap: Record<string, { start: { line: number } }>;
      };
    };
    const { s, statementMap } = report[join(folder, 'synlimit.bpf.c')]!;
    const source = readFileSync(join(folder, 'synlimit.bpf.c'), 'utf8').split('\n');
    const ran = (text: string) => {
      const line = source.findIndex((one) => one.includes(text)) + 1;
      const key = Object.keys(statementMap).find((one) => statementMap[one]!.start.line === line);
      return s[key!];
    };
    expect(ran('source->dropped++')).toBeGreaterThanOrEqual(3);
    expect(ran('void *data =')).toBeGreaterThan(ran('source->dropped++')!);
  });
});
