import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Each hostile object is read in a thread that ends when it takes ten times the file's size. */
test('objects made to fill memory are read or refused in ten times their size', () => {
  const script = join(import.meta.dirname, '..', '..', 'scripts', 'hostile-memory.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  expect({ status, stdout, stderr }).toMatchObject({ status: 0 });
  expect(stdout.match(/^fine/gm)).toHaveLength(7);
});
