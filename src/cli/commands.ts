import type { CommandDef, OptionDef } from './command.ts';

const ENGINE: OptionDef = {
  type: 'string',
  value: 'NAME',
  choices: ['wasm', 'interpreter'],
  help: 'wasm (compiled, default) or interpreter',
};

const GLOBALS: OptionDef = {
  type: 'string',
  short: 'g',
  multiple: true,
  value: 'NAME=VALUE',
  help: 'set a global variable or a member of one (config.limit=5) before loading',
};

const BASE_BTF: OptionDef = {
  type: 'string',
  short: 'B',
  value: 'FILE',
  help: 'the BTF that this one continues (of a kernel, for a module)',
};
/** Read by map-hash.ts. */
const MAP_HASH: OptionDef = {
  type: 'string',
  value: 'NAME',
  choices: ['jhash', 'xxh32', 'xxh3', 'siphash', 'murmur3'],
  help: "hash of hash maps' keys: jhash (as Linux, default), xxh32, xxh3, siphash, murmur3",
};
const SEED: OptionDef = {
  type: 'string',
  value: 'N',
  help: 'seed of the machine, so of its hash maps and random numbers (default 0)',
};
const KFUNCS: OptionDef = {
  type: 'string',
  value: 'FILE',
  help: 'kernel functions of your own: a module that exports what kfunc() made',
};
/** Read by kernel-parts.ts. */
const WITH: OptionDef = {
  type: 'string',
  value: 'FEATURE',
  choices: ['sched_ext'],
  help: "the kernel is built with it, too, which Debian's is not",
};
const PROG = 'PROG is NAME, name NAME, tag TAG or id ID; ids are places in the object, from 1.';

/**
 * Every command there is. Help, parsing and completion read this table; nothing else lists them.
 */
