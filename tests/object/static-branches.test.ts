import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { parseElf } from '../../src/elf/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { fixture } from '../fixtures/read.ts';

const good = fixture('static-keys.bpf.o');
const elf = parseElf(good);
const section = (name: string) => elf.sections.find((one) => one.name === name)!;
const table = section('.static_branches');
const relocations = section('.rel.static_branches');

/** A copy in which something was changed. */
function changed(change: (view: DataView) => void): Uint8Array {
  const bytes = good.slice();
  change(new DataView(bytes.buffer));
  return bytes;
}

/** Sets a field of a section's header. */
const setHeader = (view: DataView, index: number, field: number, value: number): void =>
  view.setBigUint64(
    Number(view.getBigUint64(0x28, true)) + 64 * index + field,
    BigInt(value),
    true,
  );
const SH_SIZE = 32;

describe('the table of static branches', () => {
  test('tells jumps, targets and keys of every program', () => {
    const { programs } = parseObject(good);
    const one = (name: string) => programs.find((program) => program.name === name);
    expect(one('one_key')!.staticBranches).toEqual([
      { insn: 0, target: 8, key: 'key1', inverse: false },
    ]);
    expect(one('functions')!.staticBranches!.map(({ key, inverse }) => [key, inverse])).toEqual([
      ['key1', false],
      ['key2', false],
      ['key1', true],
      ['key2', false],
    ]);
    expect(one('key_as_map')).not.toHaveProperty('staticBranches');
  });

  const damages: [string, RegExp, (view: DataView) => void][] = [
    ['is cut', /no multiple of 32/, (v) => setHeader(v, table.index, SH_SIZE, table.size - 8)],
    ['has flags', /flags 0x2 are not known/, (v) => v.setUint32(table.offset + 24, 2, true)],
    ['has high flags', /flags 0x1[0]+ are/, (v) => v.setUint32(table.offset + 28, 1, true)],
    ['is inside an instruction', /no instruction/, (v) => v.setUint32(table.offset, 12, true)],
    ['is outside', /no instruction/, (v) => v.setUint32(table.offset, 1 << 20, true)],
    ['is before', /no instruction/, (v) => v.setBigInt64(table.offset, -8n, true)],
    ['has a far target', /leaves 'one_key'/, (v) => v.setUint32(table.offset + 8, 25 * 8, true)],
    ['has no target', /no instruction/, (v) => v.setUint32(table.offset + 8, 9, true)],
    ['has half a key', /the key is no map/, (v) => v.setUint32(table.offset + 16, 4, true)],
    [
      'is not relocated',
      /no relocation of the jump/,
      (v) => {
        setHeader(v, relocations.index, SH_SIZE, relocations.size - 16);
        v.setBigUint64(relocations.offset, BigInt(table.size - 16), true);
      },
    ],
    [
      'is relocated twice',
      /a relocation too many/,
      (v) => v.setBigUint64(relocations.offset, 8n, true),
    ],
    [
      'has relocated flags',
      /a relocation too many/,
      (v) => v.setBigUint64(relocations.offset, 24n, true),
    ],
    [
      'jumps in a section of no code',
      /not in code/,
      (v) =>
        v.setBigUint64(relocations.offset + 8, v.getBigUint64(relocations.offset + 40, true), true),
    ],
  ];

  test.each(damages)('that %s is refused', (_, words, damage) => {
    const parse = () => parseObject(changed(damage));
    expect(parse).toThrow(FormatError);
    expect(parse).toThrow(words);
  });

  test('with bytes of it or of its relocations changed is read or refused', () => {
    let refused = 0;
    for (const { offset, size } of [table, relocations]) {
      for (let at = offset; at < offset + size; at += 7) {
        for (const value of [0x00, 0x01, 0x7f, 0xff]) {
          try {
            parseObject(changed((view) => view.setUint8(at, value)));
          } catch (error) {
            if (!(error instanceof FormatError)) throw error;
            refused++;
          }
        }
      }
    }
    expect(refused).toBeGreaterThan(80);
  });
});
