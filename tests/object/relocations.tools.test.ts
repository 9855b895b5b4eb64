import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const MINUTE = 60_000;

/**
 * Compiles the kernel's libbpf and brings every program of its selftests and of Debian's tools to
 * BPF_PROG_LOAD with it (no kernel is asked). Fails when our instructions differ from libbpf's
 * otherwise than recorded: `node scripts/relocations.mjs --list`, then `--bless`.
 */
test(
  "programs of other people's objects get the instructions libbpf gives them",
  () => {
    const script = join(root, 'scripts', 'relocations.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--check', '--list'], {
      encoding: 'utf8',
      timeout: 25 * MINUTE,
    });
    process.stdout.write(stdout);
    expect({ status, stderr, stdout }).toMatchObject({ status: 0 });
  },
  30 * MINUTE,
);
