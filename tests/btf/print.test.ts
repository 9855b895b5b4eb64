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

/** bpftool 7.1 does not know that one-byte enums need an attribute; the one of Linux 6.12 does. */
const withoutModes = (text: string): string => text.replaceAll(' __attribute__((mode(byte)))', '');

test('types.bpf.o prints as bpftool printed it', () => {
  const btf = parseBtfFile(fixture('types.bpf.o'));
  expect(printRaw(btf)).toBe(golden('types.raw.txt'));
  expect(withoutModes(printC(btf))).toBe(golden('types.c.txt'));
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
    const text = printC(b.parse());
    expect(text).toContain('struct same___2 {\n\tint b;\n};');
    expect(text).toContain('SAME___2 = 1');
  });

  test('prints only what the roots need', () => {
    const b = new BtfBuilder();
    const int = b.int('int', 4);
    const wanted = b.struct('wanted', 4, [['a', b.add('typedef', 'number', int), 0]]);
    b.struct('other', 4, [['a', int, 0]]);
    const text = printC(b.parse(), [wanted]);
    expect(text).toContain('typedef int number;');
    expect(text).toContain('struct wanted');
    expect(text).not.toContain('struct other');
  });

  test('refuses what C can not say', () => {
    const loop = new BtfBuilder();
    loop.struct('', 8, [['self', 2, 0]]);
    loop.add('ptr', '', 1);
    expect(() => printC(loop.parse())).toThrow(/needs itself/);
    const gap = new BtfBuilder();
    gap.struct('gap', 0xffff_fff0, []);
    expect(() => printC(gap.parse())).toThrow(/too much text/);
    const deep = new BtfBuilder();
    for (let i = 0; i < 4000; i += 2) {
      deep.struct('', 8, [['next', i + 2, 0]]);
      deep.add('ptr', '', i + 3);
    }
    deep.int('int', 4);
    expect(() => printC(deep.parse())).toThrow(FormatError);
  });
});
