import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NewBtfType } from '../../src/btf/index.ts';
import { BtfBuilder, checkBtfLoad } from '../../src/btf/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { fixture } from '../fixtures/read.ts';
import { anyTypes } from './any-types.ts';
import { BtfBuilder as RawBuilder } from './build.ts';
import {
  array,
  enumeration,
  forward,
  int,
  member,
  pointer,
  proto,
  reference,
  struct,
} from './types.ts';

function refusal(...types: NewBtfType[]) {
  const builder = new BtfBuilder();
  for (const type of types) builder.add(type);
  return checkBtfLoad(builder.toBytes());
}

const variable = (type: number, linkage: 'static' | 'extern' = 'static'): NewBtfType => ({
  kind: 'var',
  name: 'v',
  type,
  linkage,
});

const section = (...vars: [type: number, offset: number, size: number][]): NewBtfType => ({
  kind: 'datasec',
  name: '.data',
  size: 8,
  vars: vars.map(([type, offset, size]) => ({ type, offset, size })),
});

const tag = (type: number, component: number): NewBtfType => ({
  kind: 'decl_tag',
  name: 'tag',
  type,
  component,
});

describe('the kernel takes', () => {
  test.each<[string, NewBtfType[]]>([
    ['an int', [int()]],
    ['a list', [struct('list', 8, [member('next', 2, 0)]), pointer(1)]],
    [
      'pointers to void, declarations and functions',
      [pointer(0), forward('s'), pointer(2), pointer(5), proto(0, [])],
    ],
    ['a typedef of void', [reference('typedef', 0, 'nothing')]],
    [
      'an array without items at the end',
      [int(), array(1, 0, 1), struct('s', 4, [member('a', 1, 0), member('b', 2, 32)])],
    ],
    [
      'bit fields of ints and enums',
      [
        int(),
        enumeration('e', { A: 1 }),
        struct('s', 4, [member('a', 1, 0, 3), member('b', 2, 3, 7)]),
      ],
    ],
    ['variables in a section', [int(), variable(1), section([2, 0, 4])]],
    [
      'tags before qualifiers',
      [int(), reference('const', 1), reference('type_tag', 2, 'user'), pointer(3)],
    ],
    ['tags on members', [int(), struct('s', 4, [member('a', 1, 0)]), tag(2, 0), tag(2, -1)]],
    [
      'parameters that vary',
      [
        int(),
        proto(1, [
          { name: 'x', type: 1 },
          { name: '', type: 0 },
        ]),
      ],
    ],
  ])('%s', (_, types) => {
    expect(refusal(...types)).toBeUndefined();
  });

  test('its own types', () => {
    const path = join(import.meta.dirname, '../../src/abi/generated/6.12/vmlinux.btf.gz');
    expect(checkBtfLoad(new Uint8Array(gunzipSync(readFileSync(path))))).toBeUndefined();
  });

  test('what compilers write if libbpf has nothing to mend', () => {
    const btf = (name: string) =>
      parseElf(fixture(name)).sections.find((each) => each.name === '.BTF')!.data;
    // Sections have no size yet: libbpf writes it from the ELF file.
    expect(checkBtfLoad(btf('counter.bpf.o'))).toMatchObject({
      code: 'EINVAL',
      message: expect.stringMatching(/DATASEC .* size == 0$/),
    });
    expect(checkBtfLoad(btf('counter.bpfeb.o'))?.message).toBe('btf_header not found');
  });
});

