/** Words, options and JSON keys as bpftool has them (the version of Linux 6.12). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { batchCommands } from '../../src/cli/batch.ts';
import { parseObject, programTag } from '../../src/object/index.ts';
import { beeyard, NET, workFolder } from './helpers.ts';

const files = workFolder();
const SUBPROGRAMS = 'tests/fixtures/subprograms.bpf.o';

describe('abbreviations', () => {
  it.each([
    [
      ['p', 'd', 'x', NET, 'second'],
      ['prog', 'dump', 'xlated', NET, 'second'],
    ],
    [
      ['p', 'l', NET],
      ['prog', 'show', NET],
    ],
    [
      ['prog', 'list', NET],
      ['prog', 'show', NET],
    ],
    [
      ['m', 's', NET, '-j'],
      ['map', 'list', NET, '-j'],
    ],
    [
      ['b', 'd', 'f', NET],
      ['batch', 'd', 'f', NET],
    ],
    [
      ['bt', 'd', 'f', NET],
      ['btf', 'dump', 'file', NET],
    ],
    [
      ['f', 'l', 'prog'],
      ['feature', 'list_builtins', 'prog_types'],
    ],
    [
      ['s', 'l', NET],
      ['struct_ops', 'show', NET],
    ],
    [['v'], ['version']],
  ])('%j means %j', async (short, full) => {
    expect(await beeyard(short)).toMatchObject({
      ...(await beeyard(full)),
      json: expect.anything(),
    });
  });

  it('do not hide what is spelled out', async () => {
    expect((await beeyard(['proto', 'bpf_map_lookup_elem'])).out).toMatch(/helper 1/);
    expect((await beeyard(['verify', '--help'])).out).toMatch(/^beeyard verify/);
  });
});

describe('feature list_builtins', () => {
  it('lists by number', async () => {
    const types = (await beeyard(['feature', 'list_builtins', 'prog_types'])).out.split('\n');
    expect(types.slice(0, 3)).toEqual(['unspec', 'socket_filter', 'kprobe']);
    expect(types.at(-2)).toBe('netfilter');
    const maps = (await beeyard(['feature', 'list_builtins', 'map_types', '-j'])).json<string[]>();
    expect(maps[19]).toBe('cgroup_storage');
    expect(maps.at(-1)).toBe('arena');
    const links = (await beeyard(['feature', 'list_builtins', 'link_types', '-j'])).json<
      string[]
    >();
    expect(links.at(-1)).toBe('sockmap');
    const attach = (await beeyard(['feature', 'list_builtins', 'attach_types', '-j'])).json();
    expect(attach).toHaveLength(57);
    const helpers = (await beeyard(['feature', 'list_builtins', 'helpers', '-j'])).json<string[]>();
    expect(helpers[1]).toBe('bpf_map_lookup_elem');
    expect(helpers).toHaveLength(212);
  });

  it('refuses another group', async () => {
    const { code, err } = await beeyard(['feature', 'list_builtins', 'mpa_types']);
    expect(code).toBe(2);
    expect(err).toMatch(/did you mean 'map_types'/);
  });
});

describe('feature probe', () => {
  const probe = (...words: string[]) => beeyard(['feature', 'probe', ...words]);

  it('has the sections of bpftool', async () => {
    const json = (await probe('kernel', '-j')).json<Record<string, Record<string, unknown>>>();
    expect(Object.keys(json)).toEqual([
      'system_config',
      'syscall_config',
      'program_types',
      'map_types',
      'helpers',
      'misc',
    ]);
    expect(json['system_config']).toMatchObject({ CONFIG_BPF: 'y', CONFIG_HZ: '250' });
    expect(json['program_types']!['have_xdp_prog_type']).toBe(true);
    const xdp = json['helpers']!['xdp_available_helpers'];
    expect(xdp).toContain('bpf_xdp_adjust_head');
    expect(xdp).not.toContain('bpf_skb_load_bytes');
    expect(xdp).not.toContain('bpf_trace_printk');
  });

  it('tells more in full, and as macros', async () => {
    const { out } = await probe('full', 'macros', 'prefix', 'MY_');
    expect(out).toMatch(/^#define MY_BPF__PROG_TYPE_xdp__HELPER_bpf_trace_printk 1$/m);
    expect(out).toMatch(/^#define MY_HAVE_XDP_PROG_TYPE$/m);
    expect(out).toMatch(/^#define MY_BPF__PROG_TYPE_xdp__HELPER_bpf_redirect 1$/m);
    expect(out).toMatch(/^#define MY_BPF__PROG_TYPE_xdp__HELPER_bpf_skb_load_bytes 0$/m);
  });

  it('is text otherwise', async () => {
    const { out } = await probe();
    expect(out).toMatch(/^eBPF program_type xdp is available$/m);
    expect(out).toMatch(/^eBPF helpers supported for program type xdp:\n\t- bpf_map_lookup_elem$/m);
    expect(out).toMatch(/^CONFIG_HZ is set to 250$/m);
  });

  it('refuses other words', async () => {
    expect((await probe('dev', 'eth0')).err).toMatch(/probe takes kernel/);
    expect((await probe('prefix', 'X_')).err).toMatch(/after 'macros'/);
  });
});

describe('prog show', () => {
  it('has the keys of bpftool', async () => {
    const all = (await beeyard(['prog', 'show', NET, '-j'])).json<Record<string, unknown>[]>();
    expect(all[0]).toMatchObject({ id: 1, type: 'xdp', gpl_compatible: true });
    expect(all[0]!['bytes_xlated']).toBe(8 * (all[0]!['insns'] as number));
    const object = parseObject(readFileSync(NET));
    const maps = all[0]!['map_ids'] as number[];
    expect(maps.map((id) => object.maps[id - 1]!.name)).toEqual(all[0]!['maps']);
  });

  it('finds a program by name, tag and id', async () => {
    const all = (await beeyard(['prog', 'show', NET, '-j'])).json<Record<string, unknown>[]>();
    const second = all[1]!;
    for (const way of ['name', 'tag', 'id']) {
      const one = await beeyard(['prog', 'show', NET, way, String(second[way]), '-j']);
      expect(one.json()).toEqual(second);
    }
    expect((await beeyard(['prog', 'show', NET, 'id', '99'])).err).toMatch(/has no id 99/);
    expect((await beeyard(['prog', 'show', NET, 'name'])).err).toMatch(/'name' needs a value/);
  });
});

describe('the tag of a program', () => {
  it('is what Linux gives it', () => {
    // r0 = 0; exit: known from many a `bpftool prog show`.
    const bytes = Uint8Array.from(Buffer.from('b7000000000000009500000000000000', 'hex'));
    expect(programTag(bytes)).toBe('a04f5eef06a7f555');
  });

  it('does not depend on file descriptors of maps', () => {
    const load = (source: number, fd: number, offset: number) => {
      const insns = Buffer.alloc(24);
      insns.writeUInt8(0x18, 0);
      insns.writeUInt8((source << 4) | 1, 1);
      insns.writeInt32LE(fd, 4);
      insns.writeInt32LE(offset, 12);
      insns.writeUInt8(0x95, 16);
      return programTag(insns);
    };
    expect(load(1, 5, 0)).toBe(load(1, 0, 0));
    expect(load(2, 5, 8)).toBe(load(2, 6, 16));
    expect(load(0, 5, 0)).not.toBe(load(0, 6, 0));
    expect(load(3, 5, 0)).not.toBe(load(3, 6, 0));
  });
});

describe('prog dump xlated', () => {
  const dump = (...words: string[]) =>
    beeyard(['prog', 'dump', 'xlated', '--loaded', SUBPROGRAMS, ...words]);

  it('takes options as words or flags', async () => {
    const words = await dump('id', '1', 'opcodes', 'linum');
    expect(words.code).toBe(0);
    expect(words.out).toBe((await dump('id', '1', '--opcodes', '--linum')).out);
    expect(words.out).toMatch(/line_num:\d+ line_col:\d+/);
    expect((await dump('id', '1', 'opc')).out).toBe((await dump('id', '1', '--opcodes')).out);
    expect((await dump('id', '1', 'opcode', 'lines')).err).toMatch(/not 'lines'/);
  });

  it('writes the instructions to a file', async () => {
    const path = files.path('insns.bin');
    const { code, out } = await dump('id', '1', 'file', path, '-j');
    expect([code, out]).toEqual([0, 'null\n']);
    const [first] = parseObject(readFileSync(SUBPROGRAMS)).programs;
    expect(new Uint8Array(files.read('insns.bin'))).toEqual(first!.insns);
    expect((await dump('id', '1', 'file', path, 'opcodes')).code).toBe(2);
    expect((await dump('id', '1', 'file')).err).toMatch(/needs a path/);
    expect((await dump('file', path)).err).toMatch(/one program/);
    expect((await dump('id', '1', 'file', '/nowhere/at/all')).code).toBe(3);
  });

  it('draws the control flow', async () => {
    const { out } = await dump('id', '1', 'visual');
    expect(out).toMatch(/^digraph "DOT graph for eBPF program" \{\nsubgraph "cluster_0" \{/);
    expect(out).toContain('fn_0_bb_0 [shape=Mdiamond,style=filled,label="ENTRY"];');
    expect(out).toContain('fn_0_bb_0:s -> fn_0_bb_2:n [style="solid,bold", color=black, weight=10');
    expect(out).toContain('fn_0_bb_0:s -> fn_0_bb_1:n [style="invis", constraint=true];');
    const [first] = parseObject(readFileSync(SUBPROGRAMS)).programs;
    expect(out.match(/^subgraph/gm)).toHaveLength(first!.functions.length);
    const ends = [...out.matchAll(/(fn_\d+_bb_\d+):s -> (fn_\d+_bb_\d+):n/g)];
    const nodes = new Set([...out.matchAll(/^\t(fn_\d+_bb_\d+) \[/gm)].map(([, node]) => node));
    for (const [, from, to] of ends) expect(nodes.has(from) && nodes.has(to)).toBe(true);
    const insns = [...out.matchAll(/^\d+:\\ \\\(|^\d+:\\? /gm)].length;
    expect(insns).toBeGreaterThan(5);
    expect((await dump('id', '1', 'visual', '-j')).code).toBe(2);
    expect((await dump('visual')).err).toMatch(/one program/);
  });
});

describe('prog dump jited', () => {
  const dump = (...words: string[]) => beeyard(['prog', 'dump', 'jited', NET, ...words]);

  it('is WebAssembly, and says so', async () => {
    const { out, code } = await dump('second');
    expect(code).toBe(0);
    expect(out).toMatch(/^xdp: second: WebAssembly, \d+ bytes\n\(func /);
    expect(out).toContain('(func $second (param i32) (result i64)');
    expect(out).toMatch(/^ {4}i64\.const \d+$/m);
  });

  it('has the keys of bpftool', async () => {
    const all = (await dump('second', '-j')).json<{ name: string; insns: object[] }[]>();
    const main = all.find(({ name }) => name === 'second');
    expect(Object.keys(main!.insns[0]!)).toEqual(['pc', 'operation', 'operands']);
  });

  it('writes the module', async () => {
    expect((await dump('second', 'file', files.path('second.wasm'))).code).toBe(0);
    const module = await WebAssembly.compile(Buffer.from(files.read('second.wasm')));
    expect(WebAssembly.Module.exports(module).map(({ name }) => name)).toContain('entry');
    expect((await dump('file', files.path('all.wasm'))).err).toMatch(/one program/);
    expect((await dump('second', 'visual')).err).toMatch(/'file FILE', not 'visual'/);
  });

  it('tells what cannot be loaded, and shows the rest', async () => {
    const { out, err, code } = await dump();
    expect(code).toBe(1);
    expect(err).toMatch(/'careless' is not safe to run/);
    expect(out).toContain('xdp: second: WebAssembly');
    expect((await dump('careless')).code).toBe(1);
  });
});

describe('struct_ops', () => {
  const OPS = 'tests/fixtures/special.bpf.o';

  it('lists the tables', async () => {
    const all = (await beeyard(['struct_ops', 'show', OPS, '-j'])).json<
      Record<string, unknown>[]
    >();
    expect(all.length).toBeGreaterThan(0);
    expect(Object.keys(all[0]!)).toEqual(['id', 'name', 'kernel_struct_ops']);
    const name = String(all[0]!['name']);
    expect((await beeyard(['struct_ops', 'list', OPS, 'name', name, '-j'])).json()).toEqual([
      all[0],
    ]);
    expect((await beeyard(['struct_ops', 'show', OPS])).out).toContain(name);
    expect((await beeyard(['struct_ops', 'show', OPS, 'name', 'nobody'])).code).toBe(2);
    expect((await beeyard(['struct_ops', 'show', NET])).err).toMatch(/no struct_ops/);
  });

  it('shows what is in them', async () => {
    const [info, table] = (await beeyard(['struct_ops', 'dump', OPS, '-j'])).json<
      Record<string, Record<string, unknown>>[]
    >();
    expect(info!['bpf_map_info']).toMatchObject({ type: 26, key_size: 4, max_entries: 1 });
    const object = parseObject(readFileSync(OPS));
    const map = object.maps.find(({ type }) => type === 'struct_ops')!;
    const members = Object.values(Object.values(table!)[0]!);
    for (const { name } of map.initialSlots!) expect(members).toContain(name);
  });
});

describe('batch', () => {
  it('takes a file apart as bpftool does', () => {
    const text = 'prog show "a b.o" # the first\n\n# nothing\nmap \\\nshow x.o\nversion';
    expect(batchCommands(text)).toEqual([
      ['prog', 'show', 'a b.o'],
      ['map', 'show', 'x.o'],
      ['version'],
    ]);
  });

  it('runs each command', async () => {
    const file = files.write('batch.txt', `version\nfeature list_builtins link_types\n`);
    const plain = await beeyard(['batch', 'file', file]);
    expect(plain.out).toMatch(/^beeyard v.*\nunspec\n.*processed 2 commands\n$/s);
    const json = (await beeyard(['batch', 'file', file, '-j'])).json<Record<string, unknown>[]>();
    expect(json.map(({ command }) => command)).toEqual([
      ['version'],
      ['feature', 'list_builtins', 'link_types'],
    ]);
    expect(json[1]!['output']).toContain('xdp');
    const help = files.write('help.txt', 'map show --help\n');
    const [one] = (await beeyard(['batch', 'file', help, '-j'])).json<Record<string, unknown>[]>();
    expect(one!['output']).toMatch(/^beeyard map show/);
  });

  it('stops at the first command that fails', async () => {
    const file = files.write('wrong.txt', 'version\nmap show missing.o\nversion\n');
    const { code, out, err } = await beeyard(['batch', 'file', file]);
    expect(code).toBe(3);
    expect(out.match(/^beeyard/gm)).toHaveLength(1);
    expect(err).toMatch(/missing\.o/);
    const nested = files.write('nested.txt', `batch file ${file}\n`);
    expect((await beeyard(['batch', 'file', nested])).err).toMatch(/no batches/);
  });
});

describe('version', () => {
  it('has the keys of bpftool', async () => {
    const json = (await beeyard(['version', '-j'])).json();
    expect(json).toMatchObject({ libbpf_version: '1.5', features: { libbfd: false } });
    expect((await beeyard(['version'])).out).toContain(json['version']);
  });
});
