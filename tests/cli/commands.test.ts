import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { parseObject } from '../../src/object/index.ts';
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
    [['prog', 'show', NET, 'extra'], /what to do with 'extra'/],
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
    const rows = (await beeyard(['prog', 'show', NET, '-j'])).json<{ name: string }[]>();
    const object = parseObject(readFileSync(NET));
    expect(rows.map(({ name }) => name)).toEqual(object.programs.map(({ name }) => name));
  });

  it('disassembles with source lines, symbols and helper names', async () => {
    const { out } = await beeyard(['prog', 'dump', 'xlated', NET, 'by_length', '--linum']);
    expect(out).toMatch(/^by_length:$/m);
    expect(out).toMatch(
      /^; total_bytes \+= length; \[file:.*net\.bpf\.c line_num:\d+ line_col:\d+\]$/m,
    );
    expect(out).toMatch(/^ +\d+: \(18\) r\d = map\[counts\]$/m);
    expect(out).toMatch(/^ +\d+: \(85\) call bpf_map_lookup_elem#1$/m);
    expect(out).toMatch(/^ +\d+: \(95\) exit$/m);
  });

  it('shows the bytes of instructions', async () => {
    const { out } = await beeyard(['prog', 'dump', 'xlated', NET, 'to_port', '--opcodes']);
    expect(out).toMatch(/: \(95\) exit\n +95 00 00 00 00 00 00 00\n/);
  });

  it('gives JSON with the keys of bpftool', async () => {
    const args = ['prog', 'dump', 'xlated', NET, 'second', '-j'];
    const [program] = (await beeyard(args)).json<{ insns: { disasm: string }[] }[]>();
    expect(program!.insns.at(-1)!.disasm).toBe('(95) exit');
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
  it('prints raw types and C', async () => {
    const raw = await beeyard(['btf', 'dump', 'file', NET]);
    expect(raw.out).toMatch(/^\[\d+\] STRUCT 'sample' size=16 vlen=3$/m);
    const c = await beeyard(['btf', 'dump', 'file', NET, 'format', 'c']);
    expect(c.out).toMatch(/struct sample \{\n\t__u64 time;/);
  });

  it.each([
    [[NET, 'format'], 2],
    [[NET, 'format', 'x'], 2],
    [[NET, 'fromat', 'c'], 2],
    [['package.json'], 3],
    [['missing.o'], 3],
  ])('%j is refused', async (args, code) => {
    expect((await beeyard(['btf', 'dump', 'file', ...args])).code).toBe(code);
  });
});

const clang = ['clang', 'clang-19', 'clang-18', 'clang-16', 'clang-15', 'clang-14'].find((name) =>
  spawnSync(name, ['--print-targets'], { encoding: 'utf8' }).stdout?.includes('bpf'),
);

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
