import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import type { Btf } from '../../src/btf/index.ts';
import {
  decodeValue,
  encodeValue,
  formatFlat,
  formatValue,
  parseBtf,
} from '../../src/btf/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { fixture } from '../fixtures/read.ts';
import { BtfBuilder } from './build.ts';

const SIGNED = 1;
const BOOL = 4;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('decodeValue', () => {
  const b = new BtfBuilder();
  const ids = {
    u8: b.int('unsigned char', 1),
    s16: b.int('short', 2, SIGNED),
    u64: b.int('unsigned long long', 8),
    s64: b.int('long', 8, SIGNED),
    bool: b.int('_Bool', 1, BOOL),
    char: b.int('char', 1, SIGNED),
    wide: b.int('__int128', 16, SIGNED),
    float: b.add('float', 'float', 4),
    double: b.add('float', 'double', 8),
    color: b.enum('color', { RED: 0, BLUE: 4_000_000_000 }),
    sign: b.enum('sign', { MINUS: -1 }, 1),
    pointer: b.add('ptr', '', 0),
  };
  const name = b.array(ids.char, 6);
  const btf = b.parse();
  const decode = (id: number, ...values: number[]) => decodeValue(btf, id, bytes(...values));

  test('numbers up to 32 bits are numbers, above bigints', () => {
    expect(decode(ids.u8, 200)).toBe(200);
    expect(decode(ids.s16, 0xfe, 0xff)).toBe(-2);
    expect(decode(ids.u64, 1, 0, 0, 0, 0, 0, 0, 0x80)).toBe(0x8000000000000001n);
    expect(decode(ids.s64, ...Array(8).fill(0xff))).toBe(-1n);
    expect(decode(ids.wide, ...Array(16).fill(0xff))).toBe(-1n);
    expect(decode(ids.pointer, 0x10, 0, 0, 0, 0, 0, 0, 0)).toBe(16n);
  });

  test('booleans, floats and enums', () => {
    expect(decode(ids.bool, 1)).toBe(true);
    expect(decode(ids.float, 0, 0, 0x80, 0x3f)).toBe(1);
    expect(decode(ids.double, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f)).toBe(1.5);
    expect(decode(ids.color, 0, 0x28, 0x6b, 0xee)).toBe('BLUE');
    expect(decode(ids.color, 3, 0, 0, 0)).toBe(3);
    expect(decode(ids.sign, 255, 255, 255, 255)).toBe('MINUS');
  });

  test('char arrays are text while they are printable', () => {
    expect(decode(name, 101, 116, 104, 48, 0, 9)).toBe('eth0');
    expect(decode(name, 97, 98, 99, 100, 101, 102)).toBe('abcdef');
    expect(decode(name, 0, 0, 0, 0, 0, 0)).toBe('');
    expect(decode(name, 7, 98, 0, 0, 0, 0)).toEqual([7, 98, 0, 0, 0, 0]);
  });

  test('too few bytes are refused with the place', () => {
    expect(() => decode(ids.u64, 1, 2)).toThrow(FormatError);
    expect(() => decode(0, 1)).toThrow(/a void has no values/);
  });

  test('bitfields are counted from the low bit, on big-endian machines from the high one', () => {
    const make = (little: boolean): Btf => {
      const builder = new BtfBuilder(little);
      const unsigned = builder.int('unsigned int', 4);
      const int = builder.int('int', 4, SIGNED);
      const members = [
        ['a', unsigned, 0, 3],
        ['b', int, 3, 7],
        ['c', unsigned, 10, 22],
      ] as [string, number, number, number][];
      builder.struct('bits', 4, members);
      return parseBtf(builder.bytes());
    };
    const value = { a: 5, b: -3, c: 0x155555 };
    // a | b << 3 | c << 10 as a little-endian word; a << 29 | b << 22 | c as a big-endian one.
    expect(decodeValue(make(true), 3, bytes(0xed, 0x57, 0x55, 0x55))).toEqual(value);
    expect(decodeValue(make(false), 3, bytes(0xbf, 0x55, 0x55, 0x55))).toEqual(value);
    expect(encodeValue(make(true), 3, value)).toEqual(bytes(0xed, 0x57, 0x55, 0x55));
    expect(encodeValue(make(false), 3, value)).toEqual(bytes(0xbf, 0x55, 0x55, 0x55));
  });

  test('members of anonymous structs and unions stand in their parent, unions show all', () => {
    const builder = new BtfBuilder();
    const u16 = builder.int('unsigned short', 2);
    const u32 = builder.int('unsigned int', 4);
    const halves = builder.struct('', 4, [
      ['low', u16, 0],
      ['high', u16, 16],
    ]);
    const union = builder.struct(
      '',
      4,
      [
        ['word', u32, 0],
        ['', halves, 0],
      ],
      'union',
    );
    const outer = builder.struct('outer', 8, [
      ['', union, 0],
      ['after', u32, 32],
    ]);
    expect(decodeValue(builder.parse(), outer, bytes(1, 0, 2, 0, 9, 0, 0, 0))).toEqual({
      word: 0x20001,
      low: 1,
      high: 2,
      after: 9,
    });
  });

  test('a flexible array takes the bytes behind the struct', () => {
    const builder = new BtfBuilder();
    const u16 = builder.int('unsigned short', 2);
    const record = builder.struct('record', 2, [
      ['count', u16, 0],
      ['items', builder.array(u16, 0), 16],
    ]);
    const parsed = builder.parse();
    expect(decodeValue(parsed, record, bytes(2, 0, 7, 0, 8, 0))).toEqual({
      count: 2,
      items: [7, 8],
    });
    expect(decodeValue(parsed, record, bytes(2, 0))).toEqual({ count: 2, items: [] });
  });

  test('a member called __proto__ is a member', () => {
    const builder = new BtfBuilder();
    const int = builder.int('int', 4);
    const struct = builder.struct('s', 4, [['__proto__', int, 0]]);
    const value = decodeValue(builder.parse(), struct, bytes(5, 0, 0, 0));
    expect(Object.keys(value)).toEqual(['__proto__']);
  });

  test('types that hold more values than any memory are refused', () => {
    const builder = new BtfBuilder();
    let id = builder.struct('empty', 0, []);
    for (let i = 0; i < 20; i++) id = builder.array(id, 1000);
    expect(() => decodeValue(builder.parse(), id, bytes())).toThrow(/too many values/);
  });
});

