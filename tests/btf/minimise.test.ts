import { describe, expect, test } from 'vitest';
import { loadKernelProfile } from '../../src/abi/index.ts';
import { FormatError } from '../../src/base/index.ts';
import type { Btf } from '../../src/btf/index.ts';
import { minimiseBtf, printRaw, writeBtf } from '../../src/btf/index.ts';
import { decodeCode } from '../../src/isa/index.ts';
import { coreUses, parseObject, relocateProgram } from '../../src/object/index.ts';
import { fixture, fixtures } from '../fixtures/read.ts';
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

const lines = (btf: Btf): string[] => printRaw(btf).trimEnd().split('\n');

describe('minimiseBtf keeps', () => {
  const kernel = build([
    int(), // 1
    struct('task', 40, [
      member('state', 1, 0),
      member('', 3, 64),
      member('next', 5, 128),
      member('cpus', 6, 192),
    ]), // 2
    struct('', 8, [member('pad', 1, 0), member('', 4, 32)], 'union'), // 3
    struct('', 4, [member('inner', 7, 0)]), // 4
    pointer(2), // 5
    array(8, 4, 1), // 6
    reference('typedef', 1, 'pid_t'), // 7
    struct('cpu', 8, [member('id', 1, 0), member('load', 1, 32)]), // 8
    enumeration('color', { RED: 0, BLUE: 1 }), // 9
    forward('gone'), // 10
    pointer(10), // 11
    proto(11, [{ name: 'task', type: 5 }]), // 12
    reference('typedef', 12, 'callback'), // 13
  ]);

  test('of a field the members that lead to it, at their places', () => {
    const path = [{ type: 4, index: 0 }];
    expect(lines(minimiseBtf(kernel, [{ what: 'field', type: 2, path }]))).toEqual([
      "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED",
      "[2] STRUCT 'task' size=40 vlen=1",
      "\t'(anon)' type_id=3 bits_offset=64",
      "[3] UNION '(anon)' size=8 vlen=1",
      "\t'(anon)' type_id=4 bits_offset=32",
      "[4] STRUCT '(anon)' size=4 vlen=1",
      "\t'inner' type_id=5 bits_offset=0",
      "[5] TYPEDEF 'pid_t' type_id=1",
    ]);
  });

  test('of a field behind an array the element', () => {
    const path = [
      { type: 2, index: 3 },
      { type: 8, index: 1 },
    ];
    const small = minimiseBtf(kernel, [{ what: 'field', type: 2, path }]);
    expect(small.type(small.find('struct', 'cpu')!)).toMatchObject({
      size: 8,
      members: [{ name: 'load', bitOffset: 32 }],
    });
  });

  test('of a pointer only that it is one, unless a type is asked for', () => {
    const path = [{ type: 2, index: 2 }];
    const field = minimiseBtf(kernel, [{ what: 'field', type: 2, path }]);
    expect(field.types.find(({ kind }) => kind === 'ptr')).toMatchObject({ type: 1 });
    const only = minimiseBtf(kernel, [{ what: 'type', type: 5 }]);
    expect(lines(only)).toEqual(["[1] STRUCT 'task' size=40 vlen=0", "[2] PTR '(anon)' type_id=1"]);
  });

  test('of an enum its values, of a whole type all down to pointers', () => {
    const small = minimiseBtf(kernel, [
      { what: 'enum', type: 9 },
      { what: 'match', type: 8 },
      { what: 'match', type: 13 },
    ]);
    expect(small.type(small.find('enum', 'color')!)).toMatchObject({ values: [{}, {}] });
    expect(small.type(small.find('struct', 'cpu')!)).toMatchObject({ members: [{}, {}] });
    expect(small.type(small.find('struct', 'task')!)).toMatchObject({ members: [] });
    expect(small.find('fwd', 'gone')).toBeDefined();
  });

  test('of nothing nothing', () => {
    expect(minimiseBtf(kernel, []).count).toBe(1);
  });

  test('types of a base as if they were its own', () => {
    const module = build([struct('mine', 4, [member('x', 1, 0)])], kernel);
    const path = [{ type: module.count - 1, index: 0 }];
    const small = minimiseBtf(module, [{ what: 'field', type: module.count - 1, path }]);
    expect(small.base).toBeUndefined();
    expect(lines(small).map((line) => line.slice(0, 18))).toEqual([
      "[1] INT 'int' size",
      "[2] STRUCT 'mine' ",
      "\t'x' type_id=1 bit",
    ]);
  });

  test('but refuses a path that is none', () => {
    const path = [{ type: 9, index: 0 }];
    expect(() => minimiseBtf(kernel, [{ what: 'field', type: 2, path }])).toThrow(FormatError);
  });
});

describe('relocating against what is left gives the same instructions', () => {
  test.each(fixtures.filter((name) => !/no-debug|bpfeb/.test(name)))('for %s', async (name) => {
    const kernel = await loadKernelProfile();
    const bytes = fixture(name);
    const small = minimiseBtf(kernel.btf(), coreUses(bytes, kernel.btf()));
    expect(writeBtf(small).length).toBeLessThan(4000);
    const object = parseObject(bytes);
    const reduced = { ...kernel, btf: () => small, modules: [] };
    for (const program of object.programs) {
      // Externs name the kernel's types too, which a minimised BTF is not for.
      const own = { ...object, externs: [] };
      const plain = {
        ...program,
        relocations: program.relocations.filter(({ kind }) => kind !== 'extern'),
        coreRelocations: program.coreRelocations.filter(({ kind }) => kind !== 'target_type_id'),
      };
      const before = decodeCode(relocateProgram(own, plain, kernel).insns);
      const after = decodeCode(relocateProgram(own, plain, reduced).insns);
      expect(after).toEqual(before);
    }
  });
});

describe('coreUses', () => {
  test('refuses objects without types or relocations to read', () => {
    const kernel = build([int()]);
    expect(() => coreUses(fixture('no-debug.bpf.o'), kernel)).toThrow(/has no .BTF section/);
    expect(() => coreUses(new Uint8Array(8), kernel)).toThrow(FormatError);
  });

  test('of what the kernel does not have is nothing', () => {
    expect(coreUses(fixture('core.bpf.o'), build([int()]))).toEqual([]);
  });
});
