/** Writes docs/isa from the table of instructions; tests/tools/isa.test.ts holds the pages to it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from './corpus/source.mjs';
import { root } from './lib.mjs';

const { referencePages } = await load('src/tools/isa/page.ts');
const folder = join(root, 'docs', 'isa');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(referencePages()))
  writeFileSync(join(folder, name), text);
