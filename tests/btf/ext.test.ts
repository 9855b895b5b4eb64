import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { parseBtf, parseBtfExt } from '../../src/btf/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { fixture } from '../fixtures/read.ts';

function sections(name: string) {
  const elf = parseElf(fixture(name));
  const data = (section: string) => elf.sections.find((each) => each.name === section)!.data;
  return { btf: parseBtf(data('.BTF')), ext: data('.BTF.ext') };
}

describe('parseBtfExt', () => {
  test('reads functions, lines and CO-RE relocations by section', () => {
    const { btf, ext } = sections('externs.bpf.o');
    const { functions, lines, coreRelocations } = parseBtfExt(ext, btf);
    expect(
      functions.map(({ section, offset, type }) => [section, offset, btf.type(type).name]),
    ).toEqual([['fentry.s/do_unlinkat', 0, 'traced']]);
    expect(lines[0]).toMatchObject({ section: 'fentry.s/do_unlinkat', file: './externs.bpf.c' });
    expect(coreRelocations).toHaveLength(1);
    const [pid] = coreRelocations;
    expect(pid).toMatchObject({ section: 'fentry.s/do_unlinkat', kind: 'byte_off', access: '0:0' });
    expect(btf.type(pid!.type)).toMatchObject({ kind: 'struct', name: 'task_struct' });
  });

  test('reads big-endian sections', () => {
    const { btf, ext } = sections('counter.bpfeb.o');
    expect(parseBtfExt(ext, btf).lines.map(({ text }) => text.trim())).toContain(
      'seen += hidden++;',
    );
  });

  test.each([
    ['another magic', 0, 0x12],
    ['another version', 2, 9],
    ['a short header', 4, 4],
    ['a table outside', 12, 0xff],
    ['more records than fit', 40, 0xff],
    ['a function that is none', 48, 1],
  ])('refuses %s', (_, offset, value) => {
    const { btf, ext } = sections('subprograms.bpf.o');
    const bytes = ext.slice();
    bytes.fill(value, offset, offset + 1);
    if (offset === 40 || offset === 12) bytes.fill(value, offset, offset + 3);
    expect(() => parseBtfExt(bytes, btf)).toThrow(FormatError);
  });

  test('refuses a section of records too small to be any', () => {
    const { btf, ext } = sections('subprograms.bpf.o');
    const bytes = ext.slice();
    new DataView(bytes.buffer).setUint32(32, 4, true);
    expect(() => parseBtfExt(bytes, btf)).toThrow(/records of 4 bytes/);
  });
});
