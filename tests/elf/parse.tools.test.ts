import { describe, expect, test } from 'vitest';
import { parseElf, readRelocations, SHT_REL } from '../../src/elf/index.ts';
import { fixture, fixturePath, fixtures, hasTool, toolOutput } from '../fixtures/read.ts';

describe.skipIf(!hasTool('llvm-readelf-19'))('llvm-readelf agrees', () => {
  const read = (flag: string, name: string) =>
    toolOutput('llvm-readelf-19', '--wide', flag, fixturePath(name))!;

  test.each(fixtures)('on the sections of %s', (name) => {
    const rows = [
      ...read('-S', name).matchAll(/^ {2}\[ *(\d+)\] (\S*) +[A-Z]\S* +\S+ (\S+) (\S+)/gm),
    ];
    const expected = rows.map(([, , section, offset, size]) => [
      section,
      Number.parseInt(offset!, 16),
      Number.parseInt(size!, 16),
    ]);
    const found = parseElf(fixture(name)).sections.map((each) => [
      each.name,
      each.offset,
      each.size,
    ]);
    expect(found.length).toBeGreaterThan(5);
    expect(found.slice(1)).toEqual(expected.slice(-found.length + 1));
  });

  test.each(fixtures)('on the relocations of %s', (name) => {
    const expected = [...read('-r', name).matchAll(/^([0-9a-f]{16}) +([0-9a-f]{16}) R_BPF/gm)].map(
      ([, offset, info]) => [Number(`0x${offset}`), BigInt(`0x${info}`)],
    );
    const elf = parseElf(fixture(name));
    const found = elf.sections
      .filter(({ type }) => type === SHT_REL)
      .flatMap((section) => readRelocations(elf, section))
      .map(({ offset, type, symbol }) => [offset, (BigInt(symbol) << 32n) | BigInt(type)]);
    expect(found.length).toBeGreaterThan(0);
    expect(found).toEqual(expected);
  });
});
