/**
 * Objects of every clang that is installed: the same programs and maps from
 * the same source. clang-19 must be there; Debian 12 also has 14, 15 and 16.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseObject } from '../../src/object/index.ts';

const root = join(import.meta.dirname, '..', '..');
const scratch = mkdtempSync(join(tmpdir(), 'beeyard-compilers-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const SOURCES = [
  'examples/firewall/firewall.bpf.c',
  'tests/fixtures/oracle/packet-helpers.bpf.c',
  'tests/fixtures/oracle/map-helpers.bpf.c',
];
const VERSIONS = [14, 15, 16, 17, 18, 19].filter(
  (version) => spawnSync(`clang-${version}`, ['--version']).status === 0,
);

function summary(bytes: Uint8Array) {
  const { programs, maps } = parseObject(bytes);
  return {
    programs: programs.map(({ name, section, type }) => ({ name, section, type })),
    maps: maps
      .filter(({ dataSection }) => !dataSection)
      .map(({ name, type, keySize, valueSize, maxEntries, flags }) => ({
        name,
        type,
        keySize,
        valueSize,
        maxEntries,
        flags,
      })),
  };
}

test('clang-19 is there', () => {
  expect(VERSIONS).toContain(19);
});

describe.for(VERSIONS)('clang-%i', (version) => {
  test.for(SOURCES)('makes of %s what the committed object holds', (source) => {
    const out = join(scratch, `${version}.o`);
    const flags = ['-O2', '-g', '-target', 'bpf', '-mcpu=v3', '-I', join(root, 'include')];
    execFileSync(`clang-${version}`, [...flags, '-c', join(root, source), '-o', out]);
    const committed = readFileSync(join(root, source.replace(/\.c$/, '.o')));
    expect(summary(readFileSync(out))).toEqual(summary(committed));
  });
});
