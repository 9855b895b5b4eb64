import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import {
  assemble,
  encodeCode,
  gasListing,
  gasText,
  INSN_TABLE,
  type InsnInfo,
  kernelText,
} from '../../src/isa/index.ts';
import { hasTool, makeInsn, toHex } from './helpers.ts';
import { ASSEMBLER, listAssembly } from './llvm.ts';

const hexOf = (text: string) => toHex(encodeCode(assemble(text).code));

const any16 = fc.oneof(
  fc.constantFrom(0, 1, -1, 8, -8, 32767, -32768),
  fc.integer({ min: -32768, max: 32767 }),
);
const any32 = fc.oneof(fc.constantFrom(0, 1, -1, 0x7fffffff, -0x80000000), fc.integer());
const register = fc.nat(10);
const fields = fc.tuple(register, register, any16, any32);

// Texts that do not show all fields: every kind of call looks alike in LLVM's, ld_pseudo hides the
// high half, an indirect packet load its imm; the kernel's hides what kind of pointer is loaded.
const gasIsLossy = (info: InsnInfo) =>
  ['call_local', 'call_kfunc', 'ld_ind'].includes(info.kind) ||
  (info.kind === 'ld_imm64' && info.src !== 0);
const kernelIsLossy = (info: InsnInfo) =>
  ['callx', 'call_kfunc'].includes(info.kind) || (info.kind === 'ld_imm64' && info.src !== 0);

const cases = INSN_TABLE.map((info) => [info.name, info] as const);

describe('assemble reads back what the disassembler prints', () => {
  test.each(cases.filter(([, info]) => info.kind !== 'internal'))('LLVM text: %s', (_, info) => {
    fc.assert(
      fc.property(fields, (values) => {
        const insn = makeInsn(info, ...values);
        const text = gasText(insn, 0, { alu32: true });
        const again = assemble(text).code;
        expect(gasText(again, 0, { alu32: true })).toBe(text);
        if (!gasIsLossy(info)) expect(again).toEqual(insn);
      }),
      { numRuns: 40 },
    );
  });

  test.each(cases)('kernel text: %s', (_, info) => {
    fc.assert(
      fc.property(fields, (values) => {
        const insn = makeInsn(info, ...values);
        const text = kernelText(insn, 0);
        const again = assemble(text).code;
        expect(kernelText(again, 0)).toBe(text);
        if (!kernelIsLossy(info)) expect(again).toEqual(insn);
      }),
      { numRuns: 40 },
    );
  });
});

const PROGRAM = `
  start:                        // a label and a comment
    r1 = 5; w2 = -1             # two statements
    r3 = 0x123456789a ll
    r4 = *(u32 *)(r1 + 4)
    w4 = *(u16*)(r1 - 4)
    r4 = *(s8 *)(r10 - 0x8)
    *(u64 *)(r10 - 16) = 7
    *(u32 *)(r10 - 16) = w3
    *(u8 *)(r10 - 16) = r3
    lock *(u32 *)(r10 - 16) += w3
    lock *(u64 *)(r10 - 16) ^= r3
    w3 = atomic_fetch_and((u32 *)(r10 - 16), w3)
    r3 = xchg_64(r10 - 16, r3)
    w0 = cmpxchg32_32(r10 - 16, w0, w3)
    if r1 s>= 4 goto start
    if w1 & w2 goto out
    r1 = -r1
    w1 = (s16)w2
    r1 = be16 r1
    r1 = bswap64 r1
    r1 s/= r3
    w1 s%= 3
    r1 s>>= 3
    r1 <<= r2
    may_goto out
    goto +1
    gotol start
    call 5
    callx r3
    r0 = *(u8 *)skb[r3]
    r0 = *(u16 *)skb[5]
    r1 = addr_space_cast(r2, 1, 0)
    ld_pseudo r1, 2, 3
  out:
    exit
`;

