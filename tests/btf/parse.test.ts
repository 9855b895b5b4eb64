import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { parseBtf } from '../../src/btf/index.ts';
import { BtfBuilder } from './build.ts';

const INT_SIGNED = 1;

describe('parseBtf', () => {
  test.each([true, false])('reads every kind (little-endian: %s)', (little) => {
    const b = new BtfBuilder(little);
    const int = b.int('int', 4, INT_SIGNED);
    b.add('ptr', '', int);
    b.array(int, 7);
    b.struct('s', 8, [
      ['a', int, 0, 3],
      ['b', int, 32],
    ]);
    b.struct('u', 4, [['a', int, 0]], 'union');
    b.enum('e', { MINUS: -1, BIG: 0x7fffffff }, 1);
    b.add('fwd', 'f', 0, 0, [], 1);
    b.add('typedef', 't', int);
    b.add('volatile', '', int);
    b.add('const', '', int);
    b.add('restrict', '', int);
    const proto = b.add('func_proto', '', int, 2, [b.string('x'), int, 0, 0]);
    b.add('func', 'fn', proto, 2);
    const variable = b.add('var', 'v', int, 0, [1]);
    b.add('datasec', '.data', 4, 1, [variable, 0, 4]);
    b.add('float', 'double', 8);
    b.add('decl_tag', 'tag', 4, 0, [0xffff_ffff]);
    b.add('type_tag', 'user', int);
    b.add('enum64', 'e64', 8, 1, [b.string('HUGE'), 0x9abcdef0, 0x12345678]);
    const { types, littleEndian } = parseBtf(b.bytes());
    expect(littleEndian).toBe(little);
    expect(types.map(({ kind }) => kind)).toEqual(
      (
        'void int ptr array struct union enum fwd typedef volatile const restrict func_proto func var ' +
        'datasec float decl_tag type_tag enum64'
      ).split(' '),
    );
    expect(types[4]).toEqual({
      kind: 'struct',
      id: 4,
      name: 's',
      size: 8,
      members: [
        { name: 'a', type: 1, bitOffset: 0, bitSize: 3 },
        { name: 'b', type: 1, bitOffset: 32, bitSize: 0 },
      ],
    });
    expect(types[6]).toMatchObject({
      signed: true,
      values: [{ value: -1 }, { value: 0x7fffffff }],
    });
    expect(types[7]).toMatchObject({ of: 'union' });
    expect(types[13]).toMatchObject({ linkage: 'extern', type: 12 });
    expect(types[17]).toMatchObject({ component: -1 });
    expect(types[19]).toMatchObject({ values: [{ name: 'HUGE', value: 0x123456789abcdef0n }] });
  });

  test('an enum that is only declared has no size', () => {
    const b = new BtfBuilder();
    b.enum('later', {}, 0, 0);
    expect(b.parse().type(1)).toMatchObject({ kind: 'enum', size: 0, values: [] });
  });

  test('a split BTF continues ids and strings of its base', () => {
    const base = new BtfBuilder();
    const int = base.int('int', 4);
    const parsed = base.parse();
    const split = new BtfBuilder();
    // Offset 1 is in the base's strings, the base's length and up in its own.
    split.add('typedef', '', int);
    const bytes = split.bytes();
    new DataView(bytes.buffer).setUint32(24, 1, true);
    const btf = parseBtf(bytes, parsed);
    expect(btf.firstOwnId).toBe(2);
    expect(btf.type(2)).toEqual({ kind: 'typedef', id: 2, name: 'int', type: 1 });
    expect(btf.find('typedef', 'int')).toBe(2);
  });
});

describe('sizes and alignment', () => {
  test('go through typedefs, modifiers and arrays', () => {
    const b = new BtfBuilder();
    const short = b.int('short', 2);
    const name = b.add('typedef', 'cell', b.add('const', '', short));
    const grid = b.array(b.array(name, 3), 5);
    const pointer = b.add('ptr', '', grid);
    const struct = b.struct('s', 40, [
      ['p', pointer, 0],
      ['g', grid, 64],
    ]);
    const btf = b.parse();
    expect(btf.resolve(name)).toBe(short);
    expect([grid, pointer, struct].map((id) => btf.sizeOf(id))).toEqual([30, 8, 40]);
    expect([grid, pointer, struct].map((id) => btf.alignOf(id))).toEqual([2, 8, 8]);
  });

  test('a packed struct has alignment 1', () => {
    const b = new BtfBuilder();
    const int = b.int('int', 4);
    const packed = b.struct('p', 5, [
      ['a', b.int('char', 1), 0],
      ['b', int, 8],
    ]);
    expect(b.parse().alignOf(packed)).toBe(1);
  });

  test('types without size are refused by name', () => {
    const b = new BtfBuilder();
    const fwd = b.add('fwd', 'later', 0);
    expect(() => b.parse().sizeOf(fwd)).toThrow(/fwd 'later' has no size/);
    expect(() => b.parse().sizeOf(0)).toThrow(FormatError);
  });

  test('absurd arrays are refused', () => {
    const b = new BtfBuilder();
    const huge = b.array(b.array(b.int('int', 4), 0xffffffff), 0xffffffff);
    expect(() => b.parse().sizeOf(huge)).toThrow(/absurd/);
  });
});

