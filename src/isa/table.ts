import { type InsnInfo, row } from './insn.ts';
import {
  BPF_ABS,
  BPF_ADD,
  BPF_ADDR_PERCPU,
  BPF_ADDR_SPACE_CAST,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_ATOMIC,
  BPF_B,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_DIV,
  BPF_DW,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_H,
  BPF_IND,
  BPF_JA,
  BPF_JCOND,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LSH,
  BPF_MAY_GOTO,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_TO_BE,
  BPF_TO_LE,
  BPF_W,
  BPF_X,
  BPF_XCHG,
  BPF_XOR,
  LD_IMM64,
} from './opcodes.ts';

const SIZES = [
  { letter: 'b', size: BPF_B, bits: 8 },
  { letter: 'h', size: BPF_H, bits: 16 },
  { letter: 'w', size: BPF_W, bits: 32 },
  { letter: 'dw', size: BPF_DW, bits: 64 },
] as const;

const WIDTHS = [
  { bits: 32, alu: BPF_ALU, jump: BPF_JMP32, d: '{wd}', s: '{ws}' },
  { bits: 64, alu: BPF_ALU64, jump: BPF_JMP, d: '{d}', s: '{s}' },
] as const;

const SOURCES = [
  { letter: '_k', source: BPF_K, src: 0, imm: 'value' },
  { letter: '', source: BPF_X, src: 'reg', imm: 0 },
] as const;

interface AluOperation {
  readonly name: string;
  readonly code: number;
  readonly operation: string;
  readonly off?: number;
}

// Operations whose off selects a variant are found by `select`; their plain form comes first,
// because the kernel prints it for every off it does not know.
const ALU_OPERATIONS: readonly AluOperation[] = [
  { name: 'add', code: BPF_ADD, operation: '+' },
  { name: 'sub', code: BPF_SUB, operation: '-' },
  { name: 'mul', code: BPF_MUL, operation: '*' },
  { name: 'div', code: BPF_DIV, operation: '/' },
  { name: 'sdiv', code: BPF_DIV, operation: 's/', off: 1 },
  { name: 'or', code: BPF_OR, operation: '|' },
  { name: 'and', code: BPF_AND, operation: '&' },
  { name: 'lsh', code: BPF_LSH, operation: '<<' },
  { name: 'rsh', code: BPF_RSH, operation: '>>' },
  { name: 'mod', code: BPF_MOD, operation: '%' },
  { name: 'smod', code: BPF_MOD, operation: 's%', off: 1 },
  { name: 'xor', code: BPF_XOR, operation: '^' },
  { name: 'mov', code: BPF_MOV, operation: '' },
  { name: 'arsh', code: BPF_ARSH, operation: 's>>' },
];

const DIVMUL = new Set(['mul', 'div', 'sdiv', 'mod', 'smod']);
const SELECTED_BY_OFF = new Set([BPF_DIV, BPF_MOD, BPF_MOV]);

function aluRows(): InsnInfo[] {
  return ALU_OPERATIONS.flatMap(({ name, code, operation, off = 0 }) =>
    WIDTHS.flatMap(({ bits, alu, d, s }) =>
      SOURCES.map(({ letter, source, src, imm }) =>
        row({
          name: `${name}${bits}${letter}`,
          op: alu | code | source,
          kind: 'alu',
          operation,
          bits,
          dst: 'reg',
          src,
          off,
          imm,
          select: SELECTED_BY_OFF.has(code) ? 'off' : undefined,
          cpu: off === 1 ? 4 : 1,
          ...(DIVMUL.has(name) && { group: bits === 32 ? 'divmul32' : 'divmul64' }),
          text: `${d} ${operation}= ${source === BPF_K ? '{i}' : s}`,
        }),
      ),
    ),
  );
}

function movsxRows(): InsnInfo[] {
  return WIDTHS.flatMap(({ bits, alu, d, s }) =>
    ([8, 16, 32] as const)
      .filter((from) => from < bits)
      .map((from) =>
        row({
          name: `movsx${bits}_${from}`,
          op: alu | BPF_MOV | BPF_X,
          kind: 'movsx',
          operation: `s${from}`,
          bits,
          dst: 'reg',
          src: 'reg',
          off: from,
          select: 'off',
          cpu: 4,
          text: `${d} = (s${from})${s}`,
        }),
      ),
  );
}

