import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import type { Btf, BtfInput, NewBtfType } from '../../src/btf/index.ts';
import { BtfBuilder, decodeValue, encodeValue, openBtf } from '../../src/btf/index.ts';
import { anyShape, Layout } from './any-value.ts';
import { array, int, member, struct } from './types.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** A type, and a value of it as bytes; some more of them than the type has. */
const anyBytes = fc.tuple(anyShape, fc.boolean(), fc.nat(9)).chain(([shape, little, more]) => {
  const layout = new Layout(little);
  const { id, size } = layout.add(shape);
  const btf = layout.builder.build();
  const length = size + more;
  return fc.record({
    btf: fc.constant(btf).map((one) => Object.assign(one, { toJSON: () => one.types })),
    id: fc.constant(id),
    size: fc.constant(size),
    data: fc.oneof(
      fc.uint8Array({ minLength: length, maxLength: length }),
      // Small numbers: enumerators, texts that end, booleans.
      fc
        .array(fc.constantFrom(0, 0, 1, 3, 65, 255), { minLength: length, maxLength: length })
        .map((values) => Uint8Array.from(values)),
    ),
  });
});

test('what was decoded encodes to a value that decodes to it, for any type', () => {
  fc.assert(
    fc.property(anyBytes, ({ btf, id, data }) => {
      const value = decodeValue(btf, id, data);
      const encoded = encodeValue(btf, id, value);
      expect(encoded.length).toBeLessThanOrEqual(data.length);
      expect(decodeValue(btf, id, encoded)).toEqual(value);
    }),
    { numRuns: 2000 },
  );
});

test('sizes are what the layout says, and raw bytes pass through', () => {
  fc.assert(
    fc.property(anyBytes, ({ btf, id, size, data }) => {
      expect(btf.sizeOf(id)).toBe(size);
      const exact = data.subarray(0, size);
      expect(encodeValue(btf, id, exact)).toEqual(Uint8Array.from(exact));
    }),
    { numRuns: 500 },
  );
});

