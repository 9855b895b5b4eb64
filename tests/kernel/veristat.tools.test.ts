/**
 * `beeyard ci` gives the table that the kernel's own veristat gives on Linux 6.12: a sixth of the
 * selftests' objects, in QEMU (`node scripts/veristat.mjs` takes all). What differs stands in
 * tests/fixtures/kernel/veristat-differences.json, with its reason; a listed program that is equal
 * fails too. Needs what `npm run build` makes.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SCRIPT = join(import.meta.dirname, '../../scripts/veristat.mjs');
const MINUTES = 60_000;

test(
  'the tables of veristat and of beeyard ci are equal',
  () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, '--every', '6'], {
      encoding: 'utf8',
      timeout: 14 * MINUTES,
    });
    process.stdout.write(stdout);
    expect({ status, stderr, differs: stdout.match(/^(?:different|listed, ).*$/gm) }).toMatchObject(
      {
        status: 0,
        differs: null,
      },
    );
    expect(Number(/^programs both judge +(\d+)$/m.exec(stdout)?.[1])).toBeGreaterThan(300);
  },
  15 * MINUTES,
);
