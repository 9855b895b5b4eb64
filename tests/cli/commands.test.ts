import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { BtfBuilder, parseBtf } from '../../src/btf/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { fixturePath } from '../fixtures/read.ts';
import { beeyard, NET, workFolder } from './helpers.ts';

const files = workFolder();

describe('help', () => {
  it('lists every command, and each explains itself with an example', async () => {
    const { out, code } = await beeyard(['--help']);
    expect(code).toBe(0);
    for (const { path } of COMMANDS) {
      expect(out).toContain(path.join(' '));
      const help = await beeyard([...path, '--help']);
      expect(help.code).toBe(0);
      expect(help.out).toMatch(/Examples?:\n {2}beeyard /);
      expect(await beeyard(['help', ...path])).toMatchObject({ out: help.out });
    }
  });

  it('fits the terminal', async () => {
    for (const { path } of COMMANDS) {
      const { out } = await beeyard([...path, '--help'], { columns: 100 });
      const [, options] = out.split('Options:\n');
      const lines = options!.split('Example')[0]!.split('\n');
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    }
  });

  it('names the commands of a group', async () => {
    const { out, code } = await beeyard(['prog', '--help']);
    expect(code).toBe(0);
    expect(out).toContain('beeyard prog show OBJ');
    expect(out).not.toContain('beeyard map');
  });

  it.each([
    [[], /Usage/],
    [['runn'], /did you mean 'run'/],
    [['prog', 'dmup'], /did you mean 'dump'/],
    [['prog', 'dump', 'xlatd'], /did you mean 'xlated'/],
    [['prog'], /prog show/],
    [['--frobnicate'], /no option --frobnicate/],
    [['prog', 'show'], /needs: OBJ/],
    [['prog', 'show', NET, 'extra'], /has no program 'extra'/],
    [['map', 'show', NET, 'extra'], /what to do with 'extra'/],
    [['run', NET, '--pcap'], /--pcap needs a value/],
    [['run', NET, '--top=1'], /takes no value/],
  ])('%j is a mistake: exit code 2', async (args, message) => {
    const result = await beeyard(args);
    expect(result.code).toBe(2);
    expect(result.err).toMatch(message);
    expect(result.out).toBe('');
  });

  it('uses no colours unless told that they may be used', async () => {
    const plain = await beeyard(['--help']);
    const coloured = await beeyard(['--help'], { color: true });
    expect(plain.out).not.toContain('\u001b');
    expect(coloured.out).toContain('\u001b[');
  });
});

