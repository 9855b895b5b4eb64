import type { CommandDef } from './command.ts';
import { KFUNCS, WITH } from './command-options.ts';

/** Commands about what kernels take: the verifier, contracts of calls, types of kernels. */
export const verifyCommands: readonly CommandDef[] = [
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
];
