import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createMachine } from '../../src/index.ts';
import { fixturePath } from '../fixtures/read.ts';

const folder = mkdtempSync(join(tmpdir(), 'static-keys-'));
afterAll(() => rmSync(folder, { recursive: true }));

const compilers = [14, 15, 16, 19].map((version) => `clang-${version}`);
const sets: [string, string, string][] = compilers.flatMap((clang) =>
  ['v2', 'v3', ...(clang === 'clang-19' ? ['v4'] : [])].flatMap((cpu) =>
    ['-O1', '-O2', '-Os'].map((level): [string, string, string] => [clang, cpu, level]),
  ),
);

/** Compiles the fixture; undefined without that compiler. */
function compiled(clang: string, cpu: string, level: string): Uint8Array | undefined {
  const out = join(folder, 'out.o');
  const include = join(fixturePath('.'), '../../include');
  const flags = ['-target', 'bpf', `-mcpu=${cpu}`, level, '-g', '-Wall', '-Werror', `-I${include}`];
  try {
    execFileSync(clang, ['--version'], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  execFileSync(clang, [...flags, '-c', fixturePath('static-keys.bpf.c'), '-o', out]);
  return new Uint8Array(readFileSync(out));
}

describe('static keys of other compilers', () => {
  test.each(sets)('%s %s %s', async (clang, cpu, level) => {
    const object = compiled(clang, cpu, level);
    if (!object) return;
    for (const engine of ['wasm', 'interpreter'] as const) {
      using host = await createMachine({ engine });
      const loaded = await host.load(object);
      expect([...loaded.refused.keys()]).toEqual([]);
      const names = ['one_key', 'inverse', 'many_keys', 'functions', 'loop', 'callback'];
      const data = new Uint8Array(64);
      const all = () => names.map((name) => loaded.programs[name]!.run({ data }).returnValue);
      expect(all()).toEqual([4, 4, 0, 0, 50, 5]);
      loaded.key('key1').enable();
      expect(all()).toEqual([3, 3, 1, 101, 550, 55]);
      loaded.key('key2').enable();
      expect(all()).toEqual([3, 3, 3, 1111, 550, 55]);
      loaded.key('key1').disable();
      expect(all()).toEqual([4, 4, 2, 1010, 50, 5]);
    }
  });
});
