/** A program for each instruction, and what it must leave in r0. The numbers are worked by hand. */
import type { InsnInfo } from '../../isa/index.ts';

/** A program for the assembler; r1 points to `memory`. */
export interface InsnExample {
  readonly source: string;
  /** Hexadecimal; '' for none. */
  readonly memory: string;
  /** r0 at the end, unsigned. */
  readonly result: bigint;
}

/** First operand, second operand, result of 64 and of 32 bits. */
const ALU: Readonly<Record<string, readonly [string, string, bigint, bigint]>> = {
  '+': ['0x100000001', '5', 0x100000006n, 6n],
  '-': ['0x100000001', '5', 0xfffffffcn, 0xfffffffcn],
  '*': ['0x100000003', '7', 0x700000015n, 21n],
  '/': ['0x100000064', '7', 613566770n, 14n],
  's/': ['-100', '7', 0xfffffffffffffff2n, 0xfffffff2n],
  '%': ['0x100000064', '7', 6n, 2n],
  's%': ['-100', '7', 0xfffffffffffffffen, 0xfffffffen],
  '|': ['0x10000000c', '3', 0x10000000fn, 15n],
  '&': ['0x10000000c', '6', 4n, 4n],
  '^': ['0x10000000c', '5', 0x100000009n, 9n],
  '<<': ['0x180000001', '4', 0x1800000010n, 16n],
  '>>': ['0x180000010', '4', 0x18000001n, 0x8000001n],
  's>>': ['-64', '4', 0xfffffffffffffffcn, 0xfffffffcn],
  '': ['-1', '7', 7n, 7n],
};

/** Operands with which a jump is taken. */
const TAKEN: Readonly<Record<string, readonly [string, string]>> = {
  '==': ['5', '5'],
  '!=': ['5', '6'],
  '>': ['6', '5'],
  '>=': ['5', '5'],
  '<': ['5', '6'],
  '<=': ['5', '5'],
  '&': ['6', '2'],
  's>': ['5', '-1'],
  's>=': ['5', '-1'],
  's<': ['-1', '5'],
  's<=': ['-1', '5'],
};

/** By name: what an atomic operation with 6 makes of 12; in the high half what it returns. */
const ATOMIC: Readonly<Record<string, bigint>> = {
  add: 18n,
  or: 14n,
  and: 4n,
  xor: 10n,
  fetch_add: 0xc00000012n,
  fetch_or: 0xc0000000en,
  fetch_and: 0xc00000004n,
  fetch_xor: 0xc0000000an,
  xchg: 0xc00000006n,
  cmpxchg: 0xc00000006n,
};

const LOADED = 'f1e2d3c4b5a69788';

const RESULTS: Readonly<Record<string, bigint>> = {
  ldxb: 0xf1n,
  ldxh: 0xe2f1n,
  ldxw: 0xc4d3e2f1n,
  ldxdw: 0x8897a6b5c4d3e2f1n,
  ldxsb: 0xfffffffffffffff1n,
  ldxsh: 0xffffffffffffe2f1n,
  ldxsw: 0xffffffffc4d3e2f1n,
  stb: 0xfen,
  sth: 0xfffen,
  stw: 0xfffffffen,
  stdw: 0xfffffffffffffffen,
  stxb: 0x88n,
  stxh: 0x7788n,
  stxw: 0x55667788n,
  stxdw: 0x1122334455667788n,
  le16: 0x7788n,
  le32: 0x55667788n,
  le64: 0x1122334455667788n,
  be16: 0x8877n,
  be32: 0x88776655n,
  be64: 0x8877665544332211n,
  bswap16: 0x8877n,
  bswap32: 0x88776655n,
  bswap64: 0x8877665544332211n,
  neg64: 0xfffffffffffffffbn,
  neg32: 0xfffffffbn,
  movsx64_8: 0xffffffffffffff87n,
  movsx64_16: 0xffffffffffff8687n,
  movsx64_32: 0xffffffff84858687n,
  movsx32_8: 0xffffff87n,
  movsx32_16: 0xffff8687n,
};

const WORD = '0x1122334455667788';

/** Programs of instructions that are one of their kind. */
const ALONE: Readonly<Record<string, readonly [string, bigint]>> = {
  ja: ['r0 = 1\ngoto end\nr0 = 0\nend:\nexit', 1n],
  ja32: ['r0 = 1\ngotol end\nr0 = 0\nend:\nexit', 1n],
  may_goto: ['r0 = 1\nmay_goto end\nr0 = 2\nend:\nexit', 2n],
  call_helper: ['r0 = 9\ncall 8 // bpf_get_smp_processor_id: the first CPU\nexit', 0n],
  call_local: ['r1 = 20\ncall twice\nexit\ntwice:\nr0 = r1\nr0 += r0\nexit', 40n],
  ld_func: [
    'r1 = 3\nr2 = visit ll\nr3 = 0\nr4 = 0\ncall 181 // bpf_loop\nexit\nvisit:\nr0 = 0\nexit',
    3n,
  ],
  ld_imm64: [`r0 = ${WORD} ll\nexit`, 0x1122334455667788n],
  exit: ['r0 = 42\nexit', 42n],
};

