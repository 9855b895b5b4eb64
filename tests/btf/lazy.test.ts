import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { openBtf, parseBtf } from '../../src/btf/index.ts';
import type { Btf } from '../../src/btf/index.ts';
import { BtfBuilder } from './build.ts';

function sample(little: boolean): Uint8Array {
  const b = new BtfBuilder(little);
  const int = b.int('int', 4, 1);
  b.add('ptr', '', int);
  b.array(int, 7);
  b.struct('s', 8, [
    ['a', int, 0, 3],
    ['b', int, 32],
  ]);
  b.struct('s', 4, [['a', int, 0]], 'union');
  b.enum('e', { MINUS: -1, BIG: 0x7fffffff }, 1);
  b.add('fwd', 'f', 0, 0, [], 1);
  b.add('typedef', 's', int);
  const proto = b.add('func_proto', '', int, 2, [b.string('x'), int, 0, 0]);
  b.add('func', 'fn', proto, 2);
  const variable = b.add('var', 'v', int, 0, [1]);
  b.add('datasec', '.data', 4, 1, [variable, 0, 4]);
  b.add('float', 'double', 8);
  b.add('decl_tag', 'tag', 4, 0, [0xffff_ffff]);
  b.add('type_tag', 'user', int);
  b.add('enum64', 'e64', 8, 1, [b.string('HUGE'), 0x9abcdef0, 0x12345678]);
  b.add('typedef', 's', int);
  return b.bytes();
}

describe('openBtf', () => {
  test.each([true, false])('has the types parseBtf has (little-endian: %s)', (little) => {
    const lazy = openBtf(sample(little));
    const eager = parseBtf(sample(little));
    expect(lazy.count).toBe(eager.count);
    // Backwards: no type depends on others having been read.
    for (let id = lazy.count - 1; id >= 0; id--) expect(lazy.type(id)).toEqual(eager.type(id));
    expect(lazy.types).toEqual(eager.types);
  });

  test('finds the first type of a kind and name', () => {
    const lazy = openBtf(sample(true));
    const eager = parseBtf(sample(true));
    for (const { kind, name } of eager.types.slice(1)) {
      if (name) expect(lazy.find(kind, name), `${kind} ${name}`).toBe(eager.find(kind, name));
    }
    expect(lazy.find('struct', 'nothing')).toBeUndefined();
    expect(lazy.find('struct', '')).toBeUndefined();
    expect(lazy.find('union', 'fn')).toBeUndefined();
  });

  test('refuses records that end early or are of an unknown kind when it opens', () => {
    const cut = new BtfBuilder();
    cut.add('array', '', 0, 0, [1, 1]);
    expect(() => openBtf(cut.bytes())).toThrow(/ends inside a type/);
    const b = new BtfBuilder();
    b.add('void', 'x', 0);
    expect(() => openBtf(b.bytes())).toThrow(/unknown kind 0/);
  });

  test('refuses a dangling id when the type is asked for', () => {
    const b = new BtfBuilder();
    b.int('int', 4);
    b.add('ptr', '', 77);
    const btf = openBtf(b.bytes());
    expect(btf.type(1).kind).toBe('int');
    expect(() => btf.type(2)).toThrow(/refers to type 77, which does not exist/);
    expect(() => btf.type(99)).toThrow(FormatError);
  });

  test('walks over types that contain themselves end in an error', () => {
    const b = new BtfBuilder();
    b.add('typedef', 'a', 2);
    b.add('typedef', 'b', 1);
    b.array(3, 1, 1);
    b.struct('s', 4, [['s', 4, 0]]);
    const btf = openBtf(b.bytes());
    expect(() => btf.resolve(1)).toThrow(/nested too deep/);
    expect(() => btf.sizeOf(3)).toThrow(/nested too deep/);
    expect(() => btf.alignOf(4)).toThrow(/contains itself/);
  });

  test('can be the base of a split BTF', () => {
    const bytes = sample(true);
    const base = openBtf(bytes);
    const own = new BtfBuilder();
    own.add('typedef', '', 4);
    const split = parseBtf(own.bytes(), base);
    expect(split.count).toBe(base.count + 1);
    expect(split.type(base.count)).toMatchObject({ kind: 'typedef', type: 4 });
    expect(split.find('struct', 's')).toBe(4);
    expect(split.sizeOf(base.count)).toBe(8);
    expect(split.types).toHaveLength(split.count);
  });

  test('reads a split BTF when asked, with names from both string sections', () => {
    const base = openBtf(sample(true));
    const own = new BtfBuilder();
    // Its own names start where those of the base end; the second type has one of the base's.
    const at = (text: string) => base.stringsLength + own.string(text);
    const bytes = typedefs(own, [at('mine'), baseString(base, 's')], [4, base.count]);
    const split = openBtf(bytes, base);
    expect(split.count).toBe(base.count + 2);
    expect(split.firstOwnId).toBe(base.count);
    expect(split.type(base.count)).toMatchObject({ kind: 'typedef', name: 'mine', type: 4 });
    expect(split.type(4)).toBe(base.type(4));
    expect(split.find('typedef', 'mine')).toBe(base.count);
    expect(split.findAll('typedef', 's')).toEqual([
      ...base.findAll('typedef', 's'),
      base.count + 1,
    ]);
    expect(split.find('typedef', 'other')).toBeUndefined();
    expect(split.sizeOf(base.count + 1)).toBe(8);
    expect(split.types).toEqual(parseBtf(bytes, base).types);
    expect(() => split.type(split.count)).toThrow(FormatError);
  });

  test('refuses a dangling id of a split BTF when the type is asked for', () => {
    const base = openBtf(sample(true));
    const own = new BtfBuilder();
    own.add('ptr', '', base.count + 1);
    const split = openBtf(own.bytes(), base);
    expect(() => split.type(base.count)).toThrow(/does not exist/);
  });
});

/** Typedefs of the targets; names are offsets that count on from those of a base. */
function typedefs(own: BtfBuilder, names: readonly number[], targets: readonly number[]) {
  for (const target of targets) own.add('typedef', '', target);
  const bytes = own.bytes();
  const view = new DataView(bytes.buffer);
  for (const [i, name] of names.entries()) view.setUint32(24 + 12 * i, name, true);
  return bytes;
}

/** Where a text is among the strings of a BTF. */
function baseString(btf: Btf, text: string): number {
  for (let offset = 1; offset < btf.stringsLength; offset++) {
    if (btf.stringAt(offset) === text && btf.stringAt(offset - 1) === '') return offset;
  }
  throw new Error(`no string '${text}'`);
}