describe('encodeValue', () => {
  const b = new BtfBuilder();
  const u8 = b.int('unsigned char', 1);
  const char = b.int('char', 1, SIGNED);
  const u64 = b.int('unsigned long long', 8);
  const color = b.enum('color', { RED: 0, GREEN: 5 });
  const struct = b.struct('s', 24, [
    ['id', u64, 0],
    ['name', b.array(char, 4), 64],
    ['raw', b.array(u8, 4), 96],
    ['color', color, 128],
  ]);
  const btf = b.parse();

  test('writes what is given and zeroes the rest', () => {
    const out = new Uint8Array(26).fill(0xaa);
    encodeValue(btf, struct, { id: 258, name: 'abc', color: 'GREEN' }, out);
    expect(out).toEqual(
      bytes(2, 1, 0, 0, 0, 0, 0, 0, 97, 98, 99, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0xaa, 0xaa),
    );
  });

  test('takes raw bytes for any part', () => {
    expect(encodeValue(btf, struct, { raw: bytes(1, 2, 3, 4) })[12]).toBe(1);
    expect(() => encodeValue(btf, struct, { raw: bytes(1, 2) })).toThrow(/2 bytes given for 4/);
  });

  test.each([
    [{ id: -(2n ** 63n) - 1n }, /does not fit 64 bits/],
    [{ id: 'x' }, /'x' is no integer/],
    [{ id: 1.5 }, /1.5 is no integer/],
    [{ color: 'BLUE' }, /'BLUE' is no value of 'color'/],
    [{ name: 'abcde' }, /5 items given for 4/],
    [{ raw: 'text' }, /holds no char/],
    [{ other: 1 }, /no member 'other'/],
    [[1], /is no object/],
  ])('refuses %o', (value, reason) => {
    expect(() => encodeValue(btf, struct, value as never)).toThrow(FormatError);
    expect(() => encodeValue(btf, struct, value as never)).toThrow(reason);
  });

  test('refuses to write past the end', () => {
    expect(() => encodeValue(btf, struct, {}, new Uint8Array(23))).toThrow(/room for 23/);
    expect(() => encodeValue(btf, u8, 256)).toThrow(/does not fit 8 bits/);
  });
});

describe('values of real objects', () => {
  const { btf, maps } = parseObject(fixture('types.bpf.o'));
  const section = maps.find(({ name }) => name === '.data')!;

  test('globals by name; what is left of an optimized one as bytes', () => {
    expect(decodeValue(btf!, section.valueTypeId, section.initialValue!)).toEqual({
      'static_holes.0': [2, 0, 0, 0],
    });
    const counter = parseObject(fixture('counter.bpf.o'));
    const data = counter.maps.find(({ name }) => name === '.data')!;
    expect(decodeValue(counter.btf!, data.valueTypeId, data.initialValue!)).toEqual({
      seed: 0x12345678,
      hidden: 5,
    });
  });

  test('decoding what was encoded gives it back, and encoding that the bytes', () => {
    const id = btf!.find('struct', 'bits')!;
    const size = btf!.sizeOf(id);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: size, maxLength: size }), (random) => {
        const value = decodeValue(btf!, id, random);
        const again = decodeValue(btf!, id, encodeValue(btf!, id, value));
        expect(again).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  test('every struct of the fixture decodes from any bytes', () => {
    for (const type of btf!.types) {
      if (type.kind !== 'struct') continue;
      const out = new Uint8Array(type.size).map((_, i) => (i * 37) & 0xff);
      const value = decodeValue(btf!, type.id, out);
      expect(formatValue(value)).not.toMatch(/undefined|NaN|\[object/);
    }
  });
});

describe('formatValue', () => {
  test('keeps what fits on a line', () => {
    expect(formatFlat({ packets: 12n, name: 'a"b', list: [1, 2], on: true })).toBe(
      '{"packets": 12, "name": "a\\"b", "list": [1, 2], "on": true}',
    );
  });

  test('opens what does not, numbers sharing lines', () => {
    const value = { name: 'x'.repeat(60), list: Array.from({ length: 40 }, (_, i) => i) };
    expect(formatValue(value)).toMatchInlineSnapshot(`
      "{
          "name": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
          "list": [
              0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
              23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39
          ]
      }"
    `);
  });
});
