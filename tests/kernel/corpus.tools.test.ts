import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const MINUTES = 60_000;

const runCorpus = (...options: string[]) => run('verify-corpus.mjs', '--list', ...options);

function run(name: string, ...options: string[]) {
  const args = [join(root, 'scripts', name), '--check', ...options];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: 40 * MINUTES,
  });
  process.stdout.write(stdout);
  return { status, stderr, end: stdout.trimEnd().split('\n').slice(-5).join('\n') };
}

/**
 * Compiles the kernel's selftests (once), verifies every program and holds verdicts, errnos,
 * messages, figures and logs against Linux 6.12.117. Fails when a known miss holds, when an unknown
 * one appears, or when the figures are not the committed ones: `--bless` writes them.
 */
test(
  "the kernel's own tests come out as the scoreboard says",
  () => expect(runCorpus()).toMatchObject({ status: 0 }),
  45 * MINUTES,
);

/** The same for the 1,365 tests of the table of Linux 6.1.192, by the rules of that kernel. */
test(
  'the tests of Linux 6.1 come out as its scoreboard says',
  () => expect(runCorpus('--kernel', '6.1')).toMatchObject({ status: 0 }),
  45 * MINUTES,
);

/** What is rejected of them: a cause, a line, no surprise, and soon. */
test(
  "rejections of the kernel's own tests are explained",
  () => expect(run('explain-corpus.mjs')).toMatchObject({ status: 0 }),
  45 * MINUTES,
);
