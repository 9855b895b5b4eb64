import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import type { Btf, NewBtfType } from '../../src/btf/index.ts';
import { BtfBuilder, dedupBtf, mapTypeIds, openBtf } from '../../src/btf/index.ts';
import { parseBtfFile } from '../../src/object/index.ts';
import { fixture, fixtures } from '../fixtures/read.ts';
import { anyTypes } from './any-types.ts';
import {
  array,
  build,
  enumeration,
  forward,
  int,
  member,
  pointer,
  proto,
  reference,
  struct,
} from './types.ts';

/** Types of several BTFs one after the other. */
function joined(...parts: readonly Btf[]): Btf {
  const builder = new BtfBuilder({ littleEndian: parts[0]!.littleEndian });
  for (const part of parts) {
    const offset = builder.count - 1;
    for (const type of part.types.slice(1)) builder.add(mapTypeIds(type, (id) => id + offset));
  }
  return builder.build();
}

describe('dedupBtf keeps one of', () => {
  test('ints, floats, pointers, arrays, functions and tags', () => {
    const types = (first: number): NewBtfType[] => [
      int(),
      { kind: 'float', name: 'double', size: 8 },
      pointer(first),
      array(first, 3, first),
      reference('const', first),
      reference('typedef', first, 'cell'),
      reference('type_tag', first, 'user'),
      proto(first, [{ name: 'x', type: first + 2 }]),
      { kind: 'func', name: 'f', type: first + 7, linkage: 'static' },
      { kind: 'decl_tag', name: 'tag', type: first + 8, component: 0 },
    ];
    const { btf, ids } = dedupBtf(build([...types(1), ...types(11)]));
    expect(btf.types).toEqual(build(types(1)).types);
    expect([...ids]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test('structs that point at themselves and at each other', () => {
    const types = (first: number): NewBtfType[] => [
      struct('a', 16, [member('self', first + 2, 0), member('b', first + 3, 64)]),
      struct('b', 8, [member('a', first + 2, 0)]),
      pointer(first),
      pointer(first + 1),
    ];
    const { btf, ids } = dedupBtf(build([...types(1), ...types(5)]));
    expect(btf.types).toEqual(build(types(1)).types);
    expect([...ids]).toEqual([0, 1, 2, 3, 4, 1, 2, 3, 4]);
  });

  test('but not of variables and sections', () => {
    const variable: NewBtfType = { kind: 'var', name: 'v', type: 1, linkage: 'static' };
    const section = (type: number): NewBtfType => ({
      kind: 'datasec',
      name: '.data',
      size: 4,
      vars: [{ type, offset: 0, size: 4 }],
    });
    const types = [int(), variable, variable, section(2), section(3)];
    const { btf } = dedupBtf(build(types));
    expect(btf.types).toEqual(build(types).types);
  });

  test('a struct that a compiler told twice in one place', () => {
    // Both copies have two equal arrays where the other has one: libbpf takes them for the same.
    const types = (first: number, second: number): NewBtfType[] => [
      struct('s', 24, [
        member('p', first + 1, 0),
        member('x', first + 3, 64),
        member('y', first + second, 128),
      ]),
      pointer(first),
      int('char', 1),
      array(first + 2, 8, first + 2),
      array(first + 2, 8, first + 2),
    ];
    const { btf } = dedupBtf(build([...types(1, 3), ...types(6, 4)]));
    expect(btf.findAll('struct', 's')).toHaveLength(1);
    expect(btf.count).toBe(5);
  });
});

describe('dedupBtf keeps apart', () => {
  test.each<[string, NewBtfType, NewBtfType]>([
    ['ints of another sign', int('t', 4, true), int('t', 4, false)],
    ['ints of another name', int('a'), int('b')],
    ['enums of other values', enumeration('e', { A: 1 }), enumeration('e', { A: 2 })],
    ['structs of another size', struct('s', 8, []), struct('s', 16, [])],
    ['a struct and a union', struct('s', 8, []), struct('s', 8, [], 'union')],
    ['declarations of struct and union', forward('s'), forward('s', 'union')],
    [
      'members at other places',
      struct('s', 8, [member('a', 0, 0)]),
      struct('s', 8, [member('a', 0, 8)]),
    ],
    ['arrays of other lengths', array(0, 1, 0), array(0, 2, 0)],
    [
      'functions of another linkage',
      { kind: 'func', name: 'f', type: 3, linkage: 'static' },
      { kind: 'func', name: 'f', type: 3, linkage: 'global' },
    ],
  ])('%s', (_, first, second) => {
    expect(dedupBtf(build([first, second, proto(0, [])])).btf.count).toBe(4);
  });

  test('structs that differ only in what they point at', () => {
    const types = (first: number, target: NewBtfType): NewBtfType[] => [
      struct('s', 8, [member('p', first + 1, 0)]),
      pointer(first + 2),
      target,
    ];
    const { btf } = dedupBtf(build([...types(1, int('a')), ...types(4, int('b'))]));
    expect(btf.count).toBe(7);
  });
});

describe('forward declarations', () => {
  const list = (first: number, node: NewBtfType): NewBtfType[] => [
    struct('list', 8, [member('head', first + 1, 0)]),
    pointer(first + 2),
    node,
  ];

  test.each([
    ['before', [...list(1, forward('node')), ...list(4, struct('node', 4, []))]],
    ['behind', [...list(1, struct('node', 4, [])), ...list(4, forward('node'))]],
  ])('become the definition that stands %s', (_, types) => {
    const { btf } = dedupBtf(build(types));
    expect(btf.find('fwd', 'node')).toBeUndefined();
    expect(btf.types.map(({ kind }) => kind).toSorted()).toEqual([
      'ptr',
      'struct',
      'struct',
      'void',
    ]);
    expect(btf.findAll('struct', 'list')).toHaveLength(1);
  });

  test('outside of any struct become the only definition of the name', () => {
    const types = [forward('s'), pointer(1), struct('s', 4, []), pointer(3)];
    const { btf, ids } = dedupBtf(build(types));
    expect(btf.count).toBe(3);
    expect([...ids]).toEqual([0, 2, 1, 2, 1]);
  });

  test('stay if there are two definitions, or one of a union', () => {
    const two = [forward('s'), struct('s', 4, []), struct('s', 8, [])];
    expect(dedupBtf(build(two)).btf.count).toBe(4);
    const union = [forward('s'), struct('s', 4, [], 'union')];
    expect(dedupBtf(build(union)).btf.count).toBe(3);
  });

  test('of enums become definitions of either width', () => {
    const wide: NewBtfType = {
      kind: 'enum64',
      name: 'e',
      size: 8,
      signed: false,
      values: [{ name: 'A', value: 1n << 40n }],
    };
    const declared: NewBtfType = { ...enumeration('e', {}), size: 4 } as NewBtfType;
    for (const types of [
      [declared, wide, declared],
      [wide, declared],
    ]) {
      const { btf } = dedupBtf(build(types));
      expect(btf.types.slice(1)).toEqual([{ ...wide, id: 1 }]);
    }
  });
});

describe('over a base', () => {
  const base = build([int(), struct('s', 4, [member('a', 1, 0)]), forward('later'), pointer(3)]);

  test('types that the base has go', () => {
    const own = [
      int(),
      struct('s', 4, [member('a', 5, 0)]),
      struct('mine', 4, [member('s', 6, 0)]),
    ];
    const { btf, ids } = dedupBtf(build(own, base));
    expect(btf.count).toBe(base.count + 1);
    expect(btf.type(5)).toMatchObject({ name: 'mine', members: [{ type: 2 }] });
    expect([...ids]).toEqual([0, 1, 2, 3, 4, 1, 2, 5]);
    expect(btf.base).toBe(base);
  });

  test('what is only declared there can be defined here, without a change there', () => {
    const own = [struct('later', 4, []), pointer(5), struct('user', 8, [member('p', 6, 0)])];
    const { btf, ids } = dedupBtf(build(own, base));
    expect(btf.type(5)).toMatchObject({ kind: 'struct', name: 'later' });
    expect(btf.type(4)).toEqual({ kind: 'ptr', id: 4, name: '', type: 3 });
    expect(ids.slice(5)).toEqual(Uint32Array.of(5, 6, 7));
  });
});

describe.each(fixtures.filter((name) => name !== 'no-debug.bpf.o'))('of %s', (name) => {
  const btf = parseBtfFile(fixture(name));

  test('twice the same is the same again, but for variables', () => {
    const kept = dedupBtf(btf).btf;
    const twice = dedupBtf(joined(btf, btf)).btf;
    const doubled = kept.types.filter(({ kind }) => kind === 'var' || kind === 'datasec');
    expect(twice.count).toBe(kept.count + doubled.length);
  });

  test('doing it again changes nothing', () => {
    const { btf: once } = dedupBtf(joined(btf, btf));
    const again = dedupBtf(once);
    expect(again.btf.types).toEqual(once.types);
    expect([...again.ids]).toEqual([...once.types.keys()]);
  });
});

describe('hostile types', () => {
  test('that loop without a struct are refused', () => {
    const loop = [pointer(2), proto(0, [{ name: '', type: 1 }])];
    expect(() => dedupBtf(build(loop))).toThrow(FormatError);
    const builder = new BtfBuilder();
    for (let i = 0; i < 5000; i += 2) {
      builder.add(pointer(i + 2));
      builder.add(proto(i + 3, []));
    }
    builder.add(int());
    expect(() => dedupBtf(builder.build())).toThrow(/nested too deep/);
  });

  test('that could be compared in exponentially many ways take no time', () => {
    const tower = (first: number, leaf: NewBtfType): NewBtfType[] => {
      const types = [leaf];
      for (let i = 0; i < 60; i++) {
        const below = first + 2 * i;
        types.push(
          struct('s', 8, [member('a', below, 0), member('b', below, 0)]),
          struct('s', 8, [member('a', below, 0), member('b', below, 0)]),
        );
      }
      return types;
    };
    const types = [...tower(1, int('a')), ...tower(122, int('a')), ...tower(243, int('b'))];
    expect(dedupBtf(build(types)).btf.count).toBeLessThan(types.length);
  });

  test('of any shape end in fewer types or a FormatError', () => {
    fc.assert(
      fc.property(anyTypes, (types) => {
        const builder = new BtfBuilder();
        for (const type of types) builder.add(type);
        try {
          const btf = openBtf(builder.toBytes());
          expect(dedupBtf(btf).btf.count).toBeLessThanOrEqual(btf.count);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 150 },
    );
  });
});
