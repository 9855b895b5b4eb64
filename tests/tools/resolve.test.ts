import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { targetKernelOf } from '../../src/abi/index.ts';
import { FormatError } from '../../src/base/index.ts';
import { BtfBuilder } from '../../src/btf/index.ts';
import { resolveFunction, SymbolTable } from '../../src/tools/index.ts';
import { beeyard, workFolder } from '../cli/helpers.ts';

const SYMBOLS = `ffffffff81000000 T tcp_v4_connect
ffffffff81000100 t type_show
ffffffff81000200 t type_show
ffffffff82000000 D type_show
ffffffffc0000000 t tcp_v4_connect\t[mine]
`;

/** A kernel with two functions, one of them twice. */
function kernel() {
  const types = new BtfBuilder();
  const int = { size: 4, bits: 32, bitOffset: 0, signed: true, char: false, bool: false };
  const returns = types.add({ kind: 'int', name: 'int', ...int });
  const type = types.add({ kind: 'func_proto', name: '', returns, params: [] });
  for (const name of ['tcp_v4_connect', 'type_show', 'twice', 'twice', 'inlined']) {
    types.add({ kind: 'func', name, type, linkage: 'static' });
  }
  return targetKernelOf(types.build(), 'ours');
}

describe('a name of a function', () => {
  const symbols = new SymbolTable(SYMBOLS);

  it.each([
    ['tcp_v4_connect', 'yes', 'ambiguous'],
    ['type_show', 'ambiguous', 'ambiguous'],
    ['type_show@0xffffffff81000200', 'yes', 'yes'],
    ['type_show@0x1', 'no', 'no'],
    ['twice', 'ambiguous', 'no'],
    ['inlined', 'no', 'no'],
    ['no_such', 'no', 'no'],
  ])('%s: fentry %s, kprobe %s', (name, fentry, kprobe) => {
    const found = resolveFunction(name, kernel(), symbols);
    expect([found.fentry.verdict, found.kprobe.verdict]).toEqual([fentry, kprobe]);
  });

  it('has every candidate with it', () => {
    const { functions, symbols: found } = resolveFunction('type_show', kernel(), symbols);
    expect(functions).toEqual([{ id: 4, module: undefined, prototype: 'int type_show(void)' }]);
    expect(found!.map(({ address }) => address)).toEqual([
      0xffffffff81000100n,
      0xffffffff81000200n,
    ]);
  });

  it('is not judged for kprobes without symbols', () => {
    const found = resolveFunction('tcp_v4_connect', kernel(), undefined);
    expect([found.fentry.verdict, found.kprobe.verdict]).toEqual(['yes', 'unknown']);
  });
});

describe('a symbol table', () => {
  it('counts functions and names that several have', () => {
    const table = new SymbolTable(SYMBOLS);
    expect(table.size).toBe(4);
    expect(table.ambiguous.toSorted()).toEqual(['tcp_v4_connect', 'type_show']);
  });

  it('is refused with the place of the line that is none', () => {
    expect(() => new SymbolTable(`${SYMBOLS}hello\n`)).toThrow(
      new FormatError('symbols', SYMBOLS.length, '"hello" is no \'ADDRESS TYPE NAME [MODULE]\''),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          return new SymbolTable(text).size >= 0;
        } catch (error) {
          return error instanceof FormatError;
        }
      }),
    );
  });
});

describe('beeyard resolve', () => {
  const files = workFolder();

  it('tells candidates and ends with 1 if there are several', async () => {
    const syms = files.write('System.map', new TextEncoder().encode(SYMBOLS));
    const { code, out } = await beeyard(['resolve', 'type_show', '--syms', syms]);
    expect(code).toBe(1);
    expect(out).toMatch(/type_show +#\d+ +2 +ambiguous +ambiguous/);
    expect(out).toContain('0xffffffff81000200 vmlinux');
    expect(out).toContain('4 functions in the symbol table, 2 names of several');
  });

  it('looks up the attach points of an object, as JSON too', async () => {
    const point = await beeyard(['resolve', 'tests/verifier/rejected.bpf.o', '-j']);
    expect(point).toMatchObject({
      code: 2,
      err: expect.stringContaining('no program for a function'),
    });
    const { json, code } = await beeyard([
      'resolve',
      'tcp_v4_connect',
      '-k',
      '6.12',
      '-k',
      '6.1',
      '-j',
    ]);
    expect(code).toBe(0);
    expect(json<{ names: object[] }>().names).toMatchObject([
      { name: 'tcp_v4_connect', kernel: '6.12', fentry: { verdict: 'yes' } },
      { name: 'tcp_v4_connect', kernel: '6.1', kprobe: { verdict: 'unknown' } },
    ]);
  });

  it.each([
    [['resolve', 'no_such'], 1],
    [['resolve', 'tcp_v4_connect', '--syms', 'package.json'], 3],
    [['resolve', 'tcp_v4_connect', '--syms', 'no/such/file'], 3],
  ])('%j ends with %d', async (args, code) => {
    expect((await beeyard(args)).code).toBe(code);
  });
});
