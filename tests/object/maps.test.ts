import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import type { MapSpec } from '../../src/object/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { fixture } from '../fixtures/read.ts';

function map(file: string, name: string): MapSpec {
  return parseObject(fixture(file)).maps.find((each) => each.name === name)!;
}

describe('maps of .maps', () => {
  test('have sizes from types, flags and pinning', () => {
    const { btf } = parseObject(fixture('counter.bpf.o'));
    const flows = map('counter.bpf.o', 'flows');
    expect(flows).toMatchObject({
      type: 'hash',
      typeId: 1,
      keySize: 8,
      valueSize: 32,
      maxEntries: 1024,
      flags: 1,
      extra: 0n,
      pinning: 'by_name',
    });
    expect(btf!.type(flows.keyTypeId).name).toBe('flow');
    expect(btf!.type(flows.valueTypeId).name).toBe('stats');
  });

  test('may have no key, extra bits, a memory node', () => {
    expect(map('nested-maps.bpf.o', 'filter')).toMatchObject({
      type: 'bloom_filter',
      keySize: 0,
      valueSize: 4,
      flags: 4,
      extra: 3n,
      numaNode: 1,
    });
  });

  test('hold inner maps by template and by slot', () => {
    const outer = map('nested-maps.bpf.o', 'outer');
    expect(outer).toMatchObject({ type: 'array_of_maps', keySize: 4, valueSize: 4, maxEntries: 8 });
    expect(outer.inner).toMatchObject({ name: 'outer.inner', type: 'array', valueSize: 8 });
    expect(outer.initialSlots).toEqual([
      { slot: 1, name: 'inner_b', kind: 'map' },
      { slot: 4, name: 'inner_a', kind: 'map' },
    ]);
    const byName = map('nested-maps.bpf.o', 'by_name');
    expect(byName.initialSlots).toBeUndefined();
    expect(byName.inner).toMatchObject({ type: 'hash', keySize: 8, valueSize: 12, maxEntries: 16 });
  });

  test('hold programs for tail calls', () => {
    expect(map('nested-maps.bpf.o', 'calls')).toMatchObject({
      type: 'prog_array',
      valueSize: 4,
      initialSlots: [
        { slot: 0, name: 'entry', kind: 'program' },
        { slot: 3, name: 'target', kind: 'program' },
      ],
    });
  });

  test('with fields nobody knows are refused, with the place in the file', () => {
    const bytes = fixture('counter.bpf.o');
    const text = new TextDecoder('latin1').decode(bytes);
    const section = parseElf(bytes).sections.find(({ name }) => name === '.BTF')!;
    bytes[text.indexOf('\0max_entries\0', section.offset) + 1] = 'w'.charCodeAt(0);
    try {
      parseObject(bytes);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
      const { reason, offset } = error as FormatError;
      expect(reason).toMatch(/map 'flows': field 'wax_entries' is not known/);
      expect(offset).toBeGreaterThan(section.offset);
      expect(offset).toBeLessThan(section.offset + section.size);
    }
  });

  test('are listed in the order of their section', () => {
    expect(parseObject(fixture('nested-maps.bpf.o')).maps.map(({ name }) => name)).toEqual([
      'inner_b',
      'inner_a',
      'outer',
      'calls',
      'by_name',
      'filter',
    ]);
  });
});

describe('maps of data sections', () => {
  test('hold the initial values of globals', () => {
    const { maps } = parseObject(fixture('counter.bpf.o'));
    const data = maps.filter(({ dataSection }) => dataSection);
    expect(
      data.map(({ name, dataSection, valueSize, flags }) => [name, dataSection, valueSize, flags]),
    ).toEqual([
      // 0x80 is BPF_F_RDONLY_PROG, 0x400 BPF_F_MMAPABLE.
      ['.rodata', 'rodata', 4, 0x480],
      ['.data', 'data', 8, 0x400],
      ['.data.custom', 'data', 2, 0x400],
      ['.rodata.str1.1', 'rodata', 63, 0x80],
      ['.bss', 'bss', 8, 0x400],
    ]);
    expect(data[0]).toMatchObject({ type: 'array', keySize: 4, maxEntries: 1 });
    expect([...data[0]!.initialValue!]).toEqual([7, 0, 0, 0]);
    expect(new TextDecoder().decode(data[3]!.initialValue)).toMatch(/^a text that is long/);
    // Zeros are not in the file, nor here.
    expect(data[4]!.initialValue).toBeUndefined();
  });

  test('are described by the datasec with the places filled in', () => {
    const { btf, maps } = parseObject(fixture('counter.bpf.o'));
    const data = maps.find(({ name }) => name === '.data')!;
    const datasec = btf!.type(data.valueTypeId);
    if (datasec.kind !== 'datasec') throw new Error('not a datasec');
    const vars = datasec.vars.map(({ type, offset, size }) => [btf!.type(type).name, offset, size]);
    expect(datasec.size).toBe(8);
    expect(vars).toEqual([
      ['seed', 0, 4],
      ['hidden', 4, 4],
    ]);
  });

  test('of the same name in several sections get names of their own', () => {
    const bytes = fixture('counter.bpf.o');
    const { sections } = parseElf(bytes);
    const place = (name: string) => {
      const at = new DataView(bytes.buffer).getUint32(40, true);
      return at + 64 * sections.findIndex((section) => section.name === name);
    };
    // The name of .data.custom becomes .data: the name offset is the first word of a header.
    bytes.set(bytes.subarray(place('.data'), place('.data') + 4), place('.data.custom'));
    const { maps, programs } = parseObject(bytes);
    const names = maps.filter(({ dataSection }) => dataSection === 'data').map(({ name }) => name);
    expect(names).toEqual(['.data', '.data#7']);
    expect(programs[0]!.relocations).toContainEqual({
      kind: 'map_value',
      insn: 48,
      map: '.data#7',
      offset: 0,
    });
  });

  test('do not share bytes with the file', () => {
    const bytes = fixture('counter.bpf.o');
    const { maps } = parseObject(bytes);
    bytes.fill(0xff);
    expect([...maps.find(({ name }) => name === '.data.custom')!.initialValue!]).toEqual([
      0xef, 0xbe,
    ]);
  });
});

