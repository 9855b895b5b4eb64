import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { printTs, TsTypes } from '../../src/btf/index.ts';
import { memberKey, quote, TsNames } from '../../src/btf/ts-names.ts';
import { parseObject } from '../../src/object/index.ts';
import { fixture } from '../fixtures/read.ts';
import { BtfBuilder } from './build.ts';

describe('printTs', () => {
  test('prints every kind of value as it is decoded', () => {
    const text = printTs(parseObject(fixture('types.bpf.o')).btf!);
    expect(text).toContain("export type color = 'RED' | 'GREEN' | 'BLUE' | number;\n");
    expect(text).toContain("export type big = 'SMALL' | 'HUGE' | bigint;\n");
    expect(text).toContain('export type matrix = number[][];\n');
    const bits = /export interface bits \{\n([^}]*)\}/.exec(text)![1]!;
    const members = bits.split('\n').map((line) => line.trim());
    expect(members).toEqual([
      'a: number;',
      'b: number;',
      'c: number;',
      'd: bigint;',
      'e: boolean;',
      'f: color;',
      'g: number;',
      '',
    ]);
    const everything = /export interface everything \{\n([^]*?)\n\}\n/.exec(text)![1]!;
    for (const line of [
      '  where: point;',
      '  several: ({\n    name: string | number[];\n    text: bigint;\n  })[];',
      '  wide: bigint;',
      '  flag: boolean;',
      '  empty: {};',
      "  anonymous: 'ANON_A' | 'ANON_B' | number;",
      '  low: number;\n  high: number;',
      '  tail: number[];',
    ]) {
      expect(everything).toContain(line);
    }
  });

  test('only what is asked for, and what that needs', () => {
    const btf = parseObject(fixture('types.bpf.o')).btf!;
    const text = printTs(btf, [btf.find('struct', 'with_packed')!]);
    expect([...text.matchAll(/export \w+ (\w+)/g)].map(([, name]) => name)).toEqual([
      'with_packed',
      'packed',
    ]);
  });

  test.each(['a', ''])('ends for types that double at each level (members named %j)', (name) => {
    const b = new BtfBuilder();
    const doubled = (of: number, size: number, first: string, second: string) =>
      b.struct('', 2 * size, [
        [first, of, 0],
        [second, of, 8 * size],
      ]);
    let id = b.int('int', 4, 1);
    for (let level = 0; level < 27; level++) {
      id = doubled(id, 4 * 2 ** level, level === 0 ? 'a' : name, level === 0 ? 'b' : name && 'b');
    }
    const root = b.struct('root', 4 * 2 ** 27, [['all', id, 0]]);
    expect(() => printTs(b.parse(), [root])).toThrow(FormatError);
  });
});

describe('names', () => {
  test('are unique, and none the language has already', () => {
    const names = new TsNames(['Program']);
    const given = ['class', 'flow', 'flow', 'Program', 'string', 'a.b', '3d', 'flow'];
    expect(given.map((name) => names.give(name))).toEqual([
      'class_',
      'flow',
      'flow___2',
      'Program___2',
      'string_',
      'a_b',
      '_3d',
      'flow___3',
    ]);
  });

  test('of members and enums are quoted where they have to be', () => {
    expect(['a', '$b', 'a.b', "it's", '1', ''].map(memberKey)).toEqual([
      'a',
      '$b',
      "'a.b'",
      "'it\\'s'",
      "'1'",
      "''",
    ]);
    expect(quote('"\\\n')).toBe(`'"\\\\\\n'`);
  });

  test('of two types that are called the same differ', () => {
    const b = new BtfBuilder();
    const int = b.int('int', 4, 1);
    const one = b.struct('flow', 4, [['x', int, 0]]);
    const two = b.struct('flow', 4, [['y', int, 0]]);
    const types = new TsTypes(b.parse());
    expect([types.reference(one), types.reference(two), types.reference(one)]).toEqual([
      'flow',
      'flow___2',
      'flow',
    ]);
    expect(types.declarations()).toBe(
      'export interface flow {\n  x: number;\n}\n\nexport interface flow___2 {\n  y: number;\n}\n',
    );
  });
});

test('the declaration of examples/typed-import is what the generator writes', async () => {
  const { declareObject } = await import('../../src/object/typegen/index.ts');
  const read = (name: string) =>
    readFileSync(new URL(`../../examples/typed-import/${name}`, import.meta.url));
  const object = parseObject(new Uint8Array(read('ratelimit.bpf.o')));
  expect(declareObject(object, 'ratelimit.bpf.o')).toBe(read('ratelimit.bpf.d.o.ts').toString());
});
