import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import type { Btf, NewBtfType } from '../../src/btf/index.ts';
import {
  BtfBuilder,
  mapTypeIds,
  openBtf,
  parseBtf,
  parseBtfExt,
  printRaw,
  writeBtfExt,
} from '../../src/btf/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { fixture, fixtures } from '../fixtures/read.ts';
import { anyTypes } from './any-types.ts';

const same = (id: number): number => id;

/** The same types written anew. */
function rebuilt(btf: Btf): BtfBuilder {
  const { littleEndian, base } = btf;
  const builder = new BtfBuilder(base ? { littleEndian, base } : { littleEndian });
  for (let id = btf.firstOwnId; id < btf.count; id++) builder.add(mapTypeIds(btf.type(id), same));
  return builder;
}

const int: NewBtfType = {
  kind: 'int',
  name: 'int',
  size: 4,
  bits: 32,
  bitOffset: 0,
  signed: true,
  char: false,
  bool: false,
};

describe('what was parsed and built again is the same', () => {
  test.each(fixtures.filter((name) => name !== 'no-debug.bpf.o'))('for %s', (name) => {
    const elf = parseElf(fixture(name));
    const data = (wanted: string) => elf.sections.find((each) => each.name === wanted)?.data;
    const btf = parseBtf(data('.BTF')!);
    const builder = rebuilt(btf);
    const extBytes = data('.BTF.ext');
    const ext = extBytes && parseBtfExt(extBytes, btf);
    const extAgain = ext && writeBtfExt(ext, builder);
    const again = parseBtf(builder.toBytes());
    expect(again.littleEndian).toBe(btf.littleEndian);
    expect(again.types).toEqual(btf.types);
    expect(extAgain && parseBtfExt(extAgain, again)).toEqual(ext);
  });

  const generated = join(import.meta.dirname, '../../src/abi/generated/6.12');
  const unzipped = (name: string) =>
    new Uint8Array(gunzipSync(readFileSync(join(generated, name))));

  test('for a module of the kernel, over its types', () => {
    const base = openBtf(unzipped('vmlinux.btf.gz'));
    const bytes = unzipped('modules/nf_nat.btf.gz');
    const btf = openBtf(bytes, base);
    const again = rebuilt(btf).toBytes();
    expect(again.length).toBeLessThanOrEqual(bytes.length);
    expect(printRaw(openBtf(again, base))).toBe(printRaw(btf));
  });

  test('for types of any shape, in either byte order', () => {
    fc.assert(
      fc.property(anyTypes, fc.boolean(), (types, littleEndian) => {
        const builder = new BtfBuilder({ littleEndian });
        for (const type of types) builder.add(type);
        const btf = openBtf(builder.toBytes());
        expect(btf.littleEndian).toBe(littleEndian);
        expect(btf.types.slice(1)).toEqual(types.map((type, i) => ({ ...type, id: i + 1 })));
      }),
    );
  });
});