test('any value is encoded or refused', () => {
  fc.assert(
    fc.property(anyBytes, fc.jsonValue(), ({ btf, id }, value) => {
      try {
        expect(encodeValue(btf, id, value as BtfInput).length).toBeGreaterThanOrEqual(0);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    }),
    { numRuns: 1000 },
  );
});

function build(types: readonly NewBtfType[], littleEndian = true): Btf {
  const builder = new BtfBuilder({ littleEndian });
  for (const type of types) builder.add(type);
  return openBtf(builder.toBytes());
}

describe('flexible arrays', () => {
  const btf = build([
    int('unsigned short', 2, false),
    array(1, 0, 1),
    struct('packet', 8, [member('length', 1, 0), member('pad', 1, 16), member('items', 2, 32)]),
    struct('frame', 10, [member('id', 1, 0), member('packet', 3, 16)]),
    struct('slot', 10, [member('packet', 3, 0), member('id', 1, 64)]),
    { ...int('char', 1), name: 'char' } as NewBtfType,
    array(6, 0, 1),
    struct('text', 2, [member('size', 1, 0), member('chars', 7, 16)]),
    struct('choice', 4, [member('items', 2, 0), member('text', 8, 0)], 'union'),
  ]);
  const [packet, frame, slot, text, choice] = [3, 4, 5, 8, 9] as const;

  test('take as many bytes as there are items', () => {
    const value = { length: 3, pad: 0, items: [7, 8, 9] };
    const encoded = encodeValue(btf, packet, value);
    expect(encoded).toEqual(bytes(3, 0, 0, 0, 7, 0, 8, 0, 9, 0));
    expect(decodeValue(btf, packet, encoded)).toEqual(value);
    expect(encodeValue(btf, packet, { length: 0 })).toHaveLength(8);
    expect(encodeValue(btf, frame, { id: 1, packet: value })).toHaveLength(12);
  });

  test('use the padding of their struct', () => {
    expect(encodeValue(btf, packet, { items: [1] })).toHaveLength(8);
    expect(decodeValue(btf, packet, bytes(1, 0, 0, 0, 5, 0, 6, 0))).toMatchObject({
      items: [5, 6],
    });
  });

  test('stay within the room that is given', () => {
    const out = new Uint8Array(10);
    expect(encodeValue(btf, packet, { items: [1, 2, 3] }, out)).toBe(out);
    expect(out).toEqual(bytes(0, 0, 0, 0, 1, 0, 2, 0, 3, 0));
    expect(() => encodeValue(btf, packet, { items: [1, 2, 3, 4] }, out)).toThrow(FormatError);
  });

  test('have no items where other members stand behind them', () => {
    const data = bytes(1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0);
    expect(decodeValue(btf, slot, data)).toEqual({
      packet: { length: 1, pad: 2, items: [] },
      id: 5,
    });
    expect(() => encodeValue(btf, slot, { packet: { items: [1] } })).toThrow(/1 items given for 0/);
  });

  test('of char are text, also in a union', () => {
    expect(encodeValue(btf, text, { size: 5, chars: 'hello' })).toHaveLength(7);
    const value = decodeValue(btf, choice, bytes(5, 0, 104, 105, 33, 0));
    expect(value).toEqual({ items: [5, 26984, 33], text: { size: 5, chars: 'hi!' } });
    expect(encodeValue(btf, choice, value)).toEqual(bytes(5, 0, 104, 105, 33, 0));
  });

  test('that start outside of their struct are refused', () => {
    const hostile = build([int(), array(1, 0, 1), struct('s', 4, [member('far', 2, 0xffff_fff8)])]);
    expect(() => encodeValue(hostile, 3, { far: [1] })).toThrow(/outside of the value/);
  });

  test('are looked for once in types that hold others many times', () => {
    const types: NewBtfType[] = [int(), struct('u', 4, [member('a', 1, 0)], 'union')];
    for (let i = 2; i < 62; i++) {
      types.push(struct('u', 4, [member('a', i, 0), member('b', i, 0)], 'union'));
    }
    const tower = build(types);
    expect(() => encodeValue(tower, 62, new Uint8Array(5))).toThrow(/5 bytes given for 4/);
  });

  test('take raw bytes of any length', () => {
    const raw = bytes(1, 0, 0, 0, 7, 0, 8, 0, 9, 0, 1, 0);
    expect(encodeValue(btf, packet, raw)).toEqual(raw);
    expect(() => encodeValue(btf, packet, raw.subarray(0, 6))).toThrow(/6 bytes given for 8/);
  });

  test('end variables whose initializer is longer than their type', () => {
    const section = build([
      int('unsigned short', 2, false),
      array(1, 0, 1),
      struct('list', 2, [member('count', 1, 0), member('items', 2, 16)]),
      { kind: 'var', name: 'list', type: 3, linkage: 'global' },
      { kind: 'datasec', name: '.data', size: 6, vars: [{ type: 4, offset: 0, size: 6 }] },
    ]);
    const value = { list: { count: 2, items: [7, 8] } };
    expect(decodeValue(section, 5, bytes(2, 0, 7, 0, 8, 0))).toEqual(value);
    expect(encodeValue(section, 5, value)).toEqual(bytes(2, 0, 7, 0, 8, 0));
  });
});

describe('members of a union that share bytes', () => {
  const btf = build([
    int('unsigned int', 4, false),
    { kind: 'float', name: 'float', size: 4 },
    { ...int('_Bool', 1, false), bool: true } as NewBtfType,
    int('char', 1),
    array(4, 4, 1),
    struct(
      'u',
      4,
      [1, 2, 3, 5].map((type, i) => member('wfbt'[i]!, type, 0)),
      'union',
    ),
  ]);

  test.each([
    ['a NaN with a payload', bytes(1, 2, 0xa0, 0x7f)],
    ['a true that is not 1', bytes(2, 0, 0, 0)],
    ['a text with bytes behind its end', bytes(65, 0, 9, 9)],
  ])('keep %s', (_, data) => {
    expect(encodeValue(btf, 6, decodeValue(btf, 6, data))).toEqual(data);
  });

  test('count in their order: the last one given wins', () => {
    const value = decodeValue(btf, 6, bytes(65, 66, 67, 68)) as Record<string, BtfInput>;
    expect(encodeValue(btf, 6, { ...value, t: 'xy' })).toEqual(bytes(120, 121, 0, 68));
  });
});

test('floats JavaScript does not have are lists of bytes, both ways', () => {
  const btf = build([{ kind: 'float', name: 'long double', size: 16 }]);
  const data = Uint8Array.from({ length: 16 }, (_, i) => i);
  expect(encodeValue(btf, 1, decodeValue(btf, 1, data))).toEqual(data);
  expect(() => encodeValue(btf, 1, [1, 2])).toThrow(/2 bytes given for a float of 16/);
  expect(() =>
    encodeValue(
      btf,
      1,
      Array.from({ length: 16 }, () => 256),
    ),
  ).toThrow(/is no byte/);
  expect(() => encodeValue(btf, 1, 1.5)).toThrow(/only be given as bytes/);
});

test('what an optimizer left of a variable is bytes, both ways', () => {
  const btf = build([
    int(),
    struct('pair', 8, [member('a', 1, 0), member('b', 1, 32)]),
    { kind: 'var', name: 'half', type: 2, linkage: 'static' },
    { kind: 'datasec', name: '.data', size: 4, vars: [{ type: 3, offset: 0, size: 4 }] },
  ]);
  const value = decodeValue(btf, 4, bytes(1, 2, 3, 4));
  expect(value).toEqual({ half: [1, 2, 3, 4] });
  expect(encodeValue(btf, 4, value)).toEqual(bytes(1, 2, 3, 4));
  expect(() => encodeValue(btf, 4, { half: [1, 2, 3, 4, 5] })).toThrow(/5 bytes given for 4/);
});