describe('hostile BTF is refused', () => {
  const refuse = (make: (b: BtfBuilder) => void, reason: RegExp): void => {
    const b = new BtfBuilder();
    make(b);
    expect(() => b.parse()).toThrow(FormatError);
    expect(() => b.parse()).toThrow(reason);
  };

  test('ids that do not exist', () => {
    refuse((b) => b.add('ptr', '', 99), /type 1: refers to type 99/);
    refuse((b) => b.struct('s', 4, [['a', 7, 0]]), /refers to type 7/);
    refuse((b) => b.add('func_proto', '', 0, 1, [0, 9]), /refers to type 9/);
  });

  test('types that contain themselves', () => {
    refuse((b) => b.struct('s', 4, [['a', 1, 0]]), /contains itself/);
    refuse((b) => b.add('typedef', 't', 1), /contains itself/);
    refuse((b) => b.add('array', '', 0, 0, [1, 1, 1]), /contains itself/);
    refuse((b) => b.add('ptr', '', 1), /contains itself/);
    refuse((b) => {
      b.add('const', '', 2);
      b.add('volatile', '', 1);
    }, /contains itself/);
  });

  test('but a struct may point at itself', () => {
    const b = new BtfBuilder();
    b.struct('list', 8, [['next', 2, 0]]);
    b.add('ptr', '', 1);
    expect(b.parse().sizeOf(1)).toBe(8);
  });

  test('nesting without end', () => {
    refuse((b) => {
      for (let id = 1; id < 400; id++) b.add('const', '', id + 1);
      b.int('int', 4);
    }, /nested too deep/);
  });

  test('unknown kinds, broken ints, enums, linkage', () => {
    refuse((b) => b.add('', '', 0, 0xffff_ffff), /unknown kind 31/);
    refuse((b) => b.int('int', 4, 0, 200), /200 bits/);
    refuse((b) => b.enum('e', { A: 1 }, 0, 3), /3 bytes/);
    refuse((b) => b.add('var', 'v', 0, 0, [7]), /linkage 7/);
    refuse((b) => b.add('func', 'f', 0), /no prototype/);
    refuse((b) => b.add('datasec', '.x', 0, 1, [0, 0, 0]), /holds a void/);
  });

  test('counts larger than the section', () => {
    refuse((b) => b.add('struct', 's', 4, 0xffff), /ends inside a type/);
  });

  test('names outside the strings, and strings without end', () => {
    const b = new BtfBuilder();
    b.int('int', 4);
    const bytes = b.bytes();
    new DataView(bytes.buffer).setUint32(24, 1000, true);
    expect(() => parseBtf(bytes)).toThrow(/a name starts outside/);
    const cut = b.bytes();
    cut[cut.length - 1] = 65;
    expect(() => parseBtf(cut)).toThrow(/no terminating NUL/);
  });

  test('names that overlap to more than memory holds', () => {
    const b = new BtfBuilder();
    const start = b.string('x'.repeat(50_000));
    for (let i = 0; i < 1000; i++) b.add('fwd', '', 0);
    const bytes = b.bytes();
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < 1000; i++) view.setUint32(24 + 12 * i, start + i, true);
    expect(() => parseBtf(bytes)).toThrow(/names overlap too much/);
    // The same name any number of times is no harm.
    for (let i = 0; i < 1000; i++) view.setUint32(24 + 12 * i, start, true);
    expect(parseBtf(bytes).count).toBe(1001);
  });

  test('broken headers', () => {
    const good = new BtfBuilder().bytes();
    const change = (offset: number, value: number): Uint8Array => {
      const bytes = good.slice();
      bytes[offset] = value;
      return bytes;
    };
    expect(() => parseBtf(change(0, 0))).toThrow(/magic/);
    expect(() => parseBtf(change(2, 2))).toThrow(/version 2/);
    expect(() => parseBtf(change(4, 8))).toThrow(/too short/);
    expect(() => parseBtf(change(12, 200))).toThrow(/type section needs/);
    expect(() => parseBtf(new Uint8Array(0))).toThrow(FormatError);
  });
});
