import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { difference, listing, World } from './compare.ts';
import { generateProgram } from './generate.ts';
import { fromJson, toJson } from './program.ts';
import { Random } from './random.ts';
import { engineVariants } from './variants.ts';

/** Programs that once differed between the engines. */
const folder = new URL('./failures/', import.meta.url);
const files = existsSync(folder) ? readdirSync(folder).sort() : [];

describe.skipIf(files.length === 0)('programs that differed once', () => {
  it.each(files)('%s', (file) => {
    const program = fromJson(readFileSync(new URL(file, folder), 'utf8'));
    expect(difference(new World(), program, engineVariants(), true)).toBeUndefined();
  });
});

it('programs are kept without loss', () => {
  for (let seed = 1; seed < 50; seed++) {
    const program = generateProgram(new Random(seed));
    const text = toJson(program);
    expect(toJson(fromJson(text))).toBe(text);
    expect(listing(fromJson(text))).toBe(listing(program));
  }
});