export const COMMANDS: readonly CommandDef[] = [
  {
    path: ['run'],
    summary: 'run a program over the packets of a capture',
    operands: 'OBJ',
    count: [1, 1],
    options: {
      prog: { type: 'string', value: 'NAME', help: 'which program, if the object has several' },
      pcap: {
        type: 'string',
        value: 'FILE',
        help: 'capture to read: pcap, pcapng, .gz, - = stdin',
      },
      out: { type: 'string', short: 'o', value: 'FILE', help: 'write the packets that survive' },
      repeat: { type: 'string', value: 'N', help: 'go through the capture N times' },
      cpus: { type: 'string', value: 'N', help: 'CPUs, each with a thread; flows stay on one CPU' },
      engine: ENGINE,
      global: GLOBALS,
      map: {
        type: 'string',
        short: 'm',
        multiple: true,
        value: 'MAP:KEY=VALUE',
        help: 'put an entry into a map before running',
      },
      device: {
        type: 'string',
        value: 'NAME',
        help: 'device packets come in by (default: as the capture names it, or eth0)',
      },
      top: { type: 'boolean', help: 'show the hottest source lines' },
      entries: { type: 'string', value: 'N', help: 'map entries shown per map (default 8)' },
      'no-maps': { type: 'boolean', help: 'do not show the maps at the end' },
      'map-hash': MAP_HASH,
      seed: SEED,
      fuel: { type: 'string', value: 'N', help: 'loop iterations one packet may take' },
      kfuncs: KFUNCS,
      unverified: { type: 'boolean', help: 'run it unseen by the verifier, every access checked' },
    },
    details:
      'Loads OBJ into a simulated kernel and gives every packet of the capture to one of its XDP ' +
      'or tc programs. Shows the verdicts, what the program wrote into its maps and buffers, and ' +
      'every fault with the source line it happened on. The program is verified first by the ' +
      'rules of Linux 6.12; with --unverified it is not, and each access is checked while it ' +
      'runs. Ends with 1 if the program is rejected or a packet made it fault.',
    examples: [
      ['beeyard run firewall.bpf.o --pcap in.pcapng --out out.pcapng', 'filter a capture'],
      ['beeyard run x.bpf.o --pcap in.pcap --top', 'and show where the time goes'],
      ['beeyard run x.bpf.o --pcap in.pcap -g limit=10 -j', 'with a global set, as JSON'],
    ],
    load: () => import('./run.ts'),
  },
  {
    path: ['verify'],
    summary: 'say whether Linux would load programs, and why not',
    operands: 'OBJ...',
    count: [1, 10_000],
    options: {
      prog: { type: 'string', multiple: true, value: 'NAME', help: 'only this program' },
      'log-level': {
        type: 'string',
        value: 'N',
        help: "the kernel's log: 1 path, 2 every instruction and state, 4 figures; add them up",
      },
      kernel: {
        type: 'string',
        value: 'VERSION',
        choices: ['6.12', '6.1'],
        help: 'whose rules: 6.12 (6.12.117, default) or 6.1 (6.1.192); see `beeyard matrix`',
      },
      caps: {
        type: 'string',
        value: 'LIST',
        help: 'the loader has only these: bpf,perfmon,net_admin,sys_admin; all (default), none',
      },
      unpriv: { type: 'boolean', help: 'the loader has no capability (same as --caps none)' },
      portable: { type: 'boolean', help: 'refuse what Linux does not have (our extensions)' },
      csv: { type: 'boolean', help: "comma-separated, veristat's columns" },
      explain: { type: 'boolean', help: 'say in plain words what is wrong and what would help' },
      sarif: { type: 'boolean', help: 'SARIF 2.1.0, for code scanning' },
      counterexample: {
        type: 'boolean',
        help: 'search an input that really goes wrong (xdp and tc programs); implies --explain',
      },
      out: { type: 'string', value: 'FILE.pcap', help: 'write the packets found to a capture' },
      profile: { type: 'boolean', help: 'say which lines cost how much, and why' },
      'strict-ops': {
        type: 'boolean',
        help: 'extension: refuse calls that an operation of a struct_ops may not make at run time',
      },
      with: WITH,
      kfuncs: KFUNCS,
    },
    details:
      'Verifies as Linux 6.12.117 (or 6.1.192) does and prints its words: the log of every ' +
      'program that would be rejected, then a table. No kernel is asked and nothing runs. Ends ' +
      'with 1 if a program would not be loaded.',
    examples: [
      ['beeyard verify firewall.bpf.o', 'every program of the object'],
      ['beeyard verify x.bpf.o --prog drop --log-level 2', 'with the state at each instruction'],
      ['beeyard verify x.bpf.o --explain', 'rejections in plain words'],
      ['beeyard verify *.bpf.o --sarif > bpf.sarif', 'rejections for code scanning'],
      ['beeyard verify x.bpf.o --counterexample --out bad.pcap', 'and the packet that shows it'],
      ['beeyard verify x.bpf.o --prog drop --profile', 'where a million instructions go'],
      [
        'beeyard verify scheduler.bpf.o --with sched_ext --strict-ops',
        'calls that would stop the scheduler, before it runs',
      ],
      ['beeyard verify *.bpf.o --csv > now.csv', 'figures for veristat --compare'],
    ],
    load: () => import('./verify.ts'),
  },
  {
    path: ['explain'],
    summary: "explain a kernel's verifier log, without the object",
    operands: 'LOG...',
    count: [1, 100],
    options: {},
    details:
      'Reads a log as it was pasted or written by a loader (libbpf, cilium/ebpf, bcc, aya, ' +
      'systemd; kernels 5.x to 7.x), with time stamps and other words around it, cut at either ' +
      'end, and says in plain words what is wrong, where, how it came to that and what would ' +
      'help. Also tells loads apart that failed before the verifier. - is standard input. Ends ' +
      'with 1 if the program was rejected, with 3 if nothing was recognised.',
    examples: [
      ['beeyard explain verifier.log', 'a file'],
      ['bpftool prog load x.bpf.o /sys/fs/bpf/x 2>&1 | beeyard explain -', 'what a loader says'],
    ],
    load: () => import('./explain.ts'),
  },
  {
    path: ['matrix'],
    summary: 'say which kernels would load programs',
    operands: 'OBJ...',
    count: [1, 10_000],
    options: {
      prog: { type: 'string', multiple: true, value: 'NAME', help: 'only this program' },
      kernel: {
        type: 'string',
        multiple: true,
        value: 'LIST',
        help: 'only these: 5.4, 5.10, 5.15, 6.1, 6.6, 6.12',
      },
      'fail-on': {
        type: 'string',
        multiple: true,
        value: 'LIST',
        help: 'end with 1 if a program is rejected on 6.1, 6.12, or exact (either)',
      },
    },
    details:
      'Kernels whose rules are known (6.1.192 and 6.12.117 of Debian) verify programs: exact. ' +
      'Of the others it is only looked up what they have: instructions, program, map and attach ' +
      'types, helpers, kernel functions, flags. That a program would load there is likely, and ' +
      'never sure. A feature stands with the first version of Linux that has it.',
    examples: [
      ['beeyard matrix firewall.bpf.o', 'every program on every kernel'],
      ['beeyard matrix x.bpf.o --kernel 5.15,6.1 -j', 'two kernels, as JSON'],
      ['beeyard matrix x.bpf.o --fail-on 6.1', 'for CI: 1 when Linux 6.1 rejects a program'],
    ],
    load: () => import('./matrix.ts'),
  },
  {
    path: ['proto'],
    summary: 'show what a helper, kfunc or function demands',
    operands: '[NAME | OBJ:FUNCTION]',
    count: [0, 1],
    options: {
      all: { type: 'boolean', help: 'every helper and kfunc there is' },
      with: WITH,
    },
    examples: [
      ['beeyard proto bpf_map_update_elem', 'a helper'],
      ['beeyard proto bpf_task_from_pid', 'a kfunc'],
      ['beeyard proto firewall.bpf.o:count', 'a global function of an object'],
      ['beeyard proto --all -j > calls.json', 'the contracts of all calls, for programs'],
    ],
    load: () => import('./proto.ts'),
  },
  {
    path: ['kfuncs'],
    summary: 'list which kernel functions programs may call, and why not the others',
    operands: '',
    count: [0, 0],
    options: {
      prog: {
        type: 'string',
        value: 'PLACE',
        help: 'seen from there: a section name, a program type, or TABLE.MEMBER of a struct_ops',
      },
      all: {
        type: 'boolean',
        help: 'also name the others, each with its reason',
      },
      with: WITH,
    },
    details:
      'Linux registers sets of functions for types of programs; a set may have a filter, some ' +
      'functions want a sleepable program or CAP_SYS_BOOT, and functions of sched_ext check when ' +
      'they run which operation calls them. All of that decides here; of modules it is said that ' +
      'they must be loaded. Without --prog: every function, its flags, and who may call it.',
    examples: [
      ['beeyard kfuncs --prog sched_ext_ops.dispatch', 'what a scheduler may call to dispatch'],
      ['beeyard kfuncs --prog lsm/file_open --all', 'and why not the others'],
      ['beeyard kfuncs --prog xdp -j', 'as JSON'],
      ['beeyard kfuncs', 'all there are'],
    ],
    load: () => import('./kfuncs.ts'),
  },
  {
    path: ['kfunc', 'define'],
    summary: 'print kernel functions of your own as C header, kernel module or BTF',
    operands: 'FILE',
    count: [1, 1],
    options: {
      output: {
        type: 'string',
        short: 'o',
        value: 'WHAT',
        choices: ['header', 'stub', 'btf'],
        help: 'header (default), stub (a kernel module), or btf',
      },
      name: { type: 'string', value: 'NAME', help: 'of the module (default own_kfuncs)' },
      portable: { type: 'boolean', help: 'refuse what Linux 6.12 has no words for' },
    },
    details:
      'FILE is a module of JavaScript (TypeScript where Node runs it) that exports what kfunc() ' +
      'of beeyard made: functions described argument by argument, with bodies that a machine ' +
      'runs when programs call them. What the kernel cannot be told, such as two arguments that ' +
      'are released, is said on standard error.',
    examples: [
      ['beeyard kfunc define kfuncs.mjs > kfuncs.h', 'the header programs include'],
      ['beeyard kfunc define kfuncs.mjs -o stub > kfuncs.c', 'a kernel module to fill in'],
    ],
    load: () => import('./kfunc-define.ts'),
  },
  {
    path: ['resolve'],
    summary: 'say which kernel function a name stands for',
    operands: 'NAME|OBJ...',
    count: [1, 10_000],
    options: {
      kernel: {
        type: 'string',
        short: 'k',
        multiple: true,
        value: 'VERSION',
        help: '6.12 (default), 6.1, or a BTF file; may be given again',
      },
      syms: {
        type: 'string',
        value: 'FILE',
        help: 'symbols of the kernel: /proc/kallsyms or System.map',
      },
    },
    details:
      'Linux finds functions by name and takes the first; several may have one name. Lists every ' +
      'candidate: BTF id and prototype, addresses, and whether fentry and kprobe programs can be ' +
      'attached. NAME@0xADDRESS means one of several. Of an object every attach point is looked ' +
      'up. Ends with 1 if a name is missing or means several functions.',
    examples: [
      ['beeyard resolve tcp_v4_connect', 'in the types of Linux 6.12'],
      ['beeyard resolve type_show --syms System.map', 'with the addresses of one build'],
      ['beeyard resolve trace.bpf.o -k 6.12 -k 6.1', 'every attach point of an object'],
    ],
    load: () => import('./resolve.ts'),
  },
  {
    path: ['core'],
    summary: 'show what compile-once accesses become on kernels',
    operands: 'OBJ',
    count: [1, 1],
    options: {
      prog: { type: 'string', multiple: true, value: 'NAME', help: 'only this program' },
      kernel: {
        type: 'string',
        short: 'k',
        multiple: true,
        value: 'VERSION',
        help: '6.12 or 6.1 (default: both), or a BTF file; may be given again',
      },
      btf: { type: 'string', multiple: true, value: 'FILE', help: 'a kernel by its BTF file' },
    },
    details:
      'Relocates the programs of OBJ as libbpf does (CO-RE) against the types of each kernel and ' +
      'tells every decision: the offset, size or value the compiler put in, what it becomes, ' +
      'whether the kernels agree, and what is missing. Instructions whose field a kernel does ' +
      'not have are poisoned: its verifier refuses them unless they cannot be reached. The ' +
      'kernels that come with beeyard are Debian builds for x86-64. Ends with 1 if libbpf would ' +
      'refuse the object on one of them.',
    examples: [
      ['beeyard core opensnoop.bpf.o', 'on Linux 6.12 and 6.1'],
      ['beeyard core x.bpf.o -k 6.12 --btf /sys/kernel/btf/vmlinux', 'and on the one that runs'],
      ['beeyard core x.bpf.o -j', 'with all candidates, as JSON'],
    ],
    load: () => import('./core.ts'),
  },
  {
    path: ['prog', 'show'],
    alias: 'list',
    summary: 'list the programs of an object',
    operands: 'OBJ [PROG]',
    count: [1, 3],
    options: {},
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
    operands: 'OBJ [PROG] [{file FILE | [opcodes] [linum] [visual]}]',
    count: [1, 8],
    options: {
      opcodes: { type: 'boolean', help: 'show the bytes of each instruction' },
      linum: { type: 'boolean', help: 'show file and line of the source' },
      visual: { type: 'boolean', help: 'a DOT graph of the control flow of one program' },
      file: { type: 'string', value: 'FILE', help: 'write the instructions as they are' },
      loaded: { type: 'boolean', help: 'as handed to the kernel: not verified, not rewritten' },
      unpriv: { type: 'boolean', help: 'as it is when the loader has no capability' },
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
    operands: 'OBJ',
    count: [1, 1],
    options: {},
    examples: [['beeyard map show firewall.bpf.o', 'types, sizes, entries']],
    load: () => import('./map-show.ts'),
  },
  {
    path: ['map', 'dump'],
    summary: 'show what maps hold right after loading',
    operands: 'OBJ [MAP]',
    count: [1, 2],
    options: { global: GLOBALS },
    examples: [['beeyard map dump firewall.bpf.o .rodata', 'the read-only globals']],
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
  {
    path: ['build'],
    summary: 'compile a BPF program written in C or TypeScript',
    operands: 'FILE.bpf.c|FILE.bpf.ts',
    count: [1, 1],
    options: {
      out: {
        type: 'string',
        short: 'o',
        value: 'FILE',
        help: 'object to write (default: FILE.bpf.o)',
      },
      cpu: { type: 'string', value: 'vN', choices: ['v1', 'v2', 'v3', 'v4'], help: 'default v3' },
      include: { type: 'string', short: 'I', multiple: true, value: 'DIR', help: 'more headers' },
      define: { type: 'string', short: 'D', multiple: true, value: 'NAME[=V]', help: 'macros' },
      clang: { type: 'string', value: 'PATH', help: 'the compiler to use' },
      'emit-c': { type: 'boolean', help: 'write the C made of TypeScript, and no object' },
    },
    details:
      'Uses the first clang that knows the bpf target: $CLANG, clang, clang-22 … clang-14, then ' +
      'the @zigc packages if they are installed. Downloads nothing. <beeyard/bpf.h> is found by ' +
      'itself. What TypeScript can say is in docs/bpf-in-typescript.md. Commands that take OBJ ' +
      'take such sources too and compile them first: beeyard verify x.bpf.ts.',
    examples: [
      ['beeyard build firewall.bpf.c', 'writes firewall.bpf.o'],
      ['beeyard build firewall.bpf.ts', 'the same from TypeScript'],
      ['beeyard build firewall.bpf.ts --emit-c', 'the C in between'],
    ],
    load: () => import('./build.ts'),
  },
  {
    path: ['obj', 'doctor'],
    summary: 'say what an object is, what breaks and how to mend it',
    operands: 'OBJ...',
    count: [1, 10_000],
    options: {
      brief: { type: 'boolean', help: 'only what was found, no tables' },
      static: { type: 'boolean', help: 'ask no kernel: no verifier, no lookup of its symbols' },
    },
    details:
      'Looks objects over as the libbpf of Linux 6.12 would, whoever compiled them: the ' +
      'compiler, ' +
      'what each section and relocation is, what loading does step by step, and every mistake ' +
      "with libbpf's or the kernel's words and the way to mend it. Programs are fitted to Linux " +
      '6.12.117 and verified; nothing is loaded. Findings have stable codes; ends with 1 if one ' +
      'of them is an error.',
    examples: [
      ['beeyard obj doctor x.bpf.o', 'all about an object'],
      ['beeyard obj doctor build/*.o --brief', 'what to mend'],
      ['beeyard obj doctor x.bpf.o -j', 'findings with codes, as JSON'],
    ],
    load: () => import('./obj-doctor.ts'),
  },
  {
    path: ['struct_ops', 'show'],
    alias: 'list',
    summary: 'list the tables of programs in an object',
    operands: 'OBJ [{id ID | name NAME}]',
    count: [1, 3],
    options: {},
    details:
      'The struct_ops of an object: sched_ext schedulers, TCP congestion control and their like. ' +
      'What bpftool does with loaded ones (register, unregister) is not there yet.',
    examples: [['beeyard struct_ops show cubic.bpf.o', 'names, kernel structs, programs']],
    load: () => import('./struct-ops-show.ts'),
  },
  {
    path: ['struct_ops', 'dump'],
    summary: 'show what an object puts into its tables of programs',
    operands: 'OBJ [{id ID | name NAME}]',
    count: [1, 3],
    options: {},
    examples: [['beeyard struct_ops dump cubic.bpf.o', 'every member that is set']],
    load: () => import('./struct-ops-dump.ts'),
  },
  {
    path: ['feature', 'list_builtins'],
    summary: 'list the words of Linux 6.12 for types and helpers',
    operands: 'prog_types|map_types|attach_types|link_types|helpers',
    count: [1, 1],
    options: {},
    examples: [['beeyard feature list_builtins helpers', 'names by number, from 0']],
    load: () => import('./feature-builtins.ts'),
  },
  {
    path: ['feature', 'probe'],
    summary: 'say what programs, maps and helpers Linux 6.12 has',
    operands: '[kernel] [full] [macros [prefix TEXT]]',
    count: [0, 5],
    options: {},
    details:
      'What bpftool finds on Linux 6.12.117 as Debian builds it, with all capabilities: each ' +
      'program type and helper is tried on the verifier. No sysctls are told: there is no kernel ' +
      'that has them. What this machine runs of it is another question.',
    examples: [
      ['beeyard feature probe', 'everything'],
      ['beeyard feature probe kernel macros prefix MY_', 'for #include'],
      ['beeyard feature probe -j', "with bpftool's keys"],
    ],
    load: () => import('./feature-probe.ts'),
  },
  {
    path: ['batch', 'file'],
    summary: 'run the commands that stand in a file, one a line',
    operands: 'FILE',
    count: [1, 1],
    options: {},
    details:
      "As bpftool's: # starts a comment, \\ at the end of a line goes on with the next, quotes " +
      'keep words together, - is standard input. Stops at the first command that fails, with its ' +
      'exit code.',
    examples: [['beeyard batch file commands.txt', 'each after the other']],
    load: () => import('./batch.ts'),
  },
  {
    path: ['version'],
    summary: 'show the version, and which Linux it follows',
    operands: '',
    count: [0, 0],
    options: {},
    examples: [['beeyard version -j', "with bpftool's keys"]],
    load: () => import('./show-version.ts'),
  },
];
