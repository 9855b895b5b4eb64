/**
 * docs/machine-in-a-shell.md shows what its commands print. BEEYARD_BLESS=1 writes that into the
 * document.
 */
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { beeyard, workFolder } from './helpers.ts';

const root = join(import.meta.dirname, '..', '..');
const page = join(root, 'docs', 'machine-in-a-shell.md');
const folder = workFolder();
const BLOCK = /```\n([\s\S]*?)```/g;

/** A command, as a shell shows it: what was typed, and what came. */
async function type(line: string): Promise<string> {
  const words = line.split(' ').slice(2);
  const { out, err } = await beeyard(words, { cwd: dirname(folder.path('m')), columns: 100 });
  const text = out + err;
  return `${line}\n${text}${text === '' || text.endsWith('\n') ? '' : '\n'}`;
}

/** The length of a machine's file is a matter of the compressor. */
const steady = (text: string): string => text.replace(/\d+ bytes$/gm, 'N bytes');

describe('docs/machine-in-a-shell.md', () => {
  it('shows what its commands print', async () => {
    symlinkSync(join(root, 'examples'), folder.path('examples'));
    const before = readFileSync(page, 'utf8');
    let after = before;
    for (const [block, shown] of before.matchAll(BLOCK)) {
      let printed = '';
      for (const line of shown!.split('\n').filter((one) => one.startsWith('$ '))) {
        printed += await type(line);
      }
      after = after.replace(block, () => `\`\`\`\n${printed}\`\`\``);
    }
    if (process.env['BEEYARD_BLESS']) writeFileSync(page, after);
    else expect(steady(after)).toBe(steady(before));
  }, 120_000);
});
