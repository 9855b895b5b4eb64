/** The reference of the instruction set as Markdown: a page for each conformance group. */
import { instructionVersion } from '../matrix/requirements.ts';
import { hexBytes } from '../../base/index.ts';
import {
  assemble,
  Code,
  CONFORMANCE_GROUPS,
  type ConformanceGroup,
  encodeCode,
  INSN_TABLE,
  type InsnInfo,
} from '../../isa/index.ts';
import { exampleOf } from './examples.ts';

const TITLES: Readonly<Record<ConformanceGroup, string>> = {
  base32: 'what every runtime must have',
  base64: '64-bit arithmetic, jumps, loads and stores',
  atomic32: '32-bit atomic operations',
  atomic64: '64-bit atomic operations',
  divmul32: '32-bit multiplication, division and remainder',
  divmul64: '64-bit multiplication, division and remainder',
  packet: 'loads from packets, kept for old programs',
};

const NOTE = '<!-- Made by scripts/isa-pages.mjs from src/isa/table.ts. Do not edit. -->';

/** Files of docs/isa by name. */
export function referencePages(): Readonly<Record<string, string>> {
  const pages = CONFORMANCE_GROUPS.map((group) => [`${group}.md`, groupPage(group)] as const);
  return { 'README.md': indexPage(), ...Object.fromEntries(pages) };
}

/** Instructions of a group in the order of the table. */
export const groupInstructions = (group: ConformanceGroup): readonly InsnInfo[] =>
  INSN_TABLE.filter((info) => info.group === group);

function indexPage(): string {
  const rows = CONFORMANCE_GROUPS.map((group) => {
    const names = groupInstructions(group).length;
    return `| [${group}](${group}.md) | ${TITLES[group]} | ${names} |`;
  });
  return [
    NOTE,
    '# The instruction set',
    'The conformance groups of RFC 9669 section 2.4. Every example runs on both engines.',
    ['| group | what it is | instructions |', '|---|---|---:|', ...rows].join('\n'),
  ]
    .join('\n\n')
    .concat('\n');
}

function groupPage(group: ConformanceGroup): string {
  const parts = groupInstructions(group).map(instructionText);
  return [NOTE, `# ${group}: ${TITLES[group]}`, ...parts].join('\n\n').concat('\n');
}

/**
 * The part of a page about one instruction.
 *
 * @example
 * instructionText(insnByName('sdiv64')!); // '## sdiv64\n\n…'
 */
export function instructionText(info: InsnInfo): string {
  const example = exampleOf(info);
  const parts = [
    `## ${info.name}`,
    `\`${instructionShape(info)}\` – ${meaning(info)}`,
    fieldTable(info),
    origin(info),
  ];
  if (typeof example === 'string') return [...parts, `No example: ${example}.`].join('\n\n');
  const { source, memory, result } = example;
  const code = assemble(source).code;
  const words = encodeCode(code);
  const bytes = Array.from({ length: code.length }, (_, i) =>
    hexBytes(words.subarray(8 * i, 8 * i + 8)),
  );
  const given = memory === '' ? '' : `, r1 points to the bytes \`${memory}\``;
  return [
    ...parts,
    `\`\`\`asm\n${source}\n\`\`\``,
    `r0 is \`0x${result.toString(16)}\`${given}. In bytes: \`${bytes.join(' ')}\``,
  ].join('\n\n');
}

/** Its text with words for the operands: `lock *(u64 *)(dst + off) += src`. */
export function instructionShape({ gas, kernel, imm }: InsnInfo): string {
  const words: Readonly<Record<string, string>> = {
    d: 'dst',
    s: 'src',
    wd: 'wdst',
    ws: 'wsrc',
    md: 'wdst',
    ms: 'wsrc',
    i: 'imm',
    c: 'imm',
    q: 'imm64',
    u: 'imm',
    n: String(imm),
    o: ' + off',
    j: 'off',
    l: 'imm',
    t: 'imm',
  };
  const text = gas || kernel;
  return text
    .replaceAll(/\{([a-z]+)\}/g, (_, name: string) => words[name] ?? name)
    .replaceAll('\t', ' ');
}

function fieldTable({ op, dst, src, off, imm }: InsnInfo): string {
  const hex = `0x${op.toString(16).padStart(2, '0')}`;
  const cell = (field: string | number) =>
    typeof field === 'number' ? String(field) : field === 'reg' ? 'register' : field;
  const cells = [hex, ...[dst, src, off, imm].map(cell)];
  const head = ['| opcode | dst | src | off | imm |', '|---|---|---|---|---|'];
  return [...head, `| ${cells.join(' | ')} |`].join('\n');
}

/** The kernel that brought it, and the CPU version of clang. */
function origin(info: InsnInfo): string {
  const { linux, cpu, group, refused, kind } = info;
  if (refused) return `Group ${group}; no Linux takes it.`;
  const since = linux ?? instructionVersion(wordOf(info)) ?? '3.18';
  const clang = kind === 'internal' ? '' : `, \`clang -mcpu=v${cpu}\``;
  const standard = linux ? '; not in RFC 9669' : '';
  return `Linux ${since}${clang}, group ${group}${standard}.`;
}

