import { describe, expect, test } from 'vitest';
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_JMP,
  BPF_JMP32,
  classOf,
  INSN_TABLE,
  insnByName,
  insnInfo,
} from '../../src/isa/index.ts';

/** The opcodes of RFC 9669's appendix, and 0xe5 (may_goto) and 0x8d (callx) which it lacks. */
const OPCODES = `
  04 05 06 07 0c 0f 14 15 16 17 18 1c 1d 1e 1f 20 24 25 26 27 28 2c 2d 2e 2f 30 34 35 36 37 3c 3d
  3e 3f 40 44 45 46 47 48 4c 4d 4e 4f 50 54 55 56 57 5c 5d 5e 5f 61 62 63 64 65 66 67 69 6a 6b 6c
  6d 6e 6f 71 72 73 74 75 76 77 79 7a 7b 7c 7d 7e 7f 81 84 85 87 89 8d 91 94 95 97 9c 9f a4 a5 a6
  a7 ac ad ae af b4 b5 b6 b7 bc bd be bf c3 c4 c5 c6 c7 cc cd ce cf d4 d5 d6 d7 db dc dd de e5`
  .trim()
  .split(/\s+/);

const userRows = INSN_TABLE.filter((info) => info.kind !== 'internal');

describe('the table', () => {
  test('has every opcode of RFC 9669 and no other', () => {
    const found = new Set(userRows.map(({ op }) => op.toString(16).padStart(2, '0')));
    expect([...found].sort()).toEqual(OPCODES);
  });

  test('has unique names', () => {
    expect(new Set(INSN_TABLE.map(({ name }) => name)).size).toBe(INSN_TABLE.length);
  });

  test('tells rows of one opcode apart by their selecting field', () => {
    for (const op of new Set(INSN_TABLE.map((info) => info.op))) {
      const rows = INSN_TABLE.filter((info) => info.op === op);
      const selectors = new Set(rows.map((info) => info.select));
      expect(selectors.size, `opcode ${op}`).toBe(1);
      const select = rows[0]!.select;
      if (rows.length === 1) continue;
      expect(select).toBeDefined();
      const values = rows.map((info) => info[select!]);
      expect(new Set(values).size).toBe(rows.length);
      for (const value of values) expect(value).toBeTypeOf('number');
    }
  });

  test('holds as many variants per family as RFC 9669 lists', () => {
    const count = (kind: string) => userRows.filter((info) => info.kind === kind).length;
    expect(count('alu')).toBe(14 * 4);
    expect(count('movsx')).toBe(5);
    expect(count('end')).toBe(9);
    expect(count('jump')).toBe(11 * 4);
    expect(count('atomic')).toBe(20);
    expect(count('ld_imm64')).toBe(7);
    expect([count('load'), count('load_sx'), count('store_imm'), count('store_reg')]).toEqual([
      4, 3, 4, 4,
    ]);
  });

  test('agrees with the class of the opcode about the width', () => {
    for (const info of userRows) {
      if (!['alu', 'neg', 'movsx', 'jump'].includes(info.kind)) continue;
      const wide: Record<number, number> = {
        [BPF_ALU64]: 64,
        [BPF_JMP]: 64,
        [BPF_ALU]: 32,
        [BPF_JMP32]: 32,
      };
      expect(info.bits, info.name).toBe(wide[classOf(info.op)]);
    }
  });

  test('names the CPU version as clang -mcpu does', () => {
    const cpu = (name: string) => insnByName(name)?.cpu;
    expect(cpu('add64')).toBe(1);
    expect(cpu('jlt64')).toBe(2);
    expect(cpu('jeq32_k')).toBe(3);
    expect(cpu('atomic64_add')).toBe(1);
    expect(cpu('atomic64_xchg')).toBe(3);
    for (const name of ['sdiv64', 'smod32_k', 'movsx64_32', 'ldxsb', 'bswap64', 'ja32']) {
      expect(cpu(name), name).toBe(4);
    }
  });
});

describe('insnInfo', () => {
  test.each([
    [0x37, 0, 0, 3, 'div64_k'],
    [0x37, 1, 0, 3, 'sdiv64_k'],
    [0xbf, 0, 2, 0, 'mov64'],
    [0xbf, 8, 2, 0, 'movsx64_8'],
    [0xbf, 1, 2, 0x10000, 'addr_space_cast'],
    [0xdb, -8, 2, 0xf1, 'atomic64_cmpxchg'],
    [0xc3, 4, 2, 0x41, 'atomic32_fetch_or'],
    [0x85, 0, 0, 5, 'call_helper'],
    [0x85, 0, 1, 5, 'call_local'],
    [0x85, 3, 2, 5, 'call_kfunc'],
    [0x18, 0, 6, 5, 'ld_map_idx_value'],
    [0xd7, 0, 0, 32, 'bswap32'],
    [0x06, 0, 0, -70000, 'ja32'],
  ])('%i off %i src %i imm %i is %s', (op, off, src, imm, name) => {
    expect(insnInfo(op, off, src, imm)?.name).toBe(name);
  });

  test('knows nothing else', () => {
    expect(insnInfo(0x37, 2, 0, 3)).toBeUndefined();
    expect(insnInfo(0xdf, 0, 0, 16)).toBeUndefined();
    expect(insnInfo(0x00)).toBeUndefined();
    expect(insnInfo(0x05, 1, 1, 0)).toBeUndefined();
  });
});