function negRows(): InsnInfo[] {
  return WIDTHS.map(({ bits, alu, d }) =>
    row({
      name: `neg${bits}`,
      op: alu | BPF_NEG,
      kind: 'neg',
      operation: 'neg',
      bits,
      dst: 'reg',
      text: `${d} = -${d}`,
    }),
  );
}

function endRows(): InsnInfo[] {
  const orders = [
    { operation: 'le', op: BPF_ALU | BPF_END | BPF_TO_LE, cpu: 1 },
    { operation: 'be', op: BPF_ALU | BPF_END | BPF_TO_BE, cpu: 1 },
    { operation: 'bswap', op: BPF_ALU64 | BPF_END | BPF_TO_LE, cpu: 4 },
  ] as const;
  return orders.flatMap(({ operation, op, cpu }) =>
    ([16, 32, 64] as const).map((bits) =>
      row({
        name: `${operation}${bits}`,
        op,
        kind: 'end',
        operation,
        bits,
        dst: 'reg',
        imm: bits,
        select: 'imm',
        cpu,
        text: `{d} = ${operation}{n} {d}`,
      }),
    ),
  );
}

/** Movs with a special off that are no arithmetic. */
function addressRows(): InsnInfo[] {
  const mov = { op: BPF_ALU64 | BPF_MOV | BPF_X, bits: 64, dst: 'reg', src: 'reg' } as const;
  return [
    row({
      ...mov,
      name: 'addr_space_cast',
      kind: 'addr_space_cast',
      operation: 'cast',
      off: BPF_ADDR_SPACE_CAST,
      imm: 'value',
      select: 'off',
      cpu: 4,
      linux: '6.9',
      text: '{d} = addr_space_cast({s}, {high}, {low})',
    }),
    row({
      ...mov,
      name: 'percpu_address',
      kind: 'internal',
      operation: 'percpu',
      off: BPF_ADDR_PERCPU,
      select: 'off',
      linux: '6.10',
      text: '',
      kernel: '{d} = &(void __percpu *)({s})',
    }),
    row({
      name: 'nospec',
      op: BPF_ST | 0xc0,
      kind: 'internal',
      operation: 'nospec',
      bits: 64,
      linux: '5.14',
      text: '',
      kernel: 'nospec',
    }),
  ];
}

type Size = (typeof SIZES)[number];

function loadRow({ letter, size, bits }: Size): InsnInfo {
  return row({
    name: `ldx${letter}`,
    op: BPF_LDX | size | BPF_MEM,
    kind: 'load',
    operation: 'load',
    bits,
    dst: 'reg',
    src: 'reg',
    off: 'offset',
    text: `${bits === 64 ? '{d}' : '{md}'} = *(u${bits} *)({s}{o})`,
    kernel: `{d} = *(u${bits} *)({s}{o})`,
  });
}

function signedLoadRow({ letter, size, bits }: Size): InsnInfo {
  return row({
    name: `ldxs${letter}`,
    op: BPF_LDX | size | BPF_MEMSX,
    kind: 'load_sx',
    operation: 'load_sx',
    bits,
    dst: 'reg',
    src: 'reg',
    off: 'offset',
    cpu: 4,
    text: `{d} = *(s${bits} *)({s}{o})`,
  });
}

function storeRows(): InsnInfo[] {
  return SIZES.flatMap(({ letter, size, bits }) => [
    row({
      name: `st${letter}`,
      op: BPF_ST | size | BPF_MEM,
      kind: 'store_imm',
      operation: 'store',
      bits,
      dst: 'reg',
      off: 'offset',
      imm: 'value',
      text: `*(u${bits} *)({d}{o}) = {i}`,
    }),
    row({
      name: `stx${letter}`,
      op: BPF_STX | size | BPF_MEM,
      kind: 'store_reg',
      operation: 'store',
      bits,
      dst: 'reg',
      src: 'reg',
      off: 'offset',
      text: `*(u${bits} *)({d}{o}) = ${bits === 64 ? '{s}' : '{ms}'}`,
      kernel: `*(u${bits} *)({d}{o}) = {s}`,
    }),
  ]);
}

