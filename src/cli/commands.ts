import type { CommandDef } from './command.ts';
import {
  ENGINE,
  GLOBALS,
  MAP_ENTRIES,
  MACHINE,
  MAP_HASH,
  SEED,
  KFUNCS,
} from './command-options.ts';
import { ciCommands } from './commands-ci.ts';
import { ipCommands } from './commands-ip.ts';
import { machineCommands } from './commands-machine.ts';
import { netCommands } from './commands-net.ts';
import { memoryCommand } from './commands-memory.ts';
import { objectCommands } from './commands-objects.ts';
import { MEMORY_OPTIONS } from './memory-options.ts';
import { standardCommands } from './commands-standard.ts';
import { testCommands } from './commands-test.ts';
import { tokenCommands } from './commands-token.ts';
import { verifyCommands } from './commands-verify.ts';
import { diffCommands } from './commands-diff.ts';
import { vmCommands } from './commands-vm.ts';

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
      map: MAP_ENTRIES,
      device: {
        type: 'string',
        value: 'NAME',
        help: 'device packets come in by (default: as the capture names it, or eth0)',
      },
      top: { type: 'boolean', help: 'show the hottest source lines' },
      entries: { type: 'string', value: 'N', help: 'map entries shown per map (default 8)' },
      draw: {
        type: 'string',
        multiple: true,
        value: 'MAP',
        help: 'draw the lists and trees that its values own',
      },
      'no-maps': { type: 'boolean', help: 'do not show the maps at the end' },
      'map-hash': MAP_HASH,
      seed: SEED,
      fuel: { type: 'string', value: 'N', help: 'loop iterations one packet may take' },
      for: {
        type: 'string',
        value: 'TIME',
        help: 'let time go on after the last packet (10s, 1.5ms, 2h): timers fire',
      },
      kfuncs: KFUNCS,
      ...MEMORY_OPTIONS,
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
      ['beeyard run fair.bpf.o --pcap in.pcap --draw .bss.queue', 'and draw a tree of objects'],
      ['beeyard run x.bpf.o --pcap in.pcap -g limit=10 -j', 'with a global set, as JSON'],
    ],
    load: () => import('./run.ts'),
  },
  memoryCommand,
  ...ciCommands,
  ...verifyCommands,
  ...standardCommands,
  ...testCommands,
  ...vmCommands,
  ...diffCommands,
  ...objectCommands,
  ...machineCommands,
  ...ipCommands,
  ...tokenCommands,
  ...netCommands,
  {
    path: ['studio'],
    summary: 'look at objects in a browser: code, proof, runs step by step',
    operands: '[FILE…]',
    count: [0, 64],
    options: {
      port: { type: 'string', value: 'N', help: 'port to listen on (default: one that is free)' },
      open: { type: 'boolean', help: 'open a browser' },
      'no-open': { type: 'boolean', help: 'only print the address (default)' },
    },
    details:
      'Serves a web app on 127.0.0.1 and prints its address, with a secret word in it: other ' +
      'machines and other sites cannot read it. FILEs are objects (.bpf.o), sources of the same ' +
      'name (.bpf.c), captures, and views that were shared (.beeyard). Everything is ' +
      'verified and run in the browser; nothing is uploaded. C is edited there and compiled by ' +
      'the clang of this computer, in a folder of its own: your files stay as they are. ' +
      'The folder dist/studio of the package is the same app for any web server.',
    examples: [
      ['beeyard studio', 'the gallery of examples'],
      ['beeyard studio x.bpf.o x.bpf.c in.pcap', 'with these files'],
      ['beeyard studio x.bpf.c', 'compile a source, and edit it'],
      ['beeyard studio bug.beeyard', 'a view that somebody shared'],
    ],
    load: () => import('./studio.ts'),
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
    path: ['init'],
    summary: 'put a BPF program and its vitest tests into a folder',
    operands: '[DIR]',
    count: [0, 1],
    options: {},
    details:
      'Writes synlimit.bpf.c, its object, tests with verdicts, maps, time, kernels and random ' +
      'packets, the settings of vitest, and what package.json lacks. Files that are there stay ' +
      'as they are.',
    examples: [
      ['beeyard init', 'here'],
      ['beeyard init filter', 'in a new folder'],
    ],
    load: () => import('./init.ts'),
  },
  {
    path: ['debug'],
    summary: 'step through a run of a program, forwards and backwards',
    operands: 'OBJ',
    count: [1, 1],
    options: {
      prog: { type: 'string', value: 'NAME', help: 'which program, if the object has several' },
      pcap: { type: 'string', value: 'FILE', help: 'capture the packet is in' },
      packet: { type: 'string', value: 'N', help: 'the packet; those before it run first (1)' },
      data: { type: 'string', value: 'HEX', help: 'the packet itself' },
      device: { type: 'string', value: 'NAME', help: 'device it comes in by (default eth0)' },
      global: GLOBALS,
      map: MAP_ENTRIES,
      execute: {
        type: 'string',
        short: 'x',
        multiple: true,
        value: 'COMMANDS',
        help: 'commands, ; between them, instead of reading some',
      },
    },
    details:
      'The run is recorded; every step of it can be gone to, and memory is what it was there: ' +
      'registers, stack, packet, maps. Commands are those of gdb: step, next, finish, stepi, ' +
      'continue, the same with reverse- before them, break, watch, backtrace, help.',
    examples: [
      ['beeyard debug firewall.bpf.o --pcap in.pcap --packet 7', 'the seventh packet'],
      ["beeyard debug x.bpf.o --pcap in.pcap -x 'b 42; c; r; rs'", 'without a terminal'],
    ],
    load: () => import('./debug.ts'),
  },
  {
    path: ['dap'],
    summary: 'the debugger for editors (Debug Adapter Protocol)',
    operands: '',
    count: [0, 0],
    options: {
      port: {
        type: 'string',
        value: 'N',
        help: 'listen on this port of 127.0.0.1 (default: stdio)',
      },
    },
    details:
      'launch takes program (an object), prog, pcap, packet, data, globals, maps, device, as ' +
      "'beeyard debug' does. Breakpoints at lines, calls of helpers (function breakpoints), " +
      'instructions, and changes of maps (data breakpoints); steps forwards and back.',
    examples: [
      ['beeyard dap', 'what an editor starts'],
      ['beeyard dap --port 4711', 'for editors that connect'],
    ],
    load: () => import('./dap.ts'),
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
    options: { machine: MACHINE },
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
