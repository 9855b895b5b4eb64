import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeRelocations,
  encodeSymbols,
  type NewSection,
  type NewSymbol,
  parseElf,
  readRelocations,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
  StringTable,
  writeElf,
} from '../../src/elf/index.ts';

const plain = { flags: 0, link: 0, info: 0, align: 1, entrySize: 0 };

/** A file with these sections behind its string table. */
function write(
  named: readonly (Omit<NewSection, 'nameOffset'> & { readonly name: string })[],
  littleEndian = true,
): Uint8Array {
  const names = new StringTable();
  const sections = named.map(({ name, ...rest }) => ({ ...rest, nameOffset: names.add(name) }));
  const own = { ...plain, type: SHT_STRTAB, nameOffset: names.add('.strtab') };
  const data = names.toBytes();
  return writeElf({
    littleEndian,
    machine: 247,
    sections: [{ ...own, data }, ...sections],
    names: 1,
  });
}

describe('a written file is read as it was meant', () => {
  const section = fc.record({
    name: fc.stringMatching(/^[.a-z_/0-9]{1,12}$/),
    type: fc.constant(SHT_PROGBITS),
    flags: fc.integer({ min: 0, max: 0x7fff_ffff }),
    link: fc.integer({ min: 0, max: 0xffff_ffff }),
    info: fc.integer({ min: 0, max: 0xffff_ffff }),
    align: fc.constantFrom(1, 2, 8, 64, 4096),
    entrySize: fc.integer({ min: 0, max: 2 ** 40 }),
    data: fc.uint8Array({ maxLength: 100 }),
  });

  test.each([true, false])('sections (little-endian: %s)', (littleEndian) => {
    fc.assert(
      fc.property(fc.array(section, { maxLength: 8 }), (sections) => {
        const elf = parseElf(write(sections, littleEndian));
        expect(elf).toMatchObject({ littleEndian, type: 1, machine: 247, entry: 0n, flags: 0 });
        expect(elf.sections.slice(2)).toMatchObject(
          sections.map(({ data, ...rest }) => ({ ...rest, data, size: data.length })),
        );
        for (const { align, offset } of elf.sections.slice(2)) expect(offset % align).toBe(0);
      }),
    );
  });

  test('memory without bytes takes no room in the file', () => {
    const bss = { ...plain, name: '.bss', type: SHT_NOBITS, data: 1e9 };
    const behind = { ...plain, name: '.data', type: SHT_PROGBITS, data: Uint8Array.of(1, 2) };
    const bytes = write([bss, behind]);
    expect(bytes.length).toBeLessThan(500);
    const { sections } = parseElf(bytes);
    expect(sections[2]).toMatchObject({ name: '.bss', size: 1e9, offset: sections[3]!.offset });
    expect(sections[3]!.data).toEqual(Uint8Array.of(1, 2));
  });

  const symbols: readonly NewSymbol[] = [
    symbol(0, 'file', 'local', 'default', 0xfff1, 0, 0),
    symbol(1, 'section', 'local', 'default', 2, 0, 0),
    symbol(1, 'function', 'global', 'hidden', 2, 8, 16),
    symbol(0, 'object', 'weak', 'protected', 2, 2 ** 52, 2 ** 40),
    symbol(0, 'none', 'global', 'internal', 0, 0, 0),
  ];

  test.each([true, false])('symbols and relocations (little-endian: %s)', (littleEndian) => {
    const relocations = [
      { offset: 0, type: 1, symbol: 3 },
      { offset: 8, type: 10, symbol: 5 },
    ];
    const elf = parseElf(
      write(
        [
          { ...plain, name: 'xdp', type: SHT_PROGBITS, data: new Uint8Array(24) },
          {
            ...plain,
            name: '.symtab',
            type: SHT_SYMTAB,
            link: 1,
            entrySize: 24,
            data: encodeSymbols(symbols, littleEndian),
          },
          {
            ...plain,
            name: '.relxdp',
            type: SHT_REL,
            link: 3,
            info: 2,
            entrySize: 16,
            data: encodeRelocations(relocations, littleEndian),
          },
        ],
        littleEndian,
      ),
    );
    expect(elf.symbols[0]).toMatchObject({ name: '', type: 'none', section: 0, value: 0 });
    expect(elf.symbols.slice(1)).toMatchObject(
      symbols.map(({ nameOffset, ...rest }) => ({ ...rest, name: nameOffset ? 'xdp' : '' })),
    );
    expect(readRelocations(elf, elf.sections[4]!)).toMatchObject(relocations);
  });
});

function symbol(
  nameOffset: number,
  type: NewSymbol['type'],
  binding: NewSymbol['binding'],
  visibility: NewSymbol['visibility'],
  section: number,
  value: number,
  size: number,
): NewSymbol {
  return { nameOffset, type, binding, visibility, section, value, size };
}

describe('a string table', () => {
  test('has each text once, in the order they came', () => {
    const table = new StringTable();
    const offsets = ['b', 'a', '', 'b', 'größe'].map((text) => table.add(text));
    expect(offsets).toEqual([1, 3, 0, 1, 5]);
    expect(new TextDecoder().decode(table.toBytes())).toBe('\0b\0a\0größe\0');
  });

  test('grows', () => {
    const table = new StringTable();
    const texts = Array.from({ length: 3000 }, (_, i) => `symbol_${i}`);
    const offsets = texts.map((text) => table.add(text));
    const text = new TextDecoder().decode(table.toBytes());
    for (const [i, offset] of offsets.entries()) {
      expect(text.slice(offset, text.indexOf('\0', offset))).toBe(texts[i]);
    }
  });
});
