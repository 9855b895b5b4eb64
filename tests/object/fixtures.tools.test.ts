import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseBtf, printRaw } from '../../src/btf/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { fixture, fixturePath, fixtures, hasTool } from '../fixtures/read.ts';

test.skipIf(!hasTool('clang-19'))('the committed objects are what their sources give', () => {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-fixtures-'));
  try {
    writeFileSync(join(folder, 'gcc.bpf.o'), '');
    execFileSync(fixturePath('build.sh'), [folder], { stdio: 'pipe' });
    for (const name of fixtures) {
      if (name === 'gcc.bpf.o') continue;
      expect(contentsOf(readFileSync(join(folder, name))), name).toEqual(contentsOf(fixture(name)));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** The bytes of each section, and the types of `.BTF` in words. */
function contentsOf(object: Uint8Array): readonly (readonly [string, unknown])[] {
  return parseElf(new Uint8Array(object)).sections.map((section) => [
    section.name,
    section.name === '.BTF' ? typesOf(section.data) : section.data,
  ]);
}

/**
 * The types, with tags of types where they are referred to: clang numbers the tags of pointers to
 * structs in the order of its own addresses, which depends on the folder it runs in.
 */
function typesOf(btf: Uint8Array): string[] {
  const lines = printRaw(parseBtf(btf)).split('\n');
  const tags = new Map<string, string>();
  for (const line of lines) {
    const [, id, tag] = /^\[(\d+)\] (TYPE_TAG .*)$/.exec(line) ?? [];
    if (id !== undefined && tag !== undefined) tags.set(id, tag);
  }
  return lines
    .filter((line) => !/^\[\d+\] TYPE_TAG /.test(line))
    .map((line) => line.replace(/type_id=(\d+)/g, (all, id: string) => tags.get(id) ?? all));
}
