import { CI_OPTIONS } from './ci-options.ts';
import type { CommandDef } from './command.ts';

/** Commands that hold many objects on many kernels against a baseline. */
export const ciCommands: readonly CommandDef[] = [
  {
    path: ['ci'],
    summary: 'objects × kernels × ways to load them, held against a baseline',
    operands: '[OBJ...]',
    count: [0, 10_000],
    options: {
      kernel: { type: 'string', multiple: true, value: 'LIST', help: '6.1,6.12 (default 6.12)' },
      ...CI_OPTIONS,
      shard: { type: 'string', value: 'I/N', help: 'judge only this part of all' },
      blob: { type: 'string', value: 'FILE', help: 'write results for `beeyard ci merge`' },
      'no-cache': { type: 'boolean', help: 'judge what was judged before as well' },
    },
    details:
      'beeyard-ci.yaml has objects (files, * in names), kernels, shapes (rodata, maps, attach, ' +
      'programs, loader), baseline and gates (verdict, insns, states, stack). A program that ' +
      'user space cannot make ready is not loaded: no verifier rejected it. Ends with 1 if a ' +
      'gate was not passed. docs/ci.md has more.',
    examples: [
      ['beeyard ci build/*.bpf.o --kernel 6.1,6.12', 'who loads where'],
      ['beeyard ci --write-baseline ci.json', 'keep what is now'],
      ['beeyard ci --baseline ci.json --gate insns=10%', 'say what got worse'],
      ['beeyard ci --shard 1/8 --blob 1.json', 'an eighth of the work, for `beeyard ci merge`'],
    ],
    load: () => import('./ci.ts'),
  },
  {
    path: ['ci', 'merge'],
    summary: 'put the results of shards together',
    operands: 'BLOB...',
    count: [1, 10_000],
    options: CI_OPTIONS,
    examples: [['beeyard ci merge *.json --junit ci.xml', 'as if one run had judged all']],
    load: () => import('./ci-merge.ts'),
  },
  {
    path: ['ci', 'compare'],
    summary: "hold two tables against each other, as veristat's -C does",
    operands: 'A.csv B.csv',
    count: [2, 2],
    options: { csv: { type: 'boolean', help: "comma-separated, veristat's columns" } },
    details:
      'Reads tables of veristat and of `beeyard ci --csv`, columns by their names; compares ' +
      'those that both have. Ends with 1 if B rejects a program that A accepts.',
    examples: [['beeyard ci compare main.csv now.csv', 'what a change costs']],
    load: () => import('./ci-compare.ts'),
  },
  {
    path: ['ci', 'explain'],
    summary: 'say why a program costs the verifier more than it did, or on another kernel',
    operands: 'OLD [NEW]',
    count: [1, 2],
    options: {
      prog: { type: 'string', value: 'NAME', help: 'which program (default: the only one)' },
      kernel: { type: 'string', value: 'OLD[,NEW]', help: '6.1,6.12 (default 6.12)' },
    },
    details:
      'Verifies both and tells where their pruning first differs, with source lines, and which ' +
      'lines cost how many more instructions. Lines are told apart by their text. Ends with 1 if ' +
      'NEW is rejected and OLD is not.',
    examples: [
      ['beeyard ci explain old.bpf.o new.bpf.o --prog parse', 'what a change did'],
      ['beeyard ci explain x.bpf.o --prog parse --kernel 6.1,6.12', 'what a kernel does'],
    ],
    load: () => import('./ci-explain.ts'),
  },
  {
    path: ['ci', 'splats'],
    summary: 'find lines of a kernel log that say something is wrong',
    operands: 'DMESG',
    count: [1, 1],
    options: {
      deny: { type: 'string', value: 'FILE', help: 'expressions for such lines, one a line' },
      allow: { type: 'string', value: 'FILE', help: 'expressions for those that are known' },
    },
    details:
      'Reads SPLAT_DENYLIST and SPLAT_ALLOWLIST as they are. Ends with 1 if a line is found.',
    examples: [['beeyard ci splats dmesg.log --deny SPLAT_DENYLIST', 'after a run in a VM']],
    load: () => import('./ci-splats.ts'),
  },
];
