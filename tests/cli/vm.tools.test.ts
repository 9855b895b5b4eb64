/**
 * `beeyard vm` with Debian's kernel in QEMU: needs qemu-system-x86_64, gcc, apt-get and what
 * `npm run build` makes. Emulated also where there is KVM: the same everywhere.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const MAIN = join(import.meta.dirname, '../../dist/bin/main.js');
const MARK = `beeyard.test=${process.pid}`;
const folder = mkdtempSync(join(tmpdir(), 'vm-test-'));
const work = join(folder, 'work');
const temporary = join(folder, 'tmp');

mkdirSync(work);
mkdirSync(temporary);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

function start(words: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const env = { ...process.env, TMPDIR: temporary };
  const began = performance.now();
  const child = spawn(process.execPath, [MAIN, 'vm', '--accel', 'tcg', ...words], {
    cwd: work,
    env,
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.on('data', (chunk: Buffer) => (texts[name] += chunk.toString()));
  }
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) =>
      resolve({ code, ...texts, seconds: (performance.now() - began) / 1000 }),
    );
  });
  return { child, ended };
}

const vm = (...words: string[]) =>
  start(['-k', '6.12', '--kargs', MARK, '--timeout', '100', ...words]);

/** Processes that have our mark on their command line. */
const machines = (): string[] =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return words.startsWith('qemu') && words.includes(MARK);
    } catch {
      return false;
    }
  });

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function expectNothingLeft(): Promise<void> {
  for (let tries = 0; machines().length > 0 && tries < 50; tries++) await pause(100);
  expect(machines()).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
}

describe('beeyard vm', () => {
  test('output, errors, exit code and folder of a command, in less than a minute', async () => {
    const script = 'uname -r; pwd; id -u; echo bad >&2; exit 7';
    const { code, stdout, stderr, seconds } = await vm('--', 'sh', '-c', script).ended;
    expect(stdout).toMatch(/^6\.12\./);
    expect(stdout.split('\n').slice(1)).toEqual([work, '0', '']);
    expect(stderr).toBe('=> 6.12\nbad\n');
    expect(code).toBe(7);
    expect(seconds).toBeLessThan(60);
    await expectNothingLeft();
  });

  test('the root cannot be changed, the working directory can', async () => {
    const outside = join(folder, 'outside');
    writeFileSync(outside, 'as it was');
    const script = `echo new > ${outside}; cat ${outside}; echo made > made; cat /mnt/vmtest/made`;
    const { code, stdout } = await vm(script).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'new\nmade\n' });
    expect(readFileSync(outside, 'utf8')).toBe('as it was');
    expect(readFileSync(join(work, 'made'), 'utf8')).toBe('made\n');
  });

  test('a signal is 128 and its number; output is complete', async () => {
    const { code, stdout } = await vm('seq 200000; kill -TERM $$').ended;
    expect(stdout).toBe(Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join(''));
    expect(code).toBe(143);
  });

  test('out of time: 124, and everything ends', async () => {
    const { code, seconds } = await vm('--timeout', '3', '--', 'sleep', '1000').ended;
    expect(code).toBe(124);
    expect(seconds).toBeLessThan(20);
    await expectNothingLeft();
  });

  test('a kernel that panics is no success', async () => {
    const panic = 'sleep 0.1; echo c > /proc/sysrq-trigger; sleep 100';
    const { code, stderr } = await vm(panic).ended;
    expect(code).toBe(125);
    expect(stderr).toContain('sysrq');
  });

  test('targets of vmtest.toml, as JSON', async () => {
    const target = (name: string, command: string) =>
      `[[target]]\nname = "${name}"\nkernel = "6.12"\ncommand = "${command}"\n`;
    const file = join(work, 'vmtest.toml');
    writeFileSync(file, target('good', 'nproc') + target('bad', 'exit 3'));
    const { code, stdout } = await start(['-j', '--timeout', '100']).ended;
    const results = JSON.parse(stdout) as { name: string; exit_code: number; stdout: string }[];
    expect(results.map((one) => [one.name, one.exit_code])).toEqual([
      ['good', 0],
      ['bad', 3],
    ]);
    expect(results[0]!.stdout).toBe('2\n');
    expect(code).toBe(3);
  });

  test.each([50, 150, 250, 400, 700, 1500, 3000, 5000])(
    'killed after %i ms, nothing is left',
    async (milliseconds) => {
      const { child, ended } = vm('--', 'sleep', '1000');
      await pause(milliseconds + Math.random() * 100);
      child.kill('SIGKILL');
      await ended;
      await expectNothingLeft();
    },
  );

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends the machine with %i', async (signal, expected) => {
    const { child, ended } = vm('--', 'sleep', '1000');
    while (machines().length === 0) await pause(50);
    child.kill(signal);
    expect((await ended).code).toBe(expected);
    await expectNothingLeft();
  });

  test('what is missing is said in one line', async () => {
    const none = await start(['-k', './none', 'true']).ended;
    expect(none).toMatchObject({ code: 3, stdout: '' });
    const unknown = await start(['-k', '6.99', 'true']).ended;
    expect(unknown).toMatchObject({ code: 4, stdout: '' });
    expect(existsSync(join(work, 'none'))).toBe(false);
  });
});