describe('the kernel refuses', () => {
  test.each<[string, NewBtfType[]]>([
    ['[1] FWD (anon) struct Invalid name', [forward('')]],
    ['[1] TYPEDEF a-b type_id=0 Invalid name', [reference('typedef', 0, 'a-b')]],
    ['[1] PTR p type_id=0 Invalid name', [reference('ptr', 0, 'p')]],
    ['[1] TYPE_TAG (anon) type_id=0 Invalid name', [reference('type_tag', 0)]],
    ['[2] ARRAY (anon) type_id=0 index_type_id=1 nr_elems=2 Invalid elem', [int(), array(0, 2, 1)]],
    [
      '[2] ARRAY (anon) type_id=1 index_type_id=2 nr_elems=2 Loop detected',
      [int(), array(1, 2, 2)],
    ],
    ['[1] FLOAT f size=3 Invalid type_size', [{ kind: 'float', name: 'f', size: 3 }]],
    [
      '[1] ENUM e size=3 vlen=0 Unexpected size',
      [{ ...enumeration('e', {}), size: 3 } as NewBtfType],
    ],
    ['[1] ENUM e size=4 vlen=1 Invalid name', [enumeration('e', { '': 1 })]],
    ['[2] VAR v type_id=1 linkage=2 Linkage not supported', [int(), variable(1, 'extern')]],
    ['[1] VAR v type_id=0 linkage=0 Invalid type_id', [variable(0)]],
    ['[2] VAR v type_id=1 linkage=0 Invalid type_id', [forward('s'), variable(1)]],
    [
      '[1] FUNC f type_id=2 Invalid func linkage',
      [{ kind: 'func', name: 'f', type: 2, linkage: 'extern' }, proto(0, [])],
    ],
    [
      '[1] FUNC f type_id=2 Invalid arg#1',
      [
        { kind: 'func', name: 'f', type: 2, linkage: 'global' },
        proto(0, [{ name: '', type: 3 }]),
        int(),
      ],
    ],
    [
      '[1] FUNC_PROTO (anon) return=2 args=(void) Invalid return type',
      [proto(2, []), forward('s')],
    ],
    [
      '[1] FUNC_PROTO (anon) return=0 args=(vararg) Invalid arg#1',
      [proto(0, [{ name: 'x', type: 0 }])],
    ],
    ['[2] DECL_TAG tag type=1 component_idx=-1 Invalid type_id', [int(), tag(1, -1)]],
    [
      '[2] DECL_TAG tag type=1 component_idx=0 Invalid component_idx',
      [struct('s', 0, []), tag(1, 0)],
    ],
  ])('%s', (message, types) => {
    expect(refusal(...types)).toEqual({ code: 'EINVAL', message });
  });

  test.each<[string, NewBtfType[]]>([
    [
      'm type_id=1 bits_offset=4 Member exceeds struct_size',
      [int(), struct('s', 4, [member('m', 1, 4)])],
    ],
    [
      'm type_id=2 bits_offset=4 Member is not byte aligned',
      [int(), pointer(1), struct('s', 16, [member('m', 2, 4)])],
    ],
    [
      'm type_id=1 bits_offset=64 Member bits_offset exceeds its struct size',
      [int(), struct('s', 4, [member('m', 1, 64)])],
    ],
    [
      'b type_id=1 bits_offset=0 Invalid member bits_offset',
      [int(), struct('s', 8, [member('a', 1, 32), member('b', 1, 0)])],
    ],
    [
      'm type_id=1 bits_offset=8 Invalid member bits_offset',
      [int(), struct('u', 8, [member('m', 1, 8)], 'union')],
    ],
    ['m type_id=0 bits_offset=0 Invalid type_id', [struct('s', 8, [member('m', 0, 0)])]],
    [
      'm type_id=1 bits_offset=0 Invalid member',
      [forward('f'), struct('s', 8, [member('m', 1, 0)])],
    ],
    [
      'm type_id=1 bitfield_size=40 bits_offset=0 Invalid member bitfield_size',
      [int(), struct('s', 8, [member('m', 1, 0, 40)])],
    ],
    [
      'm type_id=2 bitfield_size=3 bits_offset=0 Invalid member bitfield_size',
      [int(), pointer(1), struct('s', 8, [member('m', 2, 0, 3)])],
    ],
    [
      'm type_id=1 bits_offset=16 Member is not properly aligned',
      [{ kind: 'float', name: 'f', size: 4 }, struct('s', 8, [member('m', 1, 16)])],
    ],
    [' type_id=2 offset=0 size=2 Invalid size', [int(), variable(1), section([2, 0, 2])]],
    [' type_id=2 offset=6 size=4 Invalid offset+size', [int(), variable(1), section([2, 6, 4])]],
    [
      ' type_id=2 offset=2 size=4 Invalid offset',
      [int(), variable(1), section([2, 0, 4], [2, 2, 4])],
    ],
    [' type_id=1 offset=0 size=4 Not a VAR kind member', [int(), section([1, 0, 4])]],
  ])('the part%s', (line, types) => {
    const [head, part] = refusal(...types)!.message.split('\n\t');
    expect(head).toMatch(/^\[\d\] (STRUCT|UNION|DATASEC)/);
    expect(part).toBe(line);
  });

  test('loops and chains that are too long', () => {
    const loop = [reference('const', 2), reference('volatile', 1)];
    expect(refusal(...loop)?.message).toBe('[1] CONST (anon) type_id=2 Loop detected');
    const deep = Array.from({ length: 40 }, (_, i) => pointer(i + 2));
    expect(refusal(...deep, int())).toEqual({
      code: 'E2BIG',
      message: '[1] PTR (anon) type_id=2 Exceeded max resolving depth:32',
    });
    const back = Array.from({ length: 40 }, (_, i) => reference('typedef', i, `t${i}`));
    expect(refusal(...back)).toBeUndefined();
  });

  test('tags behind qualifiers', () => {
    const types = [int(), reference('type_tag', 1, 'user'), reference('const', 2)];
    expect(refusal(...types)?.message).toBe("Type tags don't precede modifiers");
  });

  test('records that are cut off or say what is not known', () => {
    const cut = new RawBuilder();
    cut.add('array', '', 0, 0, [1]);
    expect(checkBtfLoad(cut.bytes())?.message).toBe('[1] ARRAY (anon) meta_left:4 meta_needed:12');
    const unknown = new RawBuilder();
    unknown.add('int', 'int', 4, 1, [32]);
    expect(checkBtfLoad(unknown.bytes())?.message).toMatch(/ vlen != 0$/);
    const encoding = new RawBuilder();
    encoding.int('int', 4, 3);
    expect(checkBtfLoad(encoding.bytes())).toMatchObject({ code: 'ENOTSUPP' });
  });

  test.each<[string, number, number]>([
    ['Invalid magic', 0, 0],
    ['Unsupported version', 2, 9],
    ['Unsupported flags', 3, 1],
    ['btf_header not found', 4, 255],
    ['Unsupported btf_header', 4, 28],
    ['Unsupported section found', 8, 1],
    ['Total section length too long', 12, 255],
    ['Section overlap found', 12, 20],
    ['Unsupported section found', 20, 4],
  ])('a header: %s (byte %i: %i)', (message, offset, value) => {
    const builder = new BtfBuilder();
    builder.add(int());
    const bytes = builder.toBytes();
    bytes[offset] = value;
    expect(checkBtfLoad(bytes)?.message).toBe(message);
  });

  test('nothing at all', () => {
    expect(checkBtfLoad(new Uint8Array(0))?.message).toBe('hdr_len not found');
    expect(checkBtfLoad(new BtfBuilder().toBytes())?.message).toBe('No type found');
  });
});

test('any types and any bytes have an answer', () => {
  fc.assert(
    fc.property(
      anyTypes,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
      (types, changes) => {
        const builder = new BtfBuilder();
        for (const type of types) builder.add(type);
        const bytes = builder.toBytes();
        for (const [place, value] of changes) bytes[place % bytes.length] = value;
        expect(checkBtfLoad(bytes)?.message ?? 'taken').toMatch(/./);
      },
    ),
    { numRuns: 1000 },
  );
});
