/** The public suite's file format, its assembler, and `beeyard conformance`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/base/index.ts';
import { assemble, assembleMnemonics, encodeCode, INSN_TABLE } from '../../src/isa/index.ts';
import { parseSuiteTest } from '../../src/tools/index.ts';
import { beeyard, workFolder } from '../cli/helpers.ts';

const bytes = (source: string) => encodeCode(assembleMnemonics(source).code);
const ours = (source: string) => encodeCode(assemble(source).code);

describe('the assembler of the suite', () => {
  it.each([
    ['mov %r0, -1', 'r0 = -1'],
    ['mov32 %r3, %r4', 'w3 = w4'],
    ['add %r1, 0x80000000', 'r1 += -0x80000000'],
    ['add %r1, 0xffffffff80000000', 'r1 += -0x80000000'],
    ['smod32 %r1, %r2', 'w1 s%= w2'],
    ['sdiv %r1, -3', 'r1 s/= -3'],
    ['neg32 %r7', 'w7 = -w7'],
    ['movsx832 %r1, %r2', 'w1 = (s8)w2'],
    ['movsx3264 %r1, %r2', 'r1 = (s32)r2'],
    ['be16 %r0', 'r0 = be16 r0'],
    ['swap64 %r0', 'r0 = bswap64 r0'],
    ['lddw %r1, 0x1122334455667788', 'r1 = 0x1122334455667788 ll'],
    ['lddw %r1, 0xffffffffffffffff', 'r1 = -1 ll'],
    ['ldxdw %r2, [%r1+8]', 'r2 = *(u64 *)(r1 + 8)'],
    ['ldxsh %r2, [r1-2]', 'r2 = *(s16 *)(r1 - 2)'],
    ['stw [%r10-4], 7', '*(u32 *)(r10 - 4) = 7'],
    ['stxb [%r10], %r3', '*(u8 *)(r10 + 0) = r3'],
    ['lock add32 [%r10-4], %r1', 'lock *(u32 *)(r10 - 4) += w1'],
    ['lock fetch xor [%r10-8], %r1', 'r1 = atomic_fetch_xor((u64 *)(r10 - 8), r1)'],
    ['lock xchg [%r10-8], %r1', 'r1 = xchg_64(r10 - 8, r1)'],
    ['lock cmpxchg32 [%r10-8], %r1', 'w0 = cmpxchg32_32(r10 - 8, w0, w1)'],
    ['jsle32 %r1, -1, +3', 'if w1 s<= -1 goto +3'],
    ['jset %r1, %r2, -1', 'if r1 & r2 goto -1'],
    ['ja -1', 'goto -1'],
    ['ja32 +5', 'gotol +5'],
    ['call 5', 'call 5'],
    ['call local f\nf: exit', 'call f\nf: exit'],
    ['call %r2', 'callx r2'],
    ['jeq %r1, 0, exit # first\nmov %r0, 1\nexit', 'if r1 == 0 goto +1\nr0 = 1\nexit'],
  ])('%s is %s', (suite, llvm) => {
    expect(bytes(suite)).toEqual(ours(llvm));
  });

  it('has a word for every instruction of the standard that needs no packet and no kernel', () => {
    const words = INSN_TABLE.filter(
      ({ kind, linux, src }) =>
        !linux && !/^ld_(abs|ind)$/.test(kind) && !(kind === 'ld_imm64' && src),
    );
    const missing = words.filter(({ name, kind, op, bits, operation, src }) => {
      const narrow = bits === 32 ? '32' : '';
      const value = src === 'reg' ? '%r2' : '3';
      const text: Partial<Record<typeof kind, string>> = {
        alu: `${name.replace(/(32|64)(_k)?$/, '')}${narrow} %r1, ${value}`,
        neg: `neg${narrow} %r1`,
        end: `${name} %r1`,
        movsx: `movsx${operation.slice(1)}${bits} %r1, %r2`,
        load: `${name} %r1, [%r2+1]`,
        load_sx: `${name} %r1, [%r2+1]`,
        store_imm: `${name} [%r1+1], 3`,
        store_reg: `${name} [%r1+1], %r2`,
        atomic: `lock ${operation.replace('fetch_', 'fetch ')}${narrow} [%r1+8], %r2`,
        jump: `${name.replace(/(32|64)(_k)?$/, '')}${narrow} %r1, ${value}, +1`,
        ld_imm64: 'lddw %r1, 3',
        ja: `${name} +1`,
        call_helper: 'call helper 1',
        call_local: 'call local +1',
        call_kfunc: 'call runtime 1',
        callx: 'call %r1',
        exit: 'exit',
      };
      return assembleMnemonics(text[kind]!).code.op[0] !== op;
    });
    expect(missing).toEqual([]);
  });

  it.each([
    ['mov %r0, 1\nmovv %r0, 1', 2, /no instruction 'movv'/],
    ['mov %r0', 1, /takes 2 operands, not 1/],
    ['mov %r0, 0x100000000', 1, /does not fit/],
    ['ldxw %r0, %r1', 1, /there must be memory/],
    ['ja nowhere', 1, /label nowhere is not defined/],
    ['a:\na: exit', 2, /defined twice/],
    ['lock nand [%r1], %r2', 1, /no atomic operation 'nand'/],
    ['mov %r16, 1', 1, /no register r16/],
    ['mov %r0, 1x', 1, /cannot read the operand '1x'/],
  ])('%j is refused with its line', (source, line, message) => {
    expect(() => assembleMnemonics(source)).toThrow(message);
    expect(() => assembleMnemonics(source)).toThrow(expect.objectContaining({ offset: line }));
  });
});

describe('a file of the suite', () => {
  it('has a program, memory, and what r0 must be', () => {
    const text =
      '# about\n-- asm\nldxw %r0, [%r1+4]\nexit\n-- mem\n01 02 03 04\n05 06 0x7 8\n-- result\n-1\n';
    expect(parseSuiteTest(text)).toMatchObject({
      memory: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      result: 2n ** 64n - 1n,
      error: undefined,
      skip: undefined,
      groups: ['base32'],
    });
  });

  it('may have its instructions as numbers', () => {
    const { insns } = parseSuiteTest(
      '-- asm\n# none\n-- raw\n0x0000000000000095 # exit\n-- error\nx\n',
    );
    expect(insns).toEqual(ours('exit'));
  });

  it('needs the groups of its instructions', () => {
    const asm = 'lock add32 [%r10-4], %r1\ndiv %r0, 2\nexit';
    expect(parseSuiteTest(`-- asm\n${asm}\n-- result\n0`).groups).toEqual([
      'base32',
      'atomic32',
      'divmul64',
    ]);
  });

  it.each([
    ['-- asm\nexit\n', 2, /neither '-- result' nor '-- error'/],
    ['-- asm\n\nmovv %r0\nexit\n-- result\n0', 3, /no instruction 'movv'/],
    ['-- asm\nexit\n-- resutl\n0', 3, /no section 'resutl'/],
    ['-- result\n0', 1, /no '-- asm' and no '-- raw'/],
    ['-- asm\nexit\n-- mem\n01 zz\n-- result\n0', 4, /'zz' is no byte/],
    ['-- asm\nexit\n-- result\n0x1g', 4, /'0x1g' is no number/],
    ['-- raw\n0x10000000000000000\n-- result\n0', 2, /does not fit 64 bits/],
  ])('%j is refused with its line', (text, line, message) => {
    expect(() => parseSuiteTest(text)).toThrow(FormatError);
    expect(() => parseSuiteTest(text)).toThrow(message);
    expect(() => parseSuiteTest(text)).toThrow(expect.objectContaining({ offset: line }));
  });
});

describe('beeyard conformance', () => {
  const place = workFolder();
  const folder = (name: string, files: Readonly<Record<string, string>>) => {
    const path = join(place.path(name), 'below');
    mkdirSync(path, { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
    return place.path(name);
  };
  const GOOD = {
    'min.data':
      '-- asm\nlddw %r0, 0x8000000000000000\nsdiv %r0, -1\nexit\n-- result\n0x8000000000000000',
    'fault.data': '-- asm\nldxw %r0, [%r1+2]\nexit\n-- mem\n01 02 03 04\n-- error\nout of bounds',
    'local.data': '-- asm\nmov %r1, 66\ncall local f\nexit\nf:\nmov %r0, %r1\nexit\n-- result\n66',
  };

  it('counts by group on both engines', async () => {
    const { out, code } = await beeyard(['conformance', folder('good', GOOD)]);
    expect(code).toBe(0);
    expect(out).toMatch(/^group +tests +wasm +interpreter$/m);
    expect(out).toMatch(/^divmul64 +1 +1 of 1 +1 of 1$/m);
    expect(out).toMatch(/^packet +0 +– +–$/m);
    expect(out).toMatch(/^all +3 +3 of 3 +3 of 3$/m);
  });

  it('ends with 1 for a loss, and says what came out', async () => {
    const lost = { ...GOOD, 'wrong.data': '-- asm\nmov %r0, -1\nexit\n-- result\n0xffffffff' };
    const result = await beeyard(['conformance', folder('lost', lost), '-j']);
    expect(result.code).toBe(1);
    const { losses, groups } = result.json<{ losses: unknown[]; groups: unknown[] }>();
    const reason = 'r0 is 0xffffffffffffffff, not 0xffffffff';
    const file = 'below/wrong.data';
    expect(losses).toEqual([
      { file, engine: 'wasm', reason },
      { file, engine: 'interpreter', reason },
    ]);
    expect(groups.at(-1)).toEqual({ group: 'all', tests: 4, passed: { wasm: 3, interpreter: 3 } });
  });

  it('a program that should fail and does not is lost', async () => {
    const path = folder('runs', { 'runs.data': '-- asm\nmov %r0, 1\nexit\n-- error\nno' });
    const { out, code } = await beeyard(['conformance', path]);
    expect(code).toBe(1);
    expect(out).toContain('r0 is 0x1, but the program must fail');
  });

  it('names broken and skipped files, and ends with 3', async () => {
    const path = folder('broken', {
      ...GOOD,
      'broken.data': '-- asm\nexit\nmovv %r0, 1\n-- result\n0',
      'callx.data': '-- asm\ncall %r2\nexit\n-- result\n2',
    });
    const { out, code } = await beeyard(['conformance', path]);
    expect(code).toBe(3);
    expect(out).toMatch(/^broken +below\/broken\.data:3: there is no instruction 'movv'$/m);
    expect(out).toMatch(/^skipped below\/callx\.data: callx is in no group/m);
  });

  it('a folder without tests, or none at all, is an input error', async () => {
    expect(await beeyard(['conformance', folder('none', {})])).toMatchObject({
      code: 3,
      err: expect.stringMatching(/no \.data file.*\n.*bpf_conformance/),
    });
    expect((await beeyard(['conformance', '/nowhere'])).code).toBe(3);
  });
});
