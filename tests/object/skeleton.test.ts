import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseObject } from '../../src/object/index.ts';
import { printSkeleton, printSubskeleton, skeletonName } from '../../src/object/skeleton/index.ts';
import { internalIdentifier, internalMapName } from '../../src/object/skeleton/names.ts';
import { fixture } from '../fixtures/read.ts';

const ratelimit = new Uint8Array(
  readFileSync(new URL('../../examples/typed-import/ratelimit.bpf.o', import.meta.url)),
);
const skeleton = (bytes: Uint8Array, name: string) =>
  printSkeleton(parseObject(bytes), bytes, name);

/** The members of the struct, without the functions of C++. */
const structOf = (header: string, name: string) =>
  header.slice(header.indexOf(`struct ${name} {`), header.indexOf('#ifdef __cplusplus')).trim();

describe('a skeleton', () => {
  it('has maps, programs, links and global variables', () => {
    expect(structOf(skeleton(ratelimit, 'rl'), 'rl')).toBe(`struct rl {
	struct bpf_object_skeleton *skeleton;
	struct bpf_object *obj;
	struct {
		struct bpf_map *seen;
		struct bpf_map *reasons;
		struct bpf_map *blocked;
		struct bpf_map *events;
		struct bpf_map *rodata;
		struct bpf_map *bss;
	} maps;
	struct {
		struct bpf_program *ratelimit;
		struct bpf_program *outgoing;
	} progs;
	struct {
		struct bpf_link *ratelimit;
		struct bpf_link *outgoing;
	} links;
	struct rl__rodata {
		__u64 limit;
		struct {
			_Bool report;
			char name[16];
		} settings;
	} *rodata;
	struct rl__bss {
		__u64 dropped;
		struct event *event_type;
	} *bss;`);
  });

  it('has the bytes of the object', () => {
    const text = skeleton(ratelimit, 'rl');
    const literals = [...text.matchAll(/^\t\t"((?:\\x[0-9a-f]{2}|\\0)+)";?$/gm)];
    const escapes = literals.flatMap(([, one]) => one!.match(/\\x..|\\0/g) ?? []);
    const bytes = escapes.map((one) => (one === '\\0' ? 0 : Number.parseInt(one.slice(2), 16)));
    expect(Buffer.compare(Uint8Array.from(bytes), ratelimit)).toBe(0);
  });

  it('keeps the places of variables by padding, and leaves static ones out', () => {
    const struct = structOf(skeleton(fixture('counter.bpf.o'), 'c'), 'c');
    expect(struct).toContain('\tstruct c__data {\n\t\t__u32 seed;\n\t} *data;\n');
    expect(struct).toContain('\tstruct c__data_custom {\n\t\t__u16 custom;\n\t} *data_custom;\n');
  });

  it('has the options of the kernel in the order libbpf keeps them', () => {
    const text = skeleton(fixture('externs.bpf.o'), 'externs');
    expect(text).toContain('map->name = "externs.kconfig";');
    expect(text).toContain('map->mmaped = (void **)&obj->kconfig;');
    const kconfig = /struct externs__kconfig \{\n([^}]*)\}/.exec(text)![1]!;
    expect(kconfig.split('\n').map((line) => line.trim())).toMatchInlineSnapshot(`
      [
        "unsigned long CONFIG_HZ;",
        "_Bool CONFIG_BPF;",
        "",
      ]
    `);
  });

  it('shows tables of struct_ops with their numbers and programs', () => {
    const struct = structOf(skeleton(fixture('special.bpf.o'), 's'), 's');
    expect(struct).toMatch(/struct s__\w+__\w+ \{\n(.*\n)*\t\t\} \*\w+;\n\t\} struct_ops;/);
    expect(struct).toMatch(/\t\t\tstruct bpf_program \*\w+;/);
  });

  it('of a library has its variables by pointer', () => {
    const text = printSubskeleton(parseObject(ratelimit), 'rl');
    expect(text).toContain('\t\t__u64 *limit;\n');
    expect(text).toContain('s->vars[0].addr = (void **)&obj->rodata.limit;');
    expect(text).toContain('map->name = ".rodata";');
    expect(text).not.toContain('mmaped =');
  });

  it('is not made of what libbpf cannot open', () => {
    expect(() => skeleton(fixture('legacy-maps.bpf.o'), 'x')).toThrow(/does not open/);
  });
});

describe('names', () => {
  it('of skeletons come from the file', () => {
    expect(skeletonName('a/b/net-flow.bpf.o')).toBe('net_flow_bpf');
    expect(skeletonName('x')).toBe('x');
    expect(skeletonName(`${'y'.repeat(90)}.o`)).toHaveLength(63);
  });

  it.each([
    ['net', '.rodata', 'net.rodata', 'rodata'],
    ['a_long_object_name', '.bss', 'a_long_o.bss', 'bss'],
    ['a_long_object_name', '.kconfig', 'a_long_.kconfig', 'kconfig'],
    ['net', '.data.custom', '.data.custom', 'data_custom'],
    ['net', '.rodata.str1.16.more', '.rodata.str1.16.more', 'rodata_str1_16_more'],
    ['net', '.bss.a_long_name_of_it', '.bss.a_long_nam', 'bss_a_long_nam'],
    ['', '.data', '.data', 'data'],
  ])('of maps: object %s, section %s', (object, section, name, ident) => {
    expect(internalMapName(object, section)).toBe(name);
    expect(internalIdentifier(name)).toBe(ident);
  });
});
