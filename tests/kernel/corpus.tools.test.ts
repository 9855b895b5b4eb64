import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const MINUTES = 60_000;

/**
 * Compiles the kernel's selftests (once), verifies every program and holds verdicts, errnos,
 * messages, figures and logs against Linux 6.12.117. Fails when a known miss holds, when an unknown
 * one appears, or when the figures are not the committed ones: `--bless` writes them.
 */
test(
  "the kernel's own tests come out as the scoreboard says",
  () => {
    const script = join(root, 'scripts', 'verify-corpus.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--check', '--list'], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      timeout: 40 * MINUTES,
    });
    process.stdout.write(stdout);
    expect({
      status,
      stderr,
      end: stdout.trimEnd().split('\n').slice(-5).join('\n'),
    }).toMatchObject({
      status: 0,
    });
  },
  45 * MINUTES,
);