describe('beeyard prog', () => {
  it('shows programs', async () => {
    const { out } = await beeyard(['prog', 'show', NET]);
    expect(out).toMatch(/^by_length +xdp +xdp +\d+ +0 +\.bss \.rodata counts/m);
    const wide = await beeyard(['prog', 'show', NET], { columns: 120 });
    expect(wide.out).toMatch(/^by_length .* \.bss \.rodata counts +[0-9a-f]{16}$/m);
    const rows = (await beeyard(['prog', 'show', NET, '-j'])).json<{ name: string }[]>();
    const object = parseObject(readFileSync(NET));
    expect(rows.map(({ name }) => name)).toEqual(object.programs.map(({ name }) => name));
  });

  it('disassembles with source lines, symbols and helper names', async () => {
    const args = ['prog', 'dump', 'xlated', NET, 'by_length', '--linum', '--loaded'];
    const { out } = await beeyard(args);
    expect(out).toMatch(/^int by_length\(struct xdp_md \* ctx\):$/m);
    expect(out).toMatch(
      /^; total_bytes \+= length; \[file:.*net\.bpf\.c line_num:\d+ line_col:\d+\]$/m,
    );
    expect(out).toMatch(/^ +\d+: \(18\) r\d = map\[counts\]$/m);
    expect(out).toMatch(/^ +\d+: \(85\) call bpf_map_lookup_elem#1$/m);
    expect(out).toMatch(/^ +\d+: \(95\) exit$/m);
  });

  it('shows programs as Linux keeps them', async () => {
    const { out } = await beeyard(['prog', 'dump', 'xlated', NET, 'by_length']);
    expect(out).toMatch(/^ +\d+: \(79\) r\d = \*\(u64 \*\)\(r1 \+8\)$/m);
    expect(out).not.toMatch(/call bpf_map_lookup_elem/);
    const unprivileged = await beeyard(['prog', 'dump', 'xlated', NET, 'by_length', '--unpriv']);
    expect(unprivileged.code).toBe(1);
    expect(unprivileged.err).toMatch(/EPERM/);
  });

  it('shows static branches as their keys make them', async () => {
    const object = fixturePath('static-keys.bpf.o');
    const dump = (...rest: string[]) =>
      beeyard(['prog', 'dump', 'xlated', object, 'inverse', ...rest]);
    expect((await dump()).out).toMatch(/ 0: \(05\) goto pc\+7 ; static key 'key1' is off$/m);
    const on = await dump('--key', 'key1');
    expect(on.out).toMatch(/ 0: \(05\) goto pc\+0 ; static key 'key1' is on$/m);
    expect((await dump('--key', 'key4')).err).toMatch(/no static key 'key4'; did you mean/);
  });

  it('shows the bytes of instructions', async () => {
    const { out } = await beeyard(['prog', 'dump', 'xlated', NET, 'to_port', '--opcodes']);
    expect(out).toMatch(/: \(95\) exit\n +95 00 00 00 00 00 00 00\n/);
  });

  it('gives JSON with the keys of bpftool', async () => {
    const args = ['prog', 'dump', 'xlated', NET, 'second', '-j'];
    const insns = (await beeyard(args)).json<Record<string, unknown>[]>();
    expect(insns.at(-1)).toMatchObject({ disasm: '(95) exit' });
    expect(insns[0]).toMatchObject({ proto: 'int second(struct xdp_md * ctx)' });
    const [full] = (await beeyard([...args, 'opcodes', 'linum'])).json<Record<string, unknown>[]>();
    const keys = ['proto', 'src', 'file', 'line_num', 'line_col', 'disasm', 'opcodes'];
    expect(Object.keys(full!)).toEqual(keys);
    expect(Object.keys(full!['opcodes']!)).toEqual(['code', 'src_reg', 'dst_reg', 'off', 'imm']);
  });

  it('knows what it does not know', async () => {
    const { code, err } = await beeyard(['prog', 'dump', 'xlated', NET, 'by_lenght']);
    expect(code).toBe(2);
    expect(err).toMatch(/did you mean 'by_length'/);
  });
});

describe('beeyard map', () => {
  it('shows maps', async () => {
    const { out } = await beeyard(['map', 'show', NET]);
    expect(out).toMatch(/^counts +array +4 B +8 B +4 +0x0$/m);
    expect(out).toMatch(/^outer +array_of_maps .* hash$/m);
  });

  it('dumps what a fresh map holds, globals included', async () => {
    const text = await beeyard(['map', 'dump', NET, '.rodata']);
    expect(text.out).toMatch(/least_length/);
    const args = ['map', 'dump', NET, '.rodata', '-j', '-g', 'least_length=99'];
    const [dump] = (await beeyard(args)).json<{ entries: object[] }[]>();
    expect(dump!.entries[0]).toMatchObject({ value: { least_length: 99 } });
    const firewall = ['map', 'dump', 'examples/firewall/firewall.bpf.o', '.rodata', '-j'];
    const members = ['-g', 'config.syn_limit=7', '-g', 'config.report_drops=0'];
    const changed = (await beeyard([...firewall, ...members])).json<{ entries: object[] }[]>();
    expect(changed[0]!.entries[0]).toMatchObject({
      value: { config: { syn_limit: 7, drop_malformed: 1, report_drops: 0 } },
    });
    const wrong = await beeyard([...firewall, '-g', 'config.sin_limit=7']);
    expect(wrong.err).toMatch(/no member 'sin_limit' \(there are: syn_limit/);
    expect(wrong.code).toBe(2);
    const { code, err } = await beeyard(['map', 'dump', NET, 'cuonts']);
    expect(code).toBe(2);
    expect(err).toMatch(/did you mean 'counts'/);
  });
});

describe('beeyard btf dump file', () => {
  it('prints raw types, C and TypeScript', async () => {
    const raw = await beeyard(['btf', 'dump', 'file', NET]);
    expect(raw.out).toMatch(/^\[\d+\] STRUCT 'sample' size=16 vlen=3$/m);
    const c = await beeyard(['btf', 'dump', 'file', NET, 'format', 'c']);
    expect(c.out).toMatch(/struct sample \{\n\t__u64 time;/);
    const ts = await beeyard(['btf', 'dump', 'file', NET, 'format', 'ts']);
    expect(ts.out).toMatch(/export interface sample \{\n  time: bigint;/);
    const unsorted = await beeyard(['btf', 'dump', 'file', NET, 'format', 'c', 'unsorted']);
    expect(unsorted.out).toContain('struct sample {');
    expect(unsorted.out).not.toBe(c.out);
  });

  it('prints some types only', async () => {
    const { btf } = parseObject(readFileSync(NET));
    const id = btf!.find('struct', 'sample')!;
    const root = ['root_id', String(id)];
    const raw = await beeyard(['btf', 'dump', 'file', NET, ...root, 'root_id', '1']);
    expect(raw.out).toMatch(new RegExp(`^\\[${id}\\] STRUCT 'sample'`));
    expect(raw.out.match(/^\[/gm)).toHaveLength(2);
    const c = await beeyard(['btf', 'dump', 'file', NET, ...root, 'format', 'c']);
    expect(c.out.match(/^struct/gm)).toHaveLength(1);
    const json = await beeyard(['btf', 'dump', 'file', NET, ...root, '-j']);
    expect(json.json<{ types: object[] }>().types).toMatchObject([
      { id, kind: 'STRUCT', name: 'sample', size: 16, vlen: 3, members: [{}, {}, {}] },
    ]);
  });

  it('prints the types of a map', async () => {
    const { maps, btf } = parseObject(readFileSync(NET));
    const { name, keyTypeId, valueTypeId } = maps.find((each) => each.keyTypeId !== 0)!;
    const dump = async (...words: string[]) => {
      const { types } = (await beeyard(['btf', 'dump', 'map', NET, name, ...words, '-j'])).json<{
        types: { id: number }[];
      }>();
      return types.map(({ id }) => id);
    };
    expect(await dump()).toEqual([keyTypeId, valueTypeId]);
    expect(await dump('key')).toEqual([keyTypeId]);
    expect(await dump('value')).toEqual([valueTypeId]);
    expect(await dump('all')).toHaveLength(btf!.count - 1);
    const c = await beeyard(['btf', 'dump', 'map', NET, name, 'format', 'c']);
    expect(c.out).toContain('#ifndef __VMLINUX_H__');
  });

  it('reads a split BTF over its base', async () => {
    const under = new BtfBuilder();
    under.add({ kind: 'float', name: 'double', size: 8 });
    const base = under.build();
    const over = new BtfBuilder({ base });
    over.add({ kind: 'typedef', name: 'number', type: 1 });
    const [low, high] = [
      files.write('base.btf', under.toBytes()),
      files.write('split.btf', over.toBytes()),
    ];
    const dump = ['btf', 'dump', 'file', high];
    expect(await beeyard([...dump, '-B', low])).toMatchObject({
      code: 0,
      out: "[2] TYPEDEF 'number' type_id=1\n",
    });
    expect((await beeyard([...dump, 'format', 'c', '--base-btf', low])).out).toContain(
      'typedef double number;',
    );
    expect(await beeyard(dump)).toMatchObject({ code: 3, err: expect.stringContaining('-B FILE') });
  });

  it.each([
    [[NET, 'format'], 2],
    [[NET, 'format', 'x'], 2],
    [[NET, 'format', 'c', '-j'], 2],
    [[NET, 'root_id'], 2],
    [[NET, 'root_id', 'x'], 2],
    [[NET, 'root_id', '4000'], 2],
    [[NET, 'fromat', 'c'], 2],
    [['package.json'], 3],
    [['missing.o'], 3],
  ])('%j is refused', async (args, code) => {
    expect((await beeyard(['btf', 'dump', 'file', ...args])).code).toBe(code);
  });

  it.each([
    [[NET, 'cuonts'], /did you mean 'counts'/],
    [[NET, 'counts', 'root_id', '1'], /no root_id/],
    [[NET, '.rodata', 'key'], /.rodata/],
  ])('of a map: %j is a mistake', async (args, message) => {
    const { code, err } = await beeyard(['btf', 'dump', 'map', ...args]);
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringMatching(message) });
  });
});

describe('beeyard gen min_core_btf', () => {
  it("writes the types an object's relocations need", async () => {
    const kernel = new BtfBuilder();
    const word = kernel.add({ kind: 'float', name: 'double', size: 8 });
    const pid = { name: 'pid', type: word, bitOffset: 64, bitSize: 0 };
    const other = { name: 'other', type: word, bitOffset: 0, bitSize: 0 };
    const struct = { kind: 'struct', name: 'task_struct', size: 16 } as const;
    kernel.add({ ...struct, members: [other, pid] });
    const input = files.write('vmlinux.btf', kernel.toBytes());
    const args = [
      'gen',
      'min_core_btf',
      input,
      files.path('small.btf'),
      'tests/fixtures/core.bpf.o',
    ];
    const { code, out } = await beeyard([...args, '-j']);
    expect(code).toBe(0);
    const small = parseBtf(files.read('small.btf'));
    expect(JSON.parse(out)).toEqual({
      output: files.path('small.btf'),
      types: small.count - 1,
      bytes: files.read('small.btf').length,
    });
    expect((await beeyard(args)).err).toMatch(/small.btf: \d of 2 types, \d+ bytes/);
  });

  it('says what is wrong with which file', async () => {
    const input = files.write('none.btf', new BtfBuilder().toBytes());
    const run = (...args: string[]) => beeyard(['gen', 'min_core_btf', input, ...args]);
    expect(await run(files.path('x.btf'), 'package.json')).toMatchObject({
      code: 3,
      err: expect.stringContaining('package.json: ELF'),
    });
    expect((await run('/no/such/folder/x.btf', 'tests/fixtures/core.bpf.o')).code).toBe(3);
    expect((await run('x.btf')).code).toBe(2);
  });
});

const clang = ['clang', 'clang-19', 'clang-18', 'clang-16', 'clang-15', 'clang-14'].find((name) =>
  spawnSync(name, ['--print-targets'], { encoding: 'utf8' }).stdout?.includes('bpf'),
);

describe('beeyard gen', () => {
  it('prints the types of an object, or writes them where TypeScript looks', async () => {
    const shown = await beeyard(['gen', 'types', NET]);
    expect(shown.out).toMatch(/^ {4}by_length: Program<'xdp'>;$/m);
    const folder = files.path('.');
    const written = await beeyard(['gen', 'types', NET, '-o', folder, '-j']);
    expect(written.json()).toEqual({ file: files.path('net.bpf.d.o.ts') });
    expect(Buffer.from(files.read('net.bpf.d.o.ts')).toString()).toBe(shown.out);
    const json = await beeyard(['gen', 'types', NET, '-j']);
    expect(json.json()).toEqual({ declaration: shown.out });
  });

  it.skipIf(!clang)('compiles a source for its types (skipped without clang)', async () => {
    const source = 'tests/machine/programs/net.bpf.c';
    const { out, err } = await beeyard(['gen', 'types', source, '-I', 'include']);
    expect(err).toBe('');
    expect(out).toContain("by_length: Program<'xdp'>;");
    const wrong = files.write('types.bpf.c', 'int x = ;\n');
    const failed = await beeyard(['gen', 'types', wrong]);
    expect(failed.code).toBe(1);
    expect(failed.err).toMatch(/types\.bpf\.c:1:9: error/);
    expect((await beeyard(['gen', 'types', 'none.bpf.c'])).code).toBe(3);
  });

  it('prints headers for C', async () => {
    const { out } = await beeyard(['gen', 'skeleton', NET]);
    expect(out).toContain('static inline int net_bpf__attach(struct net_bpf *obj)');
    const named = await beeyard(['gen', 'subskeleton', NET, 'name', 'net']);
    expect(named.out).toContain('#ifndef __NET_SUBSKEL_H__');
  });

  it.each([
    [['types'], 2],
    [['types', 'package.json'], 3],
    [['types', NET, '-o', '/nowhere/at/all'], 3],
    [['skeleton', NET, 'nam', 'x'], 2],
    [['skeleton', NET, 'name'], 2],
    [['skeleton', NET, 'name', 'a b'], 2],
    [['skeleton', 'tests/fixtures/legacy-maps.bpf.o'], 3],
  ])('%j is refused', async (args, code) => {
    expect((await beeyard(['gen', ...args])).code).toBe(code);
  });
});

describe('beeyard build', () => {
  it.skipIf(!clang)('compiles against our own headers (skipped without clang)', async () => {
    const source = 'tests/machine/programs/net.bpf.c';
    const out = files.path('net.bpf.o');
    const { code, err } = await beeyard(['build', source, '-o', out], { env: process.env });
    expect(err).toBe('');
    expect(code).toBe(0);
    const object = parseObject(files.read('net.bpf.o'));
    expect(object.programs.map(({ name }) => name)).toContain('by_length');
    expect(object.btf).toBeDefined();
  });

  it.skipIf(!clang)('shows the words of the compiler (skipped without clang)', async () => {
    const source = files.write('wrong.bpf.c', 'int x = ;\n');
    const { code, err } = await beeyard(['build', source], { env: process.env });
    expect(code).toBe(1);
    expect(err).toMatch(/wrong\.bpf\.c:1:9: error/);
  });

  it.skipIf(!clang)('compiles TypeScript, also on the way to another command', async () => {
    const source = 'tests/tools/bpf-ts/language.bpf.ts';
    const out = files.path('language.bpf.o');
    const built = await beeyard(['build', source, '-o', out], { env: process.env });
    expect(built).toMatchObject({ code: 0, err: '' });
    const lines = parseObject(files.read('language.bpf.o')).programs.flatMap((one) => one.lines);
    expect(lines.every(({ file }) => file.endsWith(source))).toBe(true);

    const rejected = 'tests/tools/bpf-ts/rejected.bpf.ts';
    const args = ['verify', rejected, '--prog', 'unchecked_lookup', '--explain'];
    const verified = await beeyard(args, { env: process.env });
    expect(verified.code).toBe(1);
    expect(verified.out).toContain('count!.value += 1n;');
  });

  it('writes the C made of TypeScript', async () => {
    const source = files.write(
      'all.bpf.ts',
      "import { xdp } from 'beeyard/bpf';\nexport const all = xdp(() => {\n  return 'pass';\n});\n",
    );
    const shown = await beeyard(['build', source, '--emit-c']);
    expect(shown.code).toBe(0);
    expect(shown.out).toContain('#line 3\n  return 2;');
    const written = await beeyard(['build', source, '--emit-c', '-o', files.path('all.bpf.c')]);
    expect(written).toMatchObject({ code: 0, out: '' });
    expect(Buffer.from(files.read('all.bpf.c')).toString()).toBe(shown.out);
    expect((await beeyard(['build', source, '--emit-c', '-o', source])).code).toBe(2);
    expect((await beeyard(['build', NET.replace(/o$/, 'c'), '--emit-c'])).code).toBe(2);
  });

  it('says what is wrong with TypeScript, line by line, and needs no compiler for it', async () => {
    const source = files.write('wrong.bpf.ts', 'class A {}\nlet x = 1.5;\n');
    const { code, err } = await beeyard(['build', source, '--emit-c']);
    expect(code).toBe(1);
    expect(err).toContain(`${source}:1:1: classes cannot be compiled to BPF`);
    expect(err).toContain(`${source}:2:9: fractions and exponents cannot be compiled to BPF`);
    expect(err).toContain('wrong.bpf.ts does not compile');
  });

  it('says what to install when there is no compiler', async () => {
    const source = files.write('x.bpf.c', '');
    const { code, err } = await beeyard(['build', source, '--clang', '/nowhere/clang']);
    expect(code).toBe(4);
    expect(err).toMatch(/npm install --save-dev @zigc\/cli/);
  });

  it('wants a source that is there', async () => {
    expect((await beeyard(['build', 'nothing.bpf.c'])).code).toBe(3);
  });
});