const ATOMICS = [
  { name: 'add', imm: BPF_ADD, symbol: '+=' },
  { name: 'or', imm: BPF_OR, symbol: '|=' },
  { name: 'and', imm: BPF_AND, symbol: '&=' },
  { name: 'xor', imm: BPF_XOR, symbol: '^=' },
] as const;

function atomicRow(
  bits: 32 | 64,
  operation: string,
  imm: number,
  text: string,
  kernel: string,
): InsnInfo {
  return row({
    name: `atomic${bits}_${operation}`,
    op: BPF_STX | (bits === 64 ? BPF_DW : BPF_W) | BPF_ATOMIC,
    kind: 'atomic',
    operation,
    bits,
    dst: 'reg',
    src: 'reg',
    off: 'offset',
    imm,
    select: 'imm',
    cpu: imm === BPF_ADD ? 1 : 3,
    group: `atomic${bits}`,
    text,
    kernel,
  });
}

function atomicRows(bits: 32 | 64): InsnInfo[] {
  const at = `(u${bits} *)({d}{o})`;
  const wide = bits === 64;
  const [s, r0, suffix, long] = wide ? ['{s}', 'r0', '_64', '64'] : ['{ws}', 'w0', '32_32', ''];
  return [
    ...ATOMICS.map(({ name, imm, symbol }) => {
      const text = `lock *${at} ${symbol}`;
      return atomicRow(bits, name, imm, `${text} ${wide ? '{s}' : '{ms}'}`, `${text} {s}`);
    }),
    ...ATOMICS.map(({ name, imm }) => {
      const operation = `fetch_${name}`;
      const gas = `${s} = atomic_${operation}(${at}, ${s})`;
      const kernel = `{s} = atomic${long}_${operation}(${at}, {s})`;
      return atomicRow(bits, operation, imm | BPF_FETCH, gas, kernel);
    }),
    atomicRow(
      bits,
      'xchg',
      BPF_XCHG,
      `${s} = xchg${suffix}({d}{o}, ${s})`,
      `{s} = atomic${long}_xchg(${at}, {s})`,
    ),
    atomicRow(
      bits,
      'cmpxchg',
      BPF_CMPXCHG,
      `${r0} = cmpxchg${suffix}({d}{o}, ${r0}, ${s})`,
      `r0 = atomic${long}_cmpxchg(${at}, r0, {s})`,
    ),
  ];
}

const IMM64_SOURCES = [
  'ld_imm64',
  'ld_map_fd',
  'ld_map_value',
  'ld_btf_id',
  'ld_func',
  'ld_map_idx',
  'ld_map_idx_value',
] as const;

function wideRows(): InsnInfo[] {
  return IMM64_SOURCES.map((name, src) =>
    row({
      name,
      op: LD_IMM64,
      kind: 'ld_imm64',
      operation: name.slice(3),
      bits: 64,
      dst: 'reg',
      src,
      imm: 'value',
      select: 'src',
      text: src === 0 ? '{d} = {q} ll' : 'ld_pseudo\t{d}, {src}, {u}',
      kernel: '{d} = {q}',
    }),
  );
}

function packetRows(): InsnInfo[] {
  return SIZES.slice(0, 3).flatMap(({ letter, size, bits }) => [
    row({
      name: `ldabs${letter}`,
      op: BPF_LD | size | BPF_ABS,
      kind: 'ld_abs',
      operation: 'load',
      bits,
      imm: 'value',
      group: 'packet',
      text: `r0 = *(u${bits} *)skb[{i}]`,
    }),
    row({
      name: `ldind${letter}`,
      op: BPF_LD | size | BPF_IND,
      kind: 'ld_ind',
      operation: 'load',
      bits,
      src: 'reg',
      imm: 'value',
      group: 'packet',
      text: `r0 = *(u${bits} *)skb[{s}]`,
      kernel: `r0 = *(u${bits} *)skb[{s} + {i}]`,
    }),
  ]);
}

