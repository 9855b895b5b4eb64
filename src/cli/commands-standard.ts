import type { CommandDef } from './command.ts';
import { ENGINE } from './command-options.ts';

/** Commands about the standard: RFC 9669, its suite of tests, and what goes beyond it. */
export const standardCommands: readonly CommandDef[] = [
  {
    path: ['conformance'],
    summary: "run the public suite's tests of the instruction set on both engines",
    operands: 'FOLDER',
    count: [1, 1],
    options: {
      engine: ENGINE,
      test: {
        type: 'string',
        short: 't',
        multiple: true,
        value: 'TEXT',
        help: 'only files with this in their names',
      },
    },
    details:
      'Reads the .data files of bpf_conformance (or one of them), and those of folders below, ' +
      'and counts by conformance group of RFC 9669: a test counts for each group that it uses. ' +
      'r0 is compared with all of its 64 bits. Ends with 1 if a test is lost, with 3 if a file ' +
      'cannot be read. The same engines behind the protocol of the suite: beeyard-conformance.',
    examples: [
      ['beeyard conformance bpf_conformance/tests', 'the table, and what was lost'],
      ['beeyard conformance tests -t lock_ -j', 'atomic operations, as JSON'],
    ],
    load: () => import('./conformance-suite.ts'),
  },
  {
    path: ['compat'],
    summary: 'say from which kernel on objects load, and what in them is not standard',
    operands: 'OBJ...',
    count: [1, 10_000],
    options: {},
    details:
      'Looks up what programs and maps need (helpers, kernel functions, instructions, program, ' +
      'attach and map types, flags) and the release of Linux each came with, and has Linux 6.1 ' +
      'and 6.12 verify every program. "6.2…6.12": the features are older, but 6.1 rejects it, so ' +
      'some release in between is the first. Names the first place of everything, and what RFC ' +
      '9669 leaves to platforms. Ends with 1 if an object loads on no kernel that is known.',
    examples: [
      ['beeyard compat firewall.bpf.o', 'the lowest kernel, and what asks for it'],
      ['beeyard compat build/*.bpf.o -j', 'as JSON, with instructions and source lines'],
    ],
    load: () => import('./compat.ts'),
  },
  {
    path: ['isa'],
    summary: 'show an instruction: encoding, meaning, kernel, an example',
    operands: '[NAME | OPCODE | GROUP]',
    count: [0, 1],
    options: {},
    details:
      'Instructions have the names of the table (add64, ldxsh, atomic32_xchg, …; the text as ' +
      'Markdown), an opcode stands for all that share it, a group of RFC 9669 and no word at all ' +
      'for a list. The same as pages: docs/isa.',
    examples: [
      ['beeyard isa sdiv64', 'one instruction'],
      ['beeyard isa 0x85', 'all calls'],
      ['beeyard isa atomic32', 'a conformance group'],
    ],
    load: () => import('./isa.ts'),
  },
];