/** Why there is no example: it takes more than a program and its memory. */
const WITHOUT: Readonly<Record<string, string>> = {
  ld_abs: 'it reads the packet of a socket filter or tc program',
  ld_ind: 'it reads the packet of a socket filter or tc program',
  ld_imm64: 'the constant is a number that a kernel gave',
  call_kfunc: 'the constant is a number that a kernel gave',
  addr_space_cast: 'it needs an arena',
  callx: 'Linux refuses it',
  internal: 'only Linux itself makes it, after verification',
};

/** The example of an instruction, or why it has none. */
export function exampleOf(info: InsnInfo): InsnExample | string {
  const { kind, name } = info;
  const alone = ALONE[name];
  if (alone) return { source: alone[0], memory: '', result: alone[1] };
  const body = bodyOf(info);
  if (!body) return WITHOUT[kind] ?? 'it takes more than a program and its memory';
  const [lines, result] = body;
  const memory = kind === 'load' || kind === 'load_sx' ? LOADED : '';
  return { source: [...lines, 'exit'].join('\n'), memory, result };
}

type Body = readonly [lines: readonly string[], result: bigint];

function bodyOf(info: InsnInfo): Body | undefined {
  const { kind, name, operation, bits } = info;
  const text = (holes: Holes = {}) => statement(info, holes);
  const result = RESULTS[name] ?? 0n;
  switch (kind) {
    case 'alu': {
      const [first, second, wide, narrow] = ALU[operation]!;
      const operand = info.src === 'reg' ? [`r2 = ${second}`] : [];
      const lines = [`r0 = ${first} ll`, ...operand, text({ i: second })];
      return [lines, bits === 64 ? wide : narrow];
    }
    case 'neg':
      return [['r0 = 5', text()], result];
    case 'end':
      return [[`r0 = ${WORD} ll`, text()], result];
    case 'movsx':
      return [['r2 = 0x8081828384858687 ll', text()], result];
    case 'load':
    case 'load_sx':
      return [[text({ s: 'r1', o: ' + 0' })], result];
    case 'store_imm':
    case 'store_reg': {
      const empty = ['r3 = 0', '*(u64 *)(r10 - 8) = r3'];
      const operand = kind === 'store_reg' ? [`r2 = ${WORD} ll`] : [];
      return [[...empty, ...operand, text({ d: 'r10', i: '-2' }), READ], result];
    }
    case 'atomic':
      return [atomicLines(info), ATOMIC[operation]!];
    case 'jump': {
      const [first, second] = TAKEN[operation]!;
      const operand = info.src === 'reg' ? [`r2 = ${second}`] : [];
      const test = text({ d: 'r1', wd: 'w1', c: second });
      return [['r0 = 1', `r1 = ${first}`, ...operand, test, 'r0 = 0', 'end:'], 1n];
    }
    default:
      return undefined;
  }
}

const READ = 'r0 = *(u64 *)(r10 - 8)';

/** Memory at the end; what the instruction returns goes into the high half. */
function atomicLines(info: InsnInfo): string[] {
  const { operation } = info;
  const lines = ['r3 = 12', '*(u64 *)(r10 - 8) = r3', 'r2 = 6'];
  const text = statement(info, { d: 'r10' });
  if (operation === 'cmpxchg') return [...lines, 'r0 = 12', text, ...high('r0')];
  const returns = operation === 'xchg' || operation.startsWith('fetch_');
  return returns ? [...lines, text, ...high('r2')] : [...lines, text, READ];
}

const high = (register: string): string[] => [
  ...(register === 'r0' ? [] : [`r0 = ${register}`]),
  'r0 <<= 32',
  'r3 = *(u64 *)(r10 - 8)',
  'r0 |= r3',
];

type Holes = Readonly<Record<string, string>>;

const HOLES: Holes = {
  d: 'r0',
  s: 'r2',
  wd: 'w0',
  ws: 'w2',
  md: 'w0',
  ms: 'w2',
  o: ' - 8',
  j: 'end',
};

/** The instruction's text with its holes filled in. */
function statement({ gas, imm }: InsnInfo, holes: Holes): string {
  const all: Holes = { ...HOLES, n: String(imm), ...holes };
  return gas.replaceAll(/\{([a-z]+)\}/g, (hole, name: string) => all[name] ?? hole);
}