const CONDITIONS = [
  { name: 'jeq', code: BPF_JEQ, operation: '==', cpu: 1 },
  { name: 'jgt', code: BPF_JGT, operation: '>', cpu: 1 },
  { name: 'jge', code: BPF_JGE, operation: '>=', cpu: 1 },
  { name: 'jset', code: BPF_JSET, operation: '&', cpu: 1 },
  { name: 'jne', code: BPF_JNE, operation: '!=', cpu: 1 },
  { name: 'jsgt', code: BPF_JSGT, operation: 's>', cpu: 1 },
  { name: 'jsge', code: BPF_JSGE, operation: 's>=', cpu: 1 },
  { name: 'jlt', code: BPF_JLT, operation: '<', cpu: 2 },
  { name: 'jle', code: BPF_JLE, operation: '<=', cpu: 2 },
  { name: 'jslt', code: BPF_JSLT, operation: 's<', cpu: 2 },
  { name: 'jsle', code: BPF_JSLE, operation: 's<=', cpu: 2 },
] as const;

function conditionRows(): InsnInfo[] {
  return CONDITIONS.flatMap(({ name, code, operation, cpu }) =>
    WIDTHS.flatMap(({ bits, jump, d, s }) =>
      SOURCES.map(({ letter, source, src, imm }) =>
        row({
          name: `${name}${bits}${letter}`,
          op: jump | code | source,
          kind: 'jump',
          operation,
          bits,
          dst: 'reg',
          src,
          off: 'jump',
          imm,
          cpu: bits === 32 ? 3 : cpu,
          text: `if ${d} ${operation} ${source === BPF_K ? '{c}' : s} goto {j}`,
        }),
      ),
    ),
  );
}

/** What jumps and calls that compare nothing have in common. */
const CONTROL = { bits: 64, group: 'base32' } as const;

function gotoRows(): InsnInfo[] {
  return [
    row({
      ...CONTROL,
      name: 'ja',
      op: BPF_JMP | BPF_JA,
      kind: 'ja',
      operation: 'goto',
      off: 'jump',
      text: 'goto {j}',
    }),
    row({
      ...CONTROL,
      name: 'ja32',
      op: BPF_JMP32 | BPF_JA,
      kind: 'ja',
      operation: 'gotol',
      imm: 'jump',
      cpu: 4,
      text: 'gotol {l}',
    }),
    row({
      ...CONTROL,
      name: 'may_goto',
      op: BPF_JMP | BPF_JCOND,
      kind: 'may_goto',
      operation: 'may_goto',
      src: BPF_MAY_GOTO,
      off: 'jump',
      select: 'src',
      cpu: 4,
      linux: '6.9',
      text: 'may_goto {j}',
    }),
  ];
}

function callRows(): InsnInfo[] {
  const call = { ...CONTROL, op: BPF_JMP | BPF_CALL, select: 'src' } as const;
  return [
    row({
      ...call,
      name: 'call_helper',
      kind: 'call_helper',
      operation: 'call',
      imm: 'value',
      text: 'call {i}',
      kernel: 'call {helper}',
    }),
    row({
      ...call,
      name: 'call_local',
      kind: 'call_local',
      operation: 'call',
      src: 1,
      imm: 'jump',
      text: 'call {t}',
      kernel: 'call {local}',
    }),
    row({
      ...call,
      name: 'call_kfunc',
      kind: 'call_kfunc',
      operation: 'call',
      src: 2,
      off: 'value',
      imm: 'value',
      text: 'call {i}',
      kernel: 'call {kfunc}',
    }),
    row({
      ...CONTROL,
      name: 'callx',
      op: BPF_JMP | BPF_CALL | BPF_X,
      kind: 'callx',
      operation: 'call',
      dst: 'reg',
      refused: true,
      text: 'callx {d}',
      kernel: 'call {helper}',
    }),
    row({
      ...CONTROL,
      name: 'exit',
      op: BPF_JMP | BPF_EXIT,
      kind: 'exit',
      operation: 'exit',
      text: 'exit',
    }),
  ];
}

/** The instruction set. Decoder, encoder, both disassemblers and the assembler read only this. */
export const INSN_TABLE: readonly InsnInfo[] = [
  ...aluRows(),
  ...movsxRows(),
  ...negRows(),
  ...endRows(),
  ...addressRows(),
  ...SIZES.map(loadRow),
  ...SIZES.slice(0, 3).map(signedLoadRow),
  ...storeRows(),
  ...atomicRows(32),
  ...atomicRows(64),
  ...wideRows(),
  ...packetRows(),
  ...conditionRows(),
  ...gotoRows(),
  ...callRows(),
];