describe('assemble', () => {
  test.runIf(hasTool(ASSEMBLER))('makes what LLVM makes of the same source', () => {
    const { code, labels } = assemble(PROGRAM);
    const symbols = [...labels].map(([name, slot]) => ({ name, address: slot * 8 }));
    const theirs = listAssembly(`.text\n${PROGRAM}`, 'v4').split('\n').slice(1).join('\n');
    expect(gasListing(code, { alu32: true, symbols })).toBe(theirs);
  });

  test('resolves labels forwards and backwards, across two-slot instructions', () => {
    const text = 'back: goto ahead\n r1 = 1 ll\n ahead: if r1 == 0 goto back\n gotol back\n exit';
    expect(hexOf(text)).toBe(
      '0500020000000000' +
        '1801000001000000' +
        '0000000000000000' +
        '1501fcff00000000' +
        '06000000fbffffff' +
        '9500000000000000',
    );
  });

  test('calls labels as functions, helpers by name, and takes addresses of functions', () => {
    const helper = (name: string) => (name === 'bpf_ktime_get_ns' ? 5 : undefined);
    const { code } = assemble('call f\n call bpf_ktime_get_ns\n r2 = f ll\n exit\n f: exit', {
      helper,
    });
    expect([...code.src]).toEqual([1, 0, 4, 0, 0, 0]);
    expect([...code.imm]).toEqual([4, 5, 2, 0, 0, 0]);
  });

  test('gives labels and source lines', () => {
    const { labels, lines } = assemble('a:\n r1 = 1 ll\nb: exit\n');
    expect([...labels]).toEqual([
      ['a', 0],
      ['b', 2],
    ]);
    expect(lines).toEqual([2, 2, 3]);
  });

  test('reads a kernel listing with its numbers and source lines', () => {
    const listing = [
      '; int key = 0;',
      '   0: (b7) r1 = -1',
      '   1: (18) r2 = 0xffffffff80000000',
      '   3: (61) r0 = *(u32 *)(r1 +4)',
      '   4: (55) if r0 != 0x0 goto pc+1',
      '   5: (85) call bpf_map_lookup_elem#1',
      '   6: (85) call pc+12',
      '   7: (95) exit',
    ];
    const { code } = assemble(listing.join('\n'));
    expect(code.length).toBe(8);
    expect(code.imm[1]! | 0).toBe(-0x80000000);
    expect(code.imm[2]).toBe(-1);
    expect([code.src[6], code.imm[6]]).toEqual([1, 12]);
  });

  test('reads numbers as signed or unsigned', () => {
    expect(hexOf('r1 = 0xffffffff')).toBe(hexOf('r1 = -1'));
    expect(hexOf('r1 = 0xffffffffffffffff ll')).toBe(hexOf('r1 = -1 ll'));
  });

  test.each([
    ['nonsense', 'r1 = 1\nfrobnicate r1', 2, /no such instruction/],
    ['a character of no token', 'r1 = 1 $?', 1, /cannot read/],
    ['an unknown label', '\n\ngoto nowhere', 3, /not defined/],
    ['a label defined twice', 'a: exit\na: exit', 2, /twice/],
    ['an imm that does not fit', 'r1 = 0x100000000', 1, /does not fit/],
    ['a 64-bit constant that does not fit', 'r1 = 0x10000000000000000 ll', 1, /does not fit/],
    ['an offset that does not fit', 'r1 = *(u8 *)(r2 + 32768)', 1, /does not fit/],
    ['a register that does not exist', 'r16 = 1', 1, /no register/],
    ['different registers in a byte swap', 'r1 = be16 r2', 1, /no such instruction/],
    [
      'compare-and-exchange with another register than r0',
      'r1 = cmpxchg_64(r2 + 0, r1, r3)',
      1,
      /./,
    ],
    ['mixed widths', 'r1 += w2', 1, /no such instruction/],
    ['an opcode that does not go with the text', '(07) r1 = 1', 1, /no such instruction/],
  ])('refuses %s, naming the line', (_, text, line, message) => {
    const attempt = () => assemble(text);
    expect(attempt).toThrow(FormatError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ offset: line, format: 'BPF assembly' }));
  });

  test('refuses a label too far away for 16 bits, and gotol reaches it', () => {
    const far = `r0 = 0\n`.repeat(40_000);
    expect(() => assemble(`goto end\n${far}end: exit`)).toThrow(/too far/);
    expect(assemble(`gotol end\n${far}end: exit`).code.imm[0]).toBe(40_000);
  });
});
