import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { declareC, printC, printRaw } from '../../src/btf/index.ts';
import { parseBtfFile } from '../../src/object/index.ts';
import { fixture } from '../fixtures/read.ts';
import { BtfBuilder } from './build.ts';

const golden = (name: string): string =>
  readFileSync(join(import.meta.dirname, 'golden', name), 'utf8');

test('types.bpf.o prints as bpftool of Linux 6.12 printed it', () => {
  const btf = parseBtfFile(fixture('types.bpf.o'));
  expect(printRaw(btf)).toBe(golden('types.raw.txt'));
  expect(printC(btf)).toBe(golden('types.c.txt'));
  expect(printC(btf, { unsorted: true })).toBe(golden('types-unsorted.c.txt'));
});

describe('declarations', () => {
  const b = new BtfBuilder();
  const int = b.int('int', 4, 1);
  const char = b.int('char', 1, 1);
  const pointer = b.add('ptr', '', int);
  const constPointer = b.add('const', '', b.add('ptr', '', b.add('const', '', char)));
  const grid = b.array(b.array(int, 3), 2);
  const handler = b.add('ptr', '', b.add('func_proto', '', 0, 2, [b.string('x'), int, 0, 0]));
  const table = b.array(handler, 4);
  const getter = b.add('func_proto', '', handler, 0);
  const pointerToArray = b.add('ptr', '', b.array(pointer, 7));
  const btf = b.parse();

  test.each([
    [int, 'int x'],
    [pointer, 'int *x'],
    [constPointer, 'const char * const x'],
    [grid, 'int x[2][3]'],
    [handler, 'void (*x)(int x, ...)'],
    [table, 'void (*x[4])(int x, ...)'],
    [getter, 'void (*x(void))(int x, ...)'],
    [pointerToArray, 'int *(*x)[7]'],
  ])('of type %i is %s', (id, text) => {
    expect(declareC(btf, id, 'x')).toBe(text);
  });

  test('without a name', () => {
    expect(declareC(btf, pointer)).toBe('int *');
    expect(declareC(btf, 0)).toBe('void');
  });
});

describe('printC', () => {
  test('gives the second type of a name another', () => {
    const b = new BtfBuilder();
    const int = b.int('int', 4);
    b.struct('same', 4, [['a', int, 0]]);
    b.struct('same', 4, [['b', int, 0]]);
    b.enum('e', { SAME: 0 });
    b.enum('f', { SAME: 1 });
    const text = printC(b.parse(), { unsorted: true });
    expect(text).toContain('struct same___2 {\n\tint b;\n};');
    expect(text).toContain('SAME___2 = 1');
  });

  test('sorts by kind and name, and drops the first one as bpftool does', () => {
    const b = new BtfBuilder();
    const int = b.int('int', 4);
    b.struct('zoo', 4, [['a', int, 0]]);
    b.struct('ant', 4, [['a', int, 0]]);
    b.enum('late', { LATE: 1 });
    b.enum('', { SECOND: 2 });
    b.enum('', { FIRST: 1 });
    const text = printC(b.parse());
    const places = ['SECOND', 'LATE', 'struct ant {', 'struct zoo {'].map((one) =>
      text.indexOf(one),
    );
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    expect(places[0]).toBeGreaterThan(0);
    expect(text).not.toContain('FIRST');
  });

  test('declares the functions that are tagged for programs', () => {
    const b = new BtfBuilder();
    const int = b.int('int', 4);
    const proto = b.add('func_proto', '', int, 1, [b.string('x'), int]);
    const [first, second] = [b.add('func', 'bpf_one', proto), b.add('func', 'bpf_two', proto)];
    b.add('decl_tag', 'bpf_kfunc', first, 0, [0xffff_ffff]);
    b.add('decl_tag', 'bpf_kfunc', second, 0, [0]);
    b.add('decl_tag', 'bpf_fastcall', second, 0, [0xffff_ffff]);
    const btf = b.parse();
    expect(printC(btf)).toContain('extern int bpf_one(int x) __weak __ksym;\n#endif\n');
    expect(printC(btf)).not.toContain('bpf_two');
    expect(printC(btf, { roots: [first] })).not.toContain('kfuncs');
  });

  test('prints only what the roots need', () => {
    const b = new BtfBuilder();
    const int = b.int('int', 4);
    const wanted = b.struct('wanted', 4, [['a', b.add('typedef', 'number', int), 0]]);
    b.struct('other', 4, [['a', int, 0]]);
    const text = printC(b.parse(), { roots: [wanted] });
    expect(text).toContain('typedef int number;');
    expect(text).toContain('struct wanted');
    expect(text).not.toContain('struct other');
  });

  test('refuses what C can not say', () => {
    const loop = new BtfBuilder();
    loop.struct('', 8, [['self', 2, 0]]);
    loop.add('ptr', '', 1);
    expect(() => printC(loop.parse(), { unsorted: true })).toThrow(/needs itself/);
    const gap = new BtfBuilder();
    gap.struct('gap', 0xffff_fff0, []);
    expect(() => printC(gap.parse(), { unsorted: true })).toThrow(/too much text/);
    const deep = new BtfBuilder();
    for (let i = 0; i < 4000; i += 2) {
      deep.struct('', 8, [['next', i + 2, 0]]);
      deep.add('ptr', '', i + 3);
    }
    deep.int('int', 4);
    expect(() => printC(deep.parse(), { unsorted: true })).toThrow(FormatError);
  });
});