describe('BtfBuilder', () => {
  test('gives ids from 1 and lets types refer to later ones', () => {
    const builder = new BtfBuilder();
    const list = builder.add({ kind: 'fwd', name: 'list', of: 'struct' });
    const pointer = builder.add({ kind: 'ptr', name: '', type: list });
    const next = { name: 'next', type: pointer, bitOffset: 0, bitSize: 0 };
    builder.set(list, { kind: 'struct', name: 'list', size: 8, members: [next] });
    expect([list, pointer, builder.count]).toEqual([1, 2, 3]);
    expect(builder.build().type(list)).toMatchObject({ members: [{ name: 'next', type: 2 }] });
    expect(() => builder.set(3, int)).toThrow(/type 3 was not added here/);
  });

  test('stores a string once', () => {
    const builder = new BtfBuilder();
    const offset = builder.addString('int');
    expect(builder.addString('int')).toBe(offset);
    builder.add(int);
    const btf = builder.build();
    expect(btf.stringAt(offset)).toBe('int');
    expect(btf.stringsLength).toBe('\0int\0'.length);
    expect(builder.addString('')).toBe(0);
    expect(builder.toBytes()).toEqual(builder.toBytes());
  });

  test('continues ids and strings of a base', () => {
    const under = new BtfBuilder();
    const first = under.add(int);
    const base = under.build();
    const builder = new BtfBuilder({ base });
    expect(builder.addString('int')).toBe(base.findString('int'));
    const own = builder.add({ kind: 'typedef', name: 'mine', type: first });
    const alias = builder.add({ kind: 'typedef', name: 'int', type: own });
    const btf = builder.build();
    expect([own, alias, btf.firstOwnId, btf.count]).toEqual([2, 3, 2, 4]);
    expect(btf.type(own)).toMatchObject({ name: 'mine', type: first });
    expect(btf.type(alias)).toMatchObject({ name: 'int', type: own });
    expect(btf.stringsLength - base.stringsLength).toBe('mine\0'.length);
    expect(rebuilt(btf).build().types).toEqual(btf.types);
    expect(() => builder.set(first, int)).toThrow(FormatError);
  });

  const member = (bitOffset: number, bitSize: number) => ({
    name: 'm',
    type: 0,
    bitOffset,
    bitSize,
  });

  test.each<[string, NewBtfType, RegExp]>([
    ['void', { kind: 'void', name: '' }, /void is no record/],
    ['a dangling id', { kind: 'ptr', name: '', type: 2 }, /refers to type 2/],
    ['a NUL in a name', { ...int, name: 'a\0b' }, /can not hold a NUL/],
    ['a fraction', { kind: 'float', name: 'f', size: 1.5 }, /1.5 is not within/],
    [
      'a far member beside a bit field',
      { kind: 'struct', name: '', size: 8, members: [member(0, 3), member(1 << 24, 0)] },
      /16777216 is not within 0 and 16777215/,
    ],
    [
      'an enumerator of more than 32 bits',
      { kind: 'enum', name: '', size: 8, signed: true, values: [{ name: 'A', value: 2 ** 31 }] },
      /2147483648 is not within/,
    ],
    [
      'an enumerator of more than 64 bits',
      { kind: 'enum64', name: '', size: 8, signed: false, values: [{ name: 'A', value: -1n }] },
      /-1 does not fit 64 bits/,
    ],
    [
      'more items than are counted',
      {
        kind: 'func_proto',
        name: '',
        returns: 0,
        params: Array.from({ length: 65536 }, () => ({ name: '', type: 0 })),
      },
      /65536 items are too many for a func_proto/,
    ],
  ])('refuses %s', (_, type, reason) => {
    const builder = new BtfBuilder();
    builder.add(type);
    expect(() => builder.toBytes()).toThrow(FormatError);
    expect(() => builder.toBytes()).toThrow(reason);
  });

  test('build refuses types that make no sense', () => {
    const builder = new BtfBuilder();
    builder.add({ kind: 'const', name: '', type: 1 });
    expect(() => builder.build()).toThrow(/contains itself/);
  });
});

describe('writeBtfExt', () => {
  const base = { section: 'tc', offset: 0, file: 'a.c', text: 'x', line: 1, column: 1 };

  test('groups records by section, in the order they come', () => {
    const builder = new BtfBuilder();
    const lines = [base, { ...base, section: 'xdp' }, { ...base, offset: 8 }];
    const bytes = writeBtfExt({ functions: [], lines, coreRelocations: [] }, builder);
    const again = parseBtfExt(bytes, builder.build());
    expect(again.lines).toEqual([lines[0], lines[2], lines[1]]);
    expect(again.functions).toEqual([]);
  });

  test.each([{ line: 1 << 22 }, { column: 1 << 10 }])('refuses %o', (place) => {
    const lines = [{ ...base, ...place }];
    const ext = { functions: [], lines, coreRelocations: [] };
    expect(() => writeBtfExt(ext, new BtfBuilder())).toThrow(/no room for line/);
  });
});

test('mapTypeIds passes every reference on, and void as it is', () => {
  const map = (id: number): number => id * 10;
  const proto = mapTypeIds(
    { kind: 'func_proto', id: 4, name: '', returns: 0, params: [{ name: 'x', type: 3 }] },
    map,
  );
  expect(proto).toEqual({
    kind: 'func_proto',
    name: '',
    returns: 0,
    params: [{ name: 'x', type: 30 }],
  });
  const array = { kind: 'array', id: 2, name: '', type: 1, indexType: 5, count: 7 } as const;
  expect(mapTypeIds(array, map)).toEqual({
    kind: 'array',
    name: '',
    type: 10,
    indexType: 50,
    count: 7,
  });
});
