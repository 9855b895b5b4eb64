import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { createMachine, type EngineName } from '../../src/index.ts';
import { LinkError, linkObjects, parseObject } from '../../src/object/index.ts';
import { fixture, fixtures } from '../fixtures/read.ts';
import { linked, linkInputs, loadedParts } from './linked.ts';

const whole = parseObject(linked('app', 'library'));
const symbolsOf = (bytes: Uint8Array) => parseElf(bytes).symbols;
const symbol = (bytes: Uint8Array, name: string) =>
  symbolsOf(bytes).filter((each) => each.name === name);

describe('a program, its functions, maps and globals from two objects', () => {
  const engines: readonly EngineName[] = ['interpreter', 'wasm'];

  // As app.bpf.c and library.bpf.c say: 20, 300, 4000 are the app's table, 9 and 900 the library's.
  const classOf = (length: number): number => (length + 900 > 1000 ? 2 : 1);
  const totalOf = (packets: number, length: number): bigint =>
    BigInt(packets + 4 * 300 + (length * 20 + 4000) * 5 + 60);

  test.each(engines)('is verified and runs (%s)', async (engine) => {
    using host = await createMachine({ engine });
    const { programs, maps, globals } = await host.load(linked('app', 'library'));
    for (const [i, length] of [60, 100, 101, 1000].entries()) {
      const { verdict } = programs.count!.run({ data: new Uint8Array(length) });
      expect(verdict).toBe(classOf(length) === 1 ? 'pass' : 'tx');
      expect(globals.get('total')).toBe(totalOf(i + 1, length));
    }
    expect([1, 2].map((key) => maps.counts!.get(key))).toEqual([2n, 2n]);
    expect(maps.seen!.get(1000)).toEqual({ step: 7, name: 'library' });
    // scale + odd[1] + the loopback device's index + the library's 900.
    expect(programs.also!.run({ data: new Uint8Array(64) }).returnValue).toBe(5 + 2 + 1 + 900);
  });

  test.each(engines)('in the other order the other weak function counts (%s)', async (engine) => {
    using host = await createMachine({ engine });
    const { programs } = await host.load(linked('library', 'app'));
    const { returnValue } = programs.count!.run({ data: new Uint8Array(60) });
    expect(returnValue).toBe(1 + 100);
  });
});

describe('sections', () => {
  test('of one name lie one behind the other, aligned', () => {
    const bss = symbol(linked('app', 'library'), 'flag')[0]!;
    expect(bss.value).toBe(8);
    const sections = parseElf(linked('library', 'app')).sections;
    const data = sections.find(({ name }) => name === '.data')!;
    // odd (3), config at 4, scale, tuned, the library's table; then the app's tuned and table.
    expect([data.align, data.size]).toEqual([4, 4 + 16 + 4 + 4 + 12 + 4 + 16]);
    expect(sections.find(({ name }) => name === '.bss')!.size).toBe(16);
  });

  test('that all have in common are there once', () => {
    const { sections } = parseElf(linked('app', 'library'));
    const license = sections.filter(({ name }) => name === 'license');
    expect(license.map(({ data }) => new TextDecoder().decode(data))).toEqual(['GPL\0']);
    expect(whole.license).toBe('GPL');
  });

  test('of DWARF and tables of the compiler are left out', () => {
    const names = parseElf(linked('app')).sections.map(({ name }) => name);
    expect(parseElf(fixture('link/app.bpf.o')).sections.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['.debug_info', '.llvm_addrsig']),
    );
    expect(names).toEqual([
      '',
      '.strtab',
      '.symtab',
      '.text',
      'xdp',
      '.rodata',
      '.data',
      '.maps',
      '.bss',
      'license',
      '.rel.text',
      '.relxdp',
      '.BTF',
      '.BTF.ext',
    ]);
  });
});

describe('symbols', () => {
  test('of externs and definitions become one', () => {
    for (const name of ['classify', 'seen', 'counts', 'config', 'scale', 'limit', '_license']) {
      const found = symbol(linked('app', 'library'), name);
      expect(found).toHaveLength(1);
      expect(found[0]).toMatchObject({ binding: 'global', visibility: 'default' });
      expect(found[0]!.section).toBeGreaterThan(0);
    }
  });

  test('that are static stay apart, also when they have one name', () => {
    const found = symbol(linked('app', 'library'), 'same_name');
    expect(found).toHaveLength(2);
    expect(new Set(found.map(({ value }) => value)).size).toBe(2);
    const { functions } = whole.programs.find(({ name }) => name === 'count')!;
    expect(functions.filter(({ name }) => name === 'same_name')).toHaveLength(2);
  });

  test('that are strong win over weak ones, wherever they stand', () => {
    for (const order of [
      ['app', 'library'],
      ['library', 'app'],
    ]) {
      const [policy] = symbol(linked(...order), 'policy');
      expect(policy).toMatchObject({ binding: 'global', type: 'function', size: 32 });
    }
  });

  test('are hidden if one input hides them, and weak if all say so', () => {
    const [fallback] = symbol(linked('app', 'library'), 'fallback');
    expect(fallback).toMatchObject({ binding: 'weak', visibility: 'hidden', value: 0 });
  });

  test('stand once for a section', () => {
    const { sections, symbols } = parseElf(linked('app', 'library'));
    const found = symbols.filter(({ type }) => type === 'section').map(({ section }) => section);
    expect(found).toEqual([...new Set(found)]);
    expect(found.map((index) => sections[index]!.name)).toEqual(['.text', 'xdp', '.data']);
  });

  test('that nobody defines stay externs', () => {
    for (const name of ['classify', 'scale', 'seen']) {
      const [found] = symbol(linked('app'), name);
      expect(found).toMatchObject({ section: 0, value: 0, type: 'none', binding: 'global' });
    }
    expect(() => parseObject(linked('app'))).toThrow("nothing defines 'classify'");
  });

  test('that stayed externs are resolved by a later link', () => {
    const half = { name: 'half.o', bytes: linked('app') };
    const later = linkObjects([half, ...linkInputs('library')]);
    expect(loadedParts(parseObject(later))).toBe(loadedParts(whole));
  });
});

