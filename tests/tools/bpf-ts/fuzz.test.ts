/** Whatever the text, the answer is C or a SourceError. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileTypeScript, SourceError } from '../../../src/tools/index.ts';

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');
const SOURCES = [read('language.bpf.ts'), read('../../../examples/firewall-ts/firewall.bpf.ts')];

/** Compiles; true if that gave C, false if it was refused with a place inside the text. */
function answers(source: string): boolean {
  try {
    const { c } = compileTypeScript(source, 'x.bpf.ts');
    expect(c).toContain('#line');
    return true;
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    const lines = source.split(/\r\n|[\n\r\u2028\u2029]/).length;
    for (const { line, column, message } of error.problems) {
      expect(message).not.toBe('');
      expect(column).toBeGreaterThan(0);
      expect(line).toBeGreaterThan(0);
      expect(line).toBeLessThanOrEqual(lines);
    }
    return false;
  }
}

/** The source cut into words, numbers and signs. */
const TOKENS = SOURCES.map((source) => source.match(/\w+|\s+|[^\w\s]/g)!);
const VOCABULARY = [...new Set(TOKENS.flat())];
const word = fc.oneof(
  fc.constantFrom(...VOCABULARY),
  fc.constantFrom(
    'class',
    'as',
    'any',
    'async',
    '`',
    '...',
    '?.',
    '=>',
    'undefined',
    '0n',
    '!',
    '{',
  ),
);

describe('fuzz', () => {
  it('any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void answers(text)));
  });

  it('words of the language in any order', () => {
    const text = fc.array(word, { maxLength: 60 }).map((words) => words.join(' '));
    fc.assert(
      fc.property(text, (body) => {
        answers(body);
        answers(
          `import { xdp, u32 } from 'beeyard/bpf';\nexport const p = xdp((p) => { ${body} });`,
        );
      }),
      { numRuns: 200 },
    );
  });

  it('real programs with words dropped, doubled and swapped for others', () => {
    const change = fc.record({
      which: fc.nat(SOURCES.length - 1),
      at: fc.nat(),
      drop: fc.nat(3),
      put: fc.array(word, { maxLength: 3 }),
    });
    let compiled = 0;
    fc.assert(
      fc.property(change, ({ which, at, drop, put }) => {
        const tokens = [...TOKENS[which]!];
        tokens.splice(at % tokens.length, drop, ...put);
        if (answers(tokens.join(''))) compiled++;
      }),
      { numRuns: 50 },
    );
    expect(compiled).toBeGreaterThan(0);
  }, 60_000);

  it('nesting that no stack holds', () => {
    const deep = 20_000;
    const program = (body: string) =>
      `import { xdp } from 'beeyard/bpf';\nexport const p = xdp(() => { ${body} return 'pass'; });`;
    expect(answers(program(`const x = ${'('.repeat(deep)}1${')'.repeat(deep)};`))).toBe(false);
    expect(answers(program(`${'{'.repeat(deep)}${'}'.repeat(deep)}`))).toBe(false);
    expect(answers(program(`const x = 1${' + 1'.repeat(deep)};`))).toBe(false);
  });
});
