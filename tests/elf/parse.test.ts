import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { parseElf, readRelocations } from '../../src/elf/index.ts';
import { fixture } from '../fixtures/read.ts';

const counter = fixture('counter.bpf.o');

function changed(offset: number, ...values: number[]): Uint8Array {
  const bytes = counter.slice();
  bytes.set(values, offset);
  return bytes;
}

function errorOf(run: () => unknown): FormatError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    return error as FormatError;
  }
  throw new Error('nothing was thrown');
}

describe('parseElf', () => {
  test('reads sections with their bytes, and leaves .bss without', () => {
    const elf = parseElf(counter);
    const named = (name: string) => elf.sections.find((section) => section.name === name)!;
    expect(elf.machine).toBe(247);
    expect(elf.littleEndian).toBe(true);
    expect(new TextDecoder().decode(named('license').data)).toBe('MIT\0');
    expect([...named('.data').data]).toEqual([0x78, 0x56, 0x34, 0x12, 5, 0, 0, 0]);
    expect(named('.bss')).toMatchObject({ size: 8, data: new Uint8Array(0) });
  });

  test('reads big-endian files', () => {
    const elf = parseElf(fixture('counter.bpfeb.o'));
    expect(elf.littleEndian).toBe(false);
    expect(elf.symbols.find(({ name }) => name === 'count')).toMatchObject({
      type: 'function',
      binding: 'global',
      size: 600,
    });
  });

  test('tells visibility and binding of symbols', () => {
    const { symbols } = parseElf(fixture('subprograms.bpf.o'));
    const named = (name: string) => symbols.find((symbol) => symbol.name === name);
    expect(named('hidden_function')).toMatchObject({ binding: 'global', visibility: 'hidden' });
    expect(named('leaf')).toMatchObject({ binding: 'local', visibility: 'default' });
  });

  test.each([
    ['an empty file', new Uint8Array(0), 0],
    ['a text file', new TextEncoder().encode('#include <stdio.h>\n'), 0],
    ['ELF32', changed(4, 1), 4],
    ['an unknown byte order', changed(5, 3), 5],
    ['an unknown version', changed(6, 9), 6],
    ['small section headers', changed(58, 8, 0), 58],
    ['section headers outside', changed(40, 0xff, 0xff, 0xff, 0), 0xffffff + 4],
    ['section names that do not exist', changed(62, 0xf0, 0), 62],
  ])('refuses %s with the offset', (_, bytes, offset) => {
    expect(errorOf(() => parseElf(bytes)).offset).toBe(offset);
  });

  test('says that ELF32 is what it does not read', () => {
    expect(() => parseElf(changed(4, 1))).toThrow(/32-bit ELF/);
  });

  test('keeps addresses above 2^53', () => {
    const { sections, symbols } = parseElf(counter);
    const table = sections.find(({ type }) => type === 2)!;
    const at = table.offset + 24 * symbols.findIndex(({ name }) => name === 'seen') + 8;
    const kernel = parseElf(changed(at, 0x10, 0x32, 0x54, 0x76, 0x98, 0xff, 0xff, 0xff));
    expect(kernel.symbols.find(({ name }) => name === 'seen')!.address).toBe(0xffffff9876543210n);
  });

  test('refuses every truncation', () => {
    for (let size = 0; size < counter.length; size += 7) {
      expect(() => parseElf(counter.slice(0, size))).toThrow(FormatError);
    }
  });

  test('refuses relocations of symbols that do not exist', () => {
    const elf = parseElf(counter);
    const table = elf.sections.find(({ name }) => name === '.relxdp')!;
    const bytes = changed(table.offset + 12, 0xff, 0xff);
    const broken = parseElf(bytes);
    const error = errorOf(() => readRelocations(broken, broken.sections[table.index]!));
    expect(error.offset).toBe(table.offset);
  });
});