describe('types', () => {
  test('that both have are there once', () => {
    for (const [kind, name] of [
      ['struct', 'xdp_md'],
      ['struct', 'config'],
      ['int', 'unsigned int'],
      ['func', 'classify'],
      ['var', 'config'],
    ] as const) {
      expect(whole.btf!.findAll(kind, name), name).toHaveLength(1);
    }
  });

  test('that were declared only are those of the definition', () => {
    const { btf } = whole;
    const classify = btf!.type(btf!.find('func', 'classify')!);
    if (classify.kind !== 'func') throw new Error('no func');
    expect(classify.linkage).toBe('global');
    const proto = btf!.type(classify.type);
    if (proto.kind !== 'func_proto') throw new Error('no prototype');
    // A declaration has no names of parameters.
    expect(proto.params.map(({ name }) => name)).toEqual(['ctx', 'secret', 'length']);
    expect(btf!.find('fwd', 'secret')).toBeUndefined();
    expect(btf!.sizeOf(btf!.find('struct', 'secret')!)).toBe(8);
  });

  test('say where variables are, also when the declaration came first', () => {
    const types = whole.btf!;
    for (const section of ['.maps', '.data', '.bss']) {
      const datasec = types.type(types.find('datasec', section)!);
      if (datasec.kind !== 'datasec') throw new Error('no datasec');
      const places = datasec.vars.map(({ type, offset }) => [types.type(type).name, offset]);
      const globals = symbolsOf(linked('app', 'library'));
      for (const [name, offset] of places) {
        const at = globals.filter((each) => each.name === name).map(({ value }) => value);
        expect(at, String(name)).toContain(offset);
      }
    }
  });

  test('describe the functions and lines of both', () => {
    const { lines, functions, described } = whole.programs.find(({ name }) => name === 'count')!;
    expect(described).toBe(true);
    expect(new Set(lines.map(({ file }) => file.replace(/^.*\//, '')))).toEqual(
      new Set(['app.bpf.c', 'library.bpf.c']),
    );
    for (const { name, btfId } of functions) expect(whole.btf!.type(btfId).name).toBe(name);
  });
});

describe.each([
  ['moved-weak', 'moved-strong'],
  ['moved-strong', 'moved-weak'],
])('a weak variable of %s and %s that is strong in another section', (...names) => {
  const bytes = linked(...names);

  test('is where the strong one is', async () => {
    const { btf } = parseObject(bytes);
    const listed = ['.data', '.bss'].map((name) => {
      const datasec = btf!.type(btf!.find('datasec', name)!);
      return datasec.kind === 'datasec'
        ? datasec.vars.map(({ type, offset }) => `${btf!.type(type).name} ${offset}`)
        : [];
    });
    expect(listed).toEqual([
      ['first 0', 'last 8'],
      ['before 0', 'moved 4'],
    ]);
    using host = await createMachine();
    const { programs, globals } = await host.load(bytes);
    expect(programs.sum!.run({ data: new Uint8Array(64) }).returnValue).toBe(1 + 0 + 3);
    globals.set('moved', 10);
    expect(programs.sum!.run({ data: new Uint8Array(64) }).returnValue).toBe(1 + 10 + 3);
  });
});

describe('names the kernel defines', () => {
  const object = parseObject(linked('kernel-first', 'kernel-second'));

  test('are externs once', () => {
    expect(object.externs.map(({ name, kind }) => [name, kind])).toEqual([
      ['CONFIG_HZ', 'kconfig'],
      ['kernel_function', 'ksym_function'],
      ['kernel_symbol', 'ksym_variable'],
    ]);
    expect(object.btf!.findAll('datasec', '.ksyms')).toHaveLength(1);
  });

  test('are used by the programs of both, with their CO-RE places', () => {
    expect(object.programs.map(({ name }) => name)).toEqual(['first', 'second']);
    for (const { relocations, coreRelocations } of object.programs) {
      expect(relocations).toHaveLength(3);
      expect(coreRelocations).toHaveLength(1);
      const task = object.btf!.type(coreRelocations[0]!.type);
      expect(task).toMatchObject({ kind: 'struct', name: 'task_struct' });
    }
  });
});

describe('inputs that do not go together', () => {
  const together = (...names: string[]) => {
    try {
      linked('app', 'library', ...names);
    } catch (error) {
      if (error instanceof LinkError) return error;
      throw error;
    }
    throw new Error('they were linked');
  };

  test.each([
    [
      'conflict-function',
      /'classify' .* than in library.bpf.o: one takes 3 parameters, the other 2/,
    ],
    ['conflict-variable', /'scale' .* 'int' of 4 bytes in one, 'long' of 8 in the other/],
    ['conflict-struct', /member 1 of struct 'config' is 'name' in one, 'title' in the other/],
    [
      'conflict-map',
      /map 'seen' .* than in library.bpf.o: value_size is 16 in one, 8 in the other/,
    ],
    ['conflict-section', /section '.maps' has flags A, in the inputs before it has WA/],
    ['conflict-license', /section 'license' holds "Proprietary", in the inputs before "GPL"/],
    ['library', /'also' is defined here and in library.bpf.o, both strong/],
    ['no-types', /the object has no BTF, .* link its symbol 'fallback'/],
    ['app.bpfeb.o', /is big-endian, app.bpf.o is little-endian/],
  ])('%s: what, where, why and what to do', (name, message) => {
    const error = together(name);
    expect(error.message).toMatch(message);
    expect(error.file).toMatch(name);
    expect(error.advice).toMatch(/^[A-Z].*\.$/);
    const { bytes } = linkInputs(name)[0]!;
    expect(error.offset).toBeLessThan(bytes.length);
  });

  test.each([
    [
      ['kernel-first', 'kernel-own'],
      /'kernel_function' is in '.text' here, and declared to be in '.ksyms' in kernel-first/,
    ],
    [
      ['kernel-own', 'kernel-first'],
      /'kernel_function' is declared to be in '.ksyms' here, and in '.text' in kernel-own/,
    ],
  ])('%s: one says the kernel defines what the other defines', (names, message) => {
    expect(() => linked(...names)).toThrow(message);
    expect(() => linked(...names)).toThrow(LinkError);
  });

  test('of bpf-gcc 12: its BTF does not name functions', () => {
    const bytes = fixture('gcc.bpf.o');
    expect(() => linkObjects([{ name: 'gcc.bpf.o', bytes }])).toThrow(
      /gcc.bpf.o: BTF does not describe the global symbol .* Compile with clang/,
    );
  });

  test('another machine, an executable, no object at all', () => {
    const bytes = fixture('link/app.bpf.o');
    const changed = (at: number, value: number): Uint8Array => {
      const copy = bytes.slice();
      copy[at] = value;
      return copy;
    };
    const link = (name: string, input: Uint8Array) => () => linkObjects([{ name, bytes: input }]);
    expect(link('x86.o', changed(18, 62))).toThrow(/x86.o: machine 62 is not BPF/);
    expect(link('run', changed(16, 2))).toThrow(/run: type 2 is not a relocatable object/);
    expect(link('a.txt', new TextEncoder().encode('text'))).toThrow(FormatError);
    expect(() => linkObjects([])).toThrow(/nothing to link/);
  });
});

describe('a single object', () => {
  const singles = fixtures.filter((name) => !['no-debug.bpf.o', 'gcc.bpf.o'].includes(name));

  test.each(singles)('%s loses nothing that is loaded', (name) => {
    const before = parseObject(fixture(name));
    const after = parseObject(linkObjects([{ name, bytes: fixture(name) }]));
    expect(loadedParts(after)).toBe(loadedParts(before));
  });

  test('that was linked has its final form when it is linked once more', () => {
    for (const names of [['app', 'library'], ['kernel-first', 'kernel-second'], ['app']]) {
      const again = linkObjects([{ name: 'once.o', bytes: linked(...names) }]);
      expect(linkObjects([{ name: 'again.o', bytes: again }])).toEqual(again);
      // Only the names of sections and symbols come in another order.
      expect(again).toHaveLength(linked(...names).length);
    }
  });
});

test('big-endian objects are linked too', () => {
  const big = linked('app.bpfeb.o', 'library.bpfeb.o');
  expect(parseElf(big).littleEndian).toBe(false);
  const object = parseObject(big);
  const pick = ({ programs }: typeof object) =>
    programs.map(({ name, functions, relocations }) => ({
      name,
      relocations,
      functions: functions.map(({ name: fn, start, size }) => ({ fn, start, size })),
    }));
  expect(pick(object)).toEqual(pick(whole));
});

test('the same inputs give the same bytes', () => {
  expect(linked('app', 'library')).toEqual(linked('app', 'library'));
});

test('the inputs are not changed', () => {
  const inputs = linkInputs('app', 'library');
  linkObjects(inputs);
  expect(inputs).toEqual(linkInputs('app', 'library'));
});
