import {
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_B,
  BPF_CMPXCHG,
  BPF_DIV,
  BPF_DW,
  BPF_FETCH,
  BPF_H,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JLE,
  BPF_JLT,
  BPF_JNE,
  BPF_JSET,
  BPF_JSGE,
  BPF_JSGT,
  BPF_JSLE,
  BPF_JSLT,
  BPF_LSH,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_OR,
  BPF_RSH,
  BPF_SUB,
  BPF_W,
  BPF_XCHG,
  BPF_XOR,
} from '../../src/isa/index.ts';
import type { Label } from './program.ts';

/** Bytes a program may touch: of the map's value, of its own frame, behind a pointer argument. */
export const VALUE_SIZE = 64;
export const FRAME_BYTES = 64;
export const ARGUMENT_BYTES = 32;

export const MOV64 = BPF_ALU64 | BPF_MOV;
export const ARITHMETIC = [
  BPF_ADD,
  BPF_SUB,
  BPF_MUL,
  BPF_DIV,
  BPF_MOD,
  BPF_OR,
  BPF_AND,
  BPF_XOR,
  BPF_LSH,
  BPF_RSH,
  BPF_ARSH,
  BPF_MOV,
];
export const CONDITIONS = [
  BPF_JEQ,
  BPF_JNE,
  BPF_JGT,
  BPF_JGE,
  BPF_JLT,
  BPF_JLE,
  BPF_JSET,
  BPF_JSGT,
  BPF_JSGE,
  BPF_JSLT,
  BPF_JSLE,
];
export const SIZES = [
  { size: BPF_B, bytes: 1 },
  { size: BPF_H, bytes: 2 },
  { size: BPF_W, bytes: 4 },
  { size: BPF_DW, bytes: 8 },
];
export const ATOMICS = [
  BPF_ADD,
  BPF_OR,
  BPF_AND,
  BPF_XOR,
  BPF_ADD | BPF_FETCH,
  BPF_OR | BPF_FETCH,
  BPF_AND | BPF_FETCH,
  BPF_XOR | BPF_FETCH,
  BPF_XCHG,
  BPF_CMPXCHG,
];
export const EDGES = [
  0, 1, -1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff,
  0x10000, 0x7fffffff, -0x80000000, -0x7fffffff, -2, -8, -128, -129, -0x8000,
];

/** Registers with numbers in them. r6 is the context or a pointer argument, r7 a loop's counter. */
export const DATA = [0, 1, 2, 3, 4, 5, 8];
export const POINTER = 6;
export const COUNTER = 7;
/** Results are mixed into r9 before something overwrites them. */
export const WITNESS = 9;
export const FRAME = 10;

export interface FunctionPlan {
  readonly name: string;
  readonly label: Label;
  readonly kind: 'main' | 'subprogram' | 'callback';
}
