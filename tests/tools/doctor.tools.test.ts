/**
 * The doctor against the real libbpf: `bpftool gen skeleton` opens an object and loads nothing.
 * Where libbpf refuses, the doctor has an error with its words; where it does not, it has none of
 * the stage that opens objects.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FindingCode } from '../../src/tools/doctor/codes.ts';
import { diagnose } from '../../src/tools/doctor/diagnose.ts';

const fixtures = join(import.meta.dirname, '..', 'fixtures');
/** Debian 12's libbpf (1.1) has no arenas; `BPFTOOL` names one that may. */
const NEWER = ['live.bpf.o', 'shared.bpf.o'];
const objects = [fixtures, join(fixtures, 'broken')].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.o') && (process.env['BPFTOOL'] || !NEWER.includes(name)))
    .map((name) => join(folder, name)),
);

/** Errors that libbpf sees while it opens an object; the others come when it loads. */
const WHILE_OPENING: readonly FindingCode[] = [
  'byte-order',
  'legacy-maps',
  'maps-need-btf',
  'static-map',
  'static-program',
  'call-outside-text',
  'undefined-function',
  'undefined-symbol',
  'extern-section',
  'common-symbol',
  'data-unmapped',
];

/** What libbpf says last before it gives up, or undefined if it opens the object. */
function refusal(path: string): string | undefined {
  const { status, stderr } = spawnSync(
    process.env['BPFTOOL'] ?? 'bpftool',
    ['gen', 'skeleton', path, 'name', 'x'],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  if (status === 0) return undefined;
  const lines = stderr.split('\n').filter((line) => line.startsWith('libbpf: '));
  return lines.at(-1)!.slice('libbpf: '.length);
}

describe('libbpf and the doctor agree', () => {
  it.each(objects)('on opening %s', (path) => {
    const { findings } = diagnose(readFileSync(path));
    const opening = findings.filter(({ code }) => WHILE_OPENING.includes(code));
    const words = refusal(path);
    if (words === undefined) {
      expect(opening).toEqual([]);
    } else {
      const said = opening.map(({ says }) => says!.replace('….', 'x.'));
      expect(said).toContain(words);
    }
  });
});

it('the committed broken objects are what their source gives', () => {
  const folder = mkdtempSync(join(tmpdir(), 'beeyard-broken-'));
  try {
    const committed = join(fixtures, 'broken');
    const gcc = ['gcc.bpf.o', 'gcc_masks.bpf.o'].map((name) => join(committed, name));
    execFileSync('cp', [...gcc, folder]);
    execFileSync(join(committed, 'build.sh'), [folder], { stdio: 'pipe' });
    for (const name of readdirSync(folder)) {
      const same = readFileSync(join(folder, name)).equals(readFileSync(join(committed, name)));
      expect(same, name).toBe(true);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
