/** What compilers of the last years write of variables, in DWARF 4 and 5: the same values. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../import/project.ts';
import { FACTS, look, marks } from './look.ts';

const SOURCE = join(root, 'tests/debug/programs/variables.bpf.c');
const LINES = marks(readFileSync(SOURCE, 'utf8'));
const COMPILERS = ['clang-14', 'clang-15', 'clang-16', 'clang-19'];
const VERSIONS = ['-gdwarf-4', '-gdwarf-5'];

function compiled(compiler: string, version: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-'));
  const out = join(folder, 'x.o');
  try {
    const flags = ['-target', 'bpf', '-O2', '-g', version, '-Iinclude', '-c', SOURCE, '-o', out];
    execFileSync(compiler, flags, { cwd: root });
    return readFileSync(out);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Compilers may lose a variable; what they say of it has to be so. */
test.each(COMPILERS.flatMap((compiler) => VERSIONS.map((version) => [compiler, version])))(
  'variables of %s %s',
  async (compiler, version) => {
    const seen = await look(compiled(compiler!, version!));
    const said = FACTS.map(([line, frame, name]) => {
      seen.goTo(LINES[line]!);
      return seen.text(name, frame);
    });
    const wrong = said.filter((text, i) => text !== FACTS[i]![3] && !text.startsWith('<'));
    expect(wrong).toEqual([]);
    expect(said.filter((text) => !text.startsWith('<')).length).toBeGreaterThan(FACTS.length / 2);
  },
);
