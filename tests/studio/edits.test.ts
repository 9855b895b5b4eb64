import { describe, expect, it } from 'vitest';
import {
  changeOf,
  type CompilerMessage,
  countOf,
  problemOf,
  problemText,
} from '../../studio/src/model/edits.ts';
import { placesIn } from '../../studio/src/model/fixes.ts';
import { parseRoute, routeHash } from '../../studio/src/model/route.ts';
import type { VerifiedFix } from '../../src/verifier/index.ts';

const applied = (before: string, { from, to, insert }: ReturnType<typeof changeOf>) =>
  before.slice(0, from) + insert + before.slice(to);

describe('what changed in a text', () => {
  it('is as short as it can be, and leads from one to the other', () => {
    expect(changeOf('a\nb\nc', 'a\nb\nx\nc')).toEqual({ from: 4, to: 4, insert: 'x\n' });
    expect(changeOf('same', 'same')).toEqual({ from: 4, to: 4, insert: '' });
    expect(changeOf('aaa', 'aa')).toEqual({ from: 2, to: 3, insert: '' });
    const texts = ['', 'a', 'aa', 'aba', 'abab', 'b\n', 'ba', 'aabbaa', 'abba', 'x'];
    for (const before of texts)
      for (const after of texts) expect(applied(before, changeOf(before, after))).toBe(after);
  });
});

describe('what the compiler says', () => {
  const error = { severity: 'error', text: 'no' } as const;
  const source = 'int a;\nint größe, b;\n';

  it('is at letters of the source, where clang counts bytes', () => {
    const problem = problemOf(
      { ...error, file: './x.bpf.c', line: 2, column: 14 },
      'x.bpf.c',
      source,
    );
    expect(problem).toMatchObject({ line: 2, column: 12 });
    expect(problemText(problem)).toBe('line 2, column 12: error: no');
  });

  it('is at the include it came by, or nowhere in the source', () => {
    const from = { file: 'x.bpf.c', line: 1 };
    const header: CompilerMessage = { ...error, file: 'own.h', line: 9, column: 3, from };
    expect(problemText(problemOf(header, 'x.bpf.c', source))).toBe(
      'line 1, column 1: error: no (own.h:9)',
    );
    const other = problemOf({ ...header, from: { file: 'y.h', line: 1 } }, 'x.bpf.c', source);
    expect([other.line, problemText(other)]).toEqual([undefined, 'error: no (own.h:9)']);
    expect(problemText(problemOf(error, 'x.bpf.c', source))).toBe('error: no');
  });

  it('is counted', () => {
    const list = (...words: CompilerMessage['severity'][]) =>
      countOf(words.map((severity) => ({ severity })));
    expect(list('error', 'note', 'warning', 'error')).toBe('2 errors, 1 warning');
    expect(list('note')).toBe('');
  });
});

describe('a fix', () => {
  const place = { file: './x.bpf.c', line: 3, insert: 'before', lines: ['x'] } as const;
  const part = { title: '', at: { insn: 0 }, insns: [], source: place };
  const fix = { ...part, also: [part] } as unknown as VerifiedFix;

  it('has its places in one file, or cannot be put in', () => {
    expect(placesIn(fix, 'x.bpf.c')).toEqual([place, place]);
    expect(placesIn(fix, 'studio-x.bpf.c')).toEqual([place, place]);
    expect(placesIn(fix, 'y.bpf.c')).toBeUndefined();
    const without = { ...fix, also: [{ ...part, source: undefined }] } as unknown as VerifiedFix;
    expect(placesIn(without, 'x.bpf.c')).toBeUndefined();
  });
});

describe('the address of a source that did not compile', () => {
  it('comes back; an object without a program has none', () => {
    const route = parseRoute('#/code/x.bpf.c/');
    expect(route).toMatchObject({ screen: 'code', file: 'x.bpf.c', program: '' });
    expect(parseRoute(routeHash(route))).toEqual(route);
    expect(parseRoute('#/code/x.bpf.o/')).toEqual({ screen: 'home' });
    expect(parseRoute('#/graph/x.bpf.c/')).toEqual({ screen: 'home' });
  });
});