/** A program of this instruction alone: what needs a kernel is looked up in it. */
function wordOf({ op, src, off, imm }: InsnInfo): Code {
  const fixed = (field: string | number) => (typeof field === 'number' ? field : 0);
  const code = new Code(2);
  code.set(0, op, 0, fixed(src), fixed(off), fixed(imm));
  return code;
}

const COMPARISONS: Readonly<Record<string, string>> = {
  '==': 'dst and the operand are equal',
  '!=': 'dst and the operand differ',
  '>': 'dst is greater, unsigned',
  '>=': 'dst is greater or equal, unsigned',
  '<': 'dst is less, unsigned',
  '<=': 'dst is less or equal, unsigned',
  's>': 'dst is greater, signed',
  's>=': 'dst is greater or equal, signed',
  's<': 'dst is less, signed',
  's<=': 'dst is less or equal, signed',
  '&': 'a bit of the operand is set in dst',
};

const DIVISIONS: Readonly<Record<string, string>> = {
  '/': 'divides, unsigned; division by 0 gives 0',
  's/': 'divides, signed, towards 0; division by 0 gives 0, the least number by -1 itself',
  '%': 'remainder, unsigned; by 0 dst stays',
  's%': 'remainder with the sign of dst; by 0 dst stays',
};

const OPERATIONS: Readonly<Record<string, string>> = {
  '+': 'adds',
  '-': 'subtracts',
  '*': 'multiplies',
  '|': 'or, bit by bit',
  '&': 'and, bit by bit',
  '^': 'exclusive or, bit by bit',
  '<<': 'shifts to the left',
  '>>': 'shifts to the right, zeros come in',
  's>>': 'shifts to the right, the sign comes in',
  '': 'copies the operand',
  ...DIVISIONS,
};

/** What it does, in a sentence. */
export function meaning(info: InsnInfo): string {
  const { kind, operation, bits, off } = info;
  const upper = bits === 32 ? '; the upper half of dst becomes 0' : '';
  switch (kind) {
    case 'alu': {
      const count = operation.endsWith('<<') || operation.endsWith('>>');
      const mask = count ? `, by the low ${bits === 64 ? 6 : 5} bits of the operand` : '';
      return `${OPERATIONS[operation]}${mask}, in ${bits} bits${upper}.`;
    }
    case 'neg':
      return `negates dst in ${bits} bits${upper}.`;
    case 'movsx':
      return `copies the low ${String(off)} bits of src with their sign to ${bits} bits${upper}.`;
    case 'end':
      if (operation === 'bswap') return `turns the low ${bits} bits of dst around by bytes.`;
      return `takes the low ${bits} bits of dst to ${ORDERS[operation]} endian.`;
    case 'load':
      return `loads ${bits} bits; the rest of dst becomes 0.`;
    case 'load_sx':
      return `loads ${bits} bits with their sign.`;
    case 'store_imm':
    case 'store_reg':
      return `stores ${bits} bits${kind === 'store_imm' ? ' of the sign-extended constant' : ''}.`;
    case 'atomic':
      return atomicMeaning(operation, bits);
    case 'jump':
      return `jumps if ${COMPARISONS[operation]}, in ${bits} bits.`;
    default:
      return MEANINGS[info.name] ?? MEANINGS[kind] ?? '';
  }
}

const ORDERS: Readonly<Record<string, string>> = { le: 'little', be: 'big' };

function atomicMeaning(operation: string, bits: number): string {
  const what = `in ${bits} bits of memory, as one step`;
  if (operation === 'xchg') return `exchanges src and memory ${what}.`;
  if (operation === 'cmpxchg') {
    return `stores src if memory is what r0 is; r0 becomes what was there, ${what}.`;
  }
  const fetches = operation.startsWith('fetch_');
  const plain = operation.replace('fetch_', '');
  return `${plain} of src and memory ${what}${fetches ? '; src becomes what was there' : ''}.`;
}

const MEANINGS: Readonly<Record<string, string>> = {
  ja: 'jumps so many instructions on.',
  may_goto: 'jumps when the loop has run for long enough, which the kernel counts.',
  call_helper: 'calls a helper by its number; r1 to r5 are arguments, r0 is the result.',
  call_local: 'calls a function of the program; r6 to r9 and the stack are kept.',
  call_kfunc: 'calls a function of the kernel; off says which module it is in.',
  callx: 'calls the helper whose number is in a register.',
  exit: 'returns from the function, or ends the program; r0 is the result.',
  ld_imm64: 'takes a constant of 64 bits, in two slots.',
  ld_map_fd: 'takes the address of a map, by its file descriptor.',
  ld_map_value: "takes an address in the value of a map's first element.",
  ld_btf_id: 'takes the address of a variable of the kernel, by its type.',
  ld_func: 'takes the address of a function of the program, for callbacks.',
  ld_map_idx: 'takes the address of a map, by its place among the descriptors given.',
  ld_map_idx_value: 'takes an address in the value of a map, by its place.',
  ld_abs: 'loads from the packet in network order; ends the program behind its end.',
  ld_ind: 'loads from the packet at src + imm; ends the program behind its end.',
  addr_space_cast: 'turns a pointer into an arena into one of the other address space.',
  percpu_address: 'adds the offset of the own CPU.',
  nospec: 'lets nothing behind it begin before all before it is done.',
};
