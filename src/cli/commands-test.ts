import type { CommandDef } from './command.ts';

/** Commands that run tests somebody else wrote. */
export const testCommands: readonly CommandDef[] = [
  {
    path: ['test', 'kernel-selftests'],
    summary: "run the kernel's BPF selftests (progs/*.c) as they are",
    operands: '[TREE|FOLDER|FILE.c...]',
    count: [0, 10_000],
    options: {
      test: {
        type: 'string',
        short: 't',
        multiple: true,
        value: 'PATTERN',
        help: 'FILE, PROGRAM or FILE/PROGRAM, * for anything',
      },
      deny: { type: 'string', multiple: true, value: 'FILE', help: 'a DENYLIST: those may fail' },
      allow: { type: 'string', multiple: true, value: 'FILE', help: 'an ALLOWLIST: only those' },
      tree: { type: 'string', value: 'DIR', help: 'kernel tree with headers for files elsewhere' },
      kernel: { type: 'string', value: 'LINUX', help: 'rules to judge by: 6.12 (default), 6.1' },
      jobs: { type: 'string', value: 'N', help: 'compile and judge N at a time (default: CPUs)' },
      list: { type: 'boolean', help: 'say which tests there are, and run none' },
      watch: { type: 'boolean', help: 'run again what changes, until Ctrl-C' },
      junit: { type: 'string', value: 'FILE', help: 'write results as JUnit XML' },
      tap: { type: 'boolean', help: 'print TAP 14' },
    },
    details:
      'Compiles tests with clang and the headers of their tree, loads each program as ' +
      "test_progs does, and holds verdict, messages and return value against the test's own " +
      'annotations (__success, __failure, __msg, __flag, __retval and their _unpriv forms). ' +
      "Without a tree: Debian's source of that kernel. Nothing is loaded into this machine's " +
      'kernel. A test that needs a kernel module is skipped. Ends with 1 if a test failed, with ' +
      '4 if clang or the tree is missing. docs/selftests-tutorial.md goes from a failing test to ' +
      'its fix.',
    examples: [
      ['beeyard test kernel-selftests', "Debian's tree"],
      ['beeyard test kernel-selftests ~/linux -t verifier_and', 'a tree of yours, one file'],
      ['beeyard test kernel-selftests mine.c --tree ~/linux --watch', 'a test you are writing'],
      ['beeyard test kernel-selftests --deny DENYLIST --junit out.xml', 'in CI'],
    ],
    load: () => import('./selftests/command.ts'),
  },
];
