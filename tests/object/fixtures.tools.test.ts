import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fixture, fixturePath, fixtures, hasTool } from '../fixtures/read.ts';

test.skipIf(!hasTool('clang-19'))('the committed objects are what their sources give', () => {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-fixtures-'));
  try {
    writeFileSync(join(folder, 'gcc.bpf.o'), '');
    execFileSync(fixturePath('build.sh'), [folder], { stdio: 'pipe' });
    for (const name of fixtures) {
      if (name === 'gcc.bpf.o') continue;
      expect(new Uint8Array(readFileSync(join(folder, name))), name).toEqual(fixture(name));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