describe('legacy maps', () => {
  test.each(['legacy-maps.bpf.o', 'no-debug.bpf.o'])('are read from %s', (file) => {
    expect(map(file, 'counts')).toMatchObject({
      type: 'percpu_array',
      keySize: 4,
      valueSize: 8,
      maxEntries: 256,
      flags: 0,
      legacy: true,
    });
    expect(map(file, 'names')).toMatchObject({
      type: 'hash',
      keySize: 16,
      maxEntries: 64,
      flags: 1,
    });
  });

  test('have types by the naming convention', () => {
    const { btf } = parseObject(fixture('legacy-maps.bpf.o'));
    expect(btf!.type(map('legacy-maps.bpf.o', 'counts').valueTypeId).name).toBe('__u64');
    expect(map('legacy-maps.bpf.o', 'names').valueTypeId).toBe(0);
  });

  test('may be longer than bpf_map_def, which is noted', () => {
    expect(map('long-maps.bpf.o', 'first')).toMatchObject({ type: 'array', maxEntries: 10 });
    expect(map('long-maps.bpf.o', 'second')).toMatchObject({
      type: 'hash',
      valueSize: 16,
      flags: 1,
    });
    expect(parseObject(fixture('long-maps.bpf.o')).notes).toEqual([
      "map definitions in 'maps' have 28 bytes; only the first 20 are read",
    ]);
  });
});

describe('special maps', () => {
  const { btf } = parseObject(fixture('special.bpf.o'));

  test('struct_ops tables name their programs and keep other values', () => {
    const table = map('special.bpf.o', 'table');
    expect(table).toMatchObject({
      type: 'struct_ops',
      keySize: 4,
      valueSize: 24,
      maxEntries: 1,
      // BPF_F_LINK, for .struct_ops.link
      flags: 0x2000,
      initialSlots: [
        { slot: 0, name: 'first_operation', kind: 'program' },
        { slot: 2, name: 'second_operation', kind: 'program' },
      ],
    });
    expect(btf!.type(table.valueTypeId).name).toBe('operations');
    expect(new DataView(table.initialValue!.buffer).getInt32(8, true)).toBe(42);
  });

  test('an arena has its 64-bit address and the values of its variables', () => {
    const arena = map('special.bpf.o', 'memory');
    expect(arena).toMatchObject({ type: 'arena', maxEntries: 16, extra: 0x100000000000n });
    expect(Array.from(arena.initialValue!)).toEqual([7, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe('hidden variables', () => {
  const MMAPABLE = 1 << 10;
  const HIDDEN = 2;

  /** counter.bpf.o with `seen`, the only variable of .bss, hidden from other objects. */
  function hideSeen(): Uint8Array {
    const bytes = fixture('counter.bpf.o').slice();
    const { sections, symbols } = parseElf(bytes);
    const table = sections.find(({ name }) => name === '.symtab')!;
    const index = symbols.findIndex(({ name }) => name === 'seen');
    bytes[table.offset + index * 24 + 5] = HIDDEN;
    return bytes;
  }

  test('are static, so their section is not mapped into user space', () => {
    const bss = (bytes: Uint8Array) => parseObject(bytes).maps.find(({ name }) => name === '.bss')!;
    expect(bss(fixture('counter.bpf.o')).flags & MMAPABLE).toBe(MMAPABLE);
    expect(bss(hideSeen()).flags & MMAPABLE).toBe(0);
    const { btf } = parseObject(hideSeen());
    const linkages = btf!.types.flatMap((type) =>
      type.kind === 'var' && type.name === 'seen' ? [type.linkage] : [],
    );
    expect(linkages).toEqual(['static']);
  });
});
