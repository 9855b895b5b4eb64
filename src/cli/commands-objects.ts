import type { CommandDef } from './command.ts';
import { GLOBALS, BASE_BTF, MACHINE, MAP_HASH, SEED, PROG, TARGET } from './command-options.ts';

/** Commands about what is in objects: programs, maps, types, and what is made of them. */
export const objectCommands: readonly CommandDef[] = [
  {
    path: ['prog', 'show'],
    alias: 'list',
    summary: 'list the programs of an object',
    operands: 'OBJ [PROG]|[PROG] --machine FILE',
    count: [0, 3],
    options: { machine: MACHINE, target: TARGET },
    details: PROG,
    examples: [
      ['beeyard prog show firewall.bpf.o', 'names, types, sections, sizes, tags'],
      ['beeyard prog list firewall.bpf.o name firewall -j', 'one, as JSON'],
    ],
    load: () => import('./prog-show.ts'),
  },
  {
    path: ['prog', 'dump', 'xlated'],
    summary: 'disassemble programs, with their source lines',
    operands: 'OBJ [PROG]|PROG --target linux [{file FILE | [opcodes] [linum] [visual]}]',
    count: [1, 8],
    options: {
      target: TARGET,
      opcodes: { type: 'boolean', help: 'show the bytes of each instruction' },
      linum: { type: 'boolean', help: 'show file and line of the source' },
      visual: { type: 'boolean', help: 'a DOT graph of the control flow of one program' },
      file: { type: 'string', value: 'FILE', help: 'write the instructions as they are' },
      loaded: { type: 'boolean', help: 'as handed to the kernel: not verified, not rewritten' },
      unpriv: { type: 'boolean', help: 'as it is when the loader has no capability' },
      key: {
        type: 'string',
        multiple: true,
        value: 'NAME',
        help: 'as it is while this static key is on (an extension)',
      },
    },
    details:
      'The code as Linux 6.12.117 keeps it after verifying it: no dead code, fields of the ' +
      'context as loads from structs of the kernel, map lookups and some helpers in place of ' +
      'their calls. Names stand where a kernel has addresses, numbers of its functions and ids ' +
      `of maps. Ends with 1 if a program would not be loaded. ${PROG}`,
    examples: [
      ['beeyard prog dump xlated firewall.bpf.o', 'every program of the object'],
      ['beeyard prog dump xlated x.bpf.o run --loaded', 'before the kernel has a hand in it'],
      ['beeyard prog dump xlated x.bpf.o run opcodes linum', "bpftool's words"],
      ['beeyard prog dump xlated x.bpf.o run visual | dot -Tsvg', 'as a picture'],
      ['beeyard prog dump xlated id 7 --target linux', 'what a real kernel runs'],
    ],
    load: () => import('./prog-dump.ts'),
  },
  {
    path: ['prog', 'dump', 'jited'],
    summary: 'show the WebAssembly that programs are compiled to',
    operands: 'OBJ [PROG] [file FILE]',
    count: [1, 5],
    options: { file: { type: 'string', value: 'FILE', help: 'write the module itself' } },
    details: `Where a kernel's JIT makes machine code, ours makes WebAssembly: its text. ${PROG}`,
    examples: [
      ['beeyard prog dump jited firewall.bpf.o firewall', 'every function of one program'],
      ['beeyard prog dump jited x.bpf.o run file run.wasm', 'for tools of WebAssembly'],
    ],
    load: () => import('./prog-jited.ts'),
  },
  {
    path: ['map', 'show'],
    alias: 'list',
    summary: 'list the maps of an object',
    operands: 'OBJ|[MAP] --machine FILE',
    count: [0, 2],
    options: { machine: MACHINE, target: TARGET },
    examples: [['beeyard map show firewall.bpf.o', 'types, sizes, entries']],
    load: () => import('./map-show.ts'),
  },
  {
    path: ['map', 'dump'],
    summary: 'show what maps hold right after loading',
    operands: 'OBJ [MAP]|MAP --machine FILE',
    count: [1, 2],
    options: {
      global: GLOBALS,
      machine: MACHINE,
      target: TARGET,
      insns: {
        type: 'string',
        value: 'MAP=PROG[:N,…]',
        multiple: true,
        help: 'load PROG; fill in instruction array MAP, for instructions N or static branches',
      },
    },
    examples: [
      ['beeyard map dump firewall.bpf.o .rodata', 'the read-only globals'],
      ['beeyard map dump x.bpf.o places --insns places=trace', 'where branches on keys are'],
    ],
    load: () => import('./map-dump.ts'),
  },
  {
    path: ['map', 'hashstats'],
    summary: 'show how keys fall into the buckets of a hash map',
    operands: 'OBJ MAP KEYS',
    count: [3, 3],
    options: {
      seed: SEED,
      'map-hash': MAP_HASH,
    },
    details:
      'KEYS is a file with a key a line: numbers, addresses, structs as JSON. They are hashed as ' +
      'Linux does it (jhash), or by --map-hash. With BPF_F_ZERO_SEED they fall alike on every ' +
      'machine, also on Linux.',
    examples: [['beeyard map hashstats firewall.bpf.o flows keys.txt', 'chains and lookups']],
    load: () => import('./map-hashstats.ts'),
  },
  {
    path: ['map', 'collide'],
    summary: 'find keys that a hash map puts into one bucket',
    operands: 'OBJ MAP',
    count: [2, 2],
    options: {
      count: { type: 'string', value: 'N', help: 'how many keys (default 16)' },
      field: {
        type: 'string',
        multiple: true,
        value: 'NAME=RANGE',
        help: 'values of a field of the key: 80, 1024-65535, 10.0.0.0/8; all if not said',
      },
      bucket: { type: 'string', value: 'N', help: "which bucket (default: the first key's)" },
      seed: SEED,
      'map-hash': MAP_HASH,
      out: { type: 'string', short: 'o', value: 'FILE.pcap', help: 'write packets with such keys' },
    },
    details:
      'Whoever knows the seed of a hash can make every look-up walk one long chain. Tries keys ' +
      'whose fields lie in the ranges given, the last field first. Keys are printed in hex. For ' +
      'packets, fields must be called like source and destination address and port, and ' +
      'protocol, and hold what stands in the packet. Keys for a map with BPF_F_ZERO_SEED collide ' +
      'in Linux, too. Ends with 1 if there are fewer keys than wanted.',
    examples: [
      ['beeyard map collide lb.bpf.o flows --count 1000 -j', 'keys as JSON'],
      [
        'beeyard map collide lb.bpf.o flows --field saddr=10.0.0.0/8 --out x.pcap',
        'packets; give them to `beeyard run` with the same --seed',
      ],
    ],
    load: () => import('./map-collide.ts'),
  },
  {
    path: ['codemem'],
    summary: 'show the memory that compiled programs are in',
    operands: 'OBJ...',
    count: [1, 10_000],
    options: {
      pack: { type: 'string', value: 'N', help: 'programs of a WebAssembly module (default 16)' },
      unload: { type: 'string', multiple: true, value: 'NAME', help: 'and unload this program' },
      recompact: { type: 'boolean', help: 'then pack the programs that are left anew' },
      programs: { type: 'boolean', help: 'list all programs, not only the largest' },
      unverified: { type: 'boolean', help: 'load them unseen by the verifier, with checks' },
    },
    details:
      'Loads the programs of all objects together and shows their packs: WebAssembly modules ' +
      'with several programs each, which are never changed. A program that goes leaves a hole; a ' +
      'pack goes when all of its programs have gone, or when it is packed anew: its programs ' +
      'are compiled into another module and their slots of the function table switched, so that ' +
      'runs under way finish in the old code. Times are of this machine. Ends with 1 if a ' +
      'program is refused.',
    examples: [
      ['beeyard codemem build/*.bpf.o', 'packs, chunks, bytes and times'],
      ['beeyard codemem x.bpf.o --pack 1', 'a module for each program'],
      ['beeyard codemem x.bpf.o --unload old --recompact -j', 'without one program, as JSON'],
    ],
    load: () => import('./codemem.ts'),
  },
  {
    path: ['btf', 'dump', 'file'],
    summary: 'show the types of an object',
    operands: 'FILE [root_id N]… [format raw|c|ts] [unsorted]',
    count: [1, 64],
    options: { 'base-btf': BASE_BTF },
    details:
      'FILE is an object or raw BTF (/sys/kernel/btf/vmlinux). The C header is sorted by kind ' +
      'and name, as bpftool of Linux 6.12 does it (which leaves out the first one); unsorted ' +
      'keeps the order of the file. root_id shows only that type, in C with what it needs.',
    examples: [
      ['beeyard btf dump file firewall.bpf.o', 'one line per type, by id'],
      ['beeyard btf dump file firewall.bpf.o format c', 'as a C header'],
      ['beeyard btf dump file firewall.bpf.o format ts', 'as TypeScript types'],
      ['beeyard btf dump file nf_nat.btf -B vmlinux.btf', 'types of a kernel module'],
    ],
    load: () => import('./btf-dump.ts'),
  },
  {
    path: ['btf', 'dump', 'map'],
    summary: "show the types of a map's key and value",
    operands: 'OBJ MAP [key|value|kv|all] [format raw|c] [unsorted]',
    count: [2, 6],
    options: {},
    examples: [
      ['beeyard btf dump map firewall.bpf.o blocked format c', 'key and value as C'],
      ['beeyard btf dump map firewall.bpf.o blocked value', 'the type of the value'],
    ],
    load: () => import('./btf-dump.ts').then(({ runMap }) => ({ run: runMap })),
  },
  {
    path: ['gen', 'min_core_btf'],
    summary: "keep what objects need of a kernel's types",
    operands: 'INPUT OUTPUT OBJ…',
    count: [3, Number.MAX_SAFE_INTEGER],
    options: { 'base-btf': BASE_BTF },
    details:
      'Writes the few types that CO-RE relocation of the objects looks at, for kernels without ' +
      'BTF of their own. Relocating against OUTPUT gives the same instructions as against INPUT, ' +
      'but for ids of types. The file is the one bpftool writes.',
    examples: [
      ['beeyard gen min_core_btf vmlinux.btf small.btf firewall.bpf.o', 'for one object'],
      ['beeyard gen min_core_btf 5.4.btf 5.4.min.btf *.bpf.o', 'for many'],
    ],
    load: () => import('./gen-min-core-btf.ts'),
  },
  {
    path: ['gen', 'object'],
    summary: 'link objects into one, as bpftool does',
    operands: 'OUTPUT INPUT...',
    count: [2, 10_000],
    options: {},
    details:
      'Puts code and data of the inputs together, resolves extern functions, variables and maps ' +
      'between them, and merges their types and source lines; DWARF is left out. Every input has ' +
      'to be compiled with -g, all with the same license section. Externs that no input defines ' +
      'stay externs. Ends with 1 if the inputs do not go together; then nothing is written.',
    examples: [
      ['beeyard gen object all.bpf.o main.bpf.o library.bpf.o', 'link two objects'],
      ['beeyard gen object stripped.bpf.o main.bpf.o', 'one object, without DWARF'],
    ],
    load: () => import('./gen-object.ts'),
  },
  {
    path: ['gen', 'types'],
    summary: 'print what an object holds as a TypeScript declaration',
    operands: 'OBJ|FILE.bpf.c',
    count: [1, 1],
    options: {
      out: {
        type: 'string',
        short: 'o',
        value: 'FILE',
        help: 'file to write; in a folder: FILE.bpf.d.o.ts, where TypeScript looks',
      },
      include: { type: 'string', short: 'I', multiple: true, value: 'DIR', help: 'more headers' },
      define: { type: 'string', short: 'D', multiple: true, value: 'NAME[=V]', help: 'macros' },
    },
    details:
      'The declaration types `import object from "./FILE.bpf.o"`: programs with the options and ' +
      'verdicts of their types, maps with the keys and values BTF says, global variables. ' +
      'A source (FILE.bpf.c) is compiled for it. TypeScript takes it with ' +
      '"allowArbitraryExtensions": true in tsconfig.json.',
    examples: [
      ['beeyard gen types firewall.bpf.o', 'look at it'],
      ['beeyard gen types firewall.bpf.o -o .', 'writes firewall.bpf.d.o.ts'],
    ],
    load: () => import('./gen-types.ts'),
  },
  {
    path: ['gen', 'skeleton'],
    summary: 'print a C header to load an object with libbpf',
    operands: 'OBJ [name NAME]',
    count: [1, 3],
    options: {},
    details:
      "Names, members and functions are bpftool's: NAME__open, NAME__load, NAME__attach, … and " +
      'global variables as C structs. The header has the object in it and includes ' +
      '<bpf/libbpf.h>; it is good for C and C++.',
    examples: [
      ['beeyard gen skeleton firewall.bpf.o name firewall > firewall.skel.h', 'as bpftool does'],
    ],
    load: () => import('./gen-skeleton.ts'),
  },
  {
    path: ['gen', 'subskeleton'],
    summary: 'print a C header for a library of other objects',
    operands: 'OBJ [name NAME]',
    count: [1, 3],
    options: {},
    examples: [
      ['beeyard gen subskeleton lib.bpf.o name lib > lib.subskel.h', 'finds its parts when opened'],
    ],
    load: async () => ({ run: (await import('./gen-skeleton.ts')).runSub }),
  },
];
