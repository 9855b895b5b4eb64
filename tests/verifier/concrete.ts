/**
 * Random programs of scalar code, and a plain interpreter for them: what the value domain claims
 * can be held against what happens.
 */
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_B,
  BPF_CALL,
  BPF_DIV,
  BPF_DW,
  BPF_EXIT,
  BPF_H,
  BPF_JA,
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
  BPF_LDX,
  BPF_LSH,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RSH,
  BPF_STX,
  BPF_SUB,
  BPF_W,
  BPF_X,
  BPF_XOR,
  Code,
  classOf,
} from '../../src/isa/index.ts';
import { CORNERS, U64, randomValue } from './values.ts';

const HELPER_RANDOM = 7;
const FRAME_POINTER = 10;

/** Registers of the programs: all but the frame pointer. */
export const REGISTERS = 10;

const BINARY = [BPF_ADD, BPF_SUB, BPF_MUL, BPF_AND, BPF_OR, BPF_XOR, BPF_ADD, BPF_SUB];
const SHIFTS = [BPF_LSH, BPF_RSH, BPF_ARSH];
const UNKNOWN = [BPF_DIV, BPF_MOD];
const JUMPS = [
  BPF_JEQ,
  BPF_JNE,
  BPF_JGT,
  BPF_JGE,
  BPF_JLT,
  BPF_JLE,
  BPF_JSGT,
  BPF_JSGE,
  BPF_JSLT,
  BPF_JSLE,
  BPF_JSET,
];
const SLOTS = [-8, -16, -24];
const SIZES = [BPF_B, BPF_H, BPF_W, BPF_DW];

/** Instructions that fill the registers and the stack slots. */
const PROLOGUE = 17;

type Random = () => number;

const pick = <T>(random: Random, from: readonly T[]): T => from[random() % from.length]!;

/** An immediate at which something happens. */
function immediate(random: Random): number {
  const value = random() % 3 === 0 ? BigInt(random() % 64) : pick(random, CORNERS);
  return Number(BigInt.asIntN(32, value + BigInt(random() % 3) - 1n));
}

/**
 * A program that starts with unknown 32-bit numbers in most registers and jumps only forward.
 * `signedFills`: it may load what was spilled with sign extension.
 */
export function randomProgram(
  random: Random,
  length: number,
  jumps: number,
  signedFills = true,
): Code {
  const code = new Code(PROLOGUE + length + 2);
  let at = 0;
  const emit = (op: number, dst: number, src: number, off: number, imm: number) =>
    code.set(at++, op, dst, src, off, imm);
  for (let reg = REGISTERS - 1; reg > 5; reg--) {
    emit(BPF_JMP | BPF_CALL, 0, 0, 0, HELPER_RANDOM);
    emit(BPF_ALU64 | BPF_MOV | BPF_X, reg, 0, 0, 0);
  }
  emit(BPF_JMP | BPF_CALL, 0, 0, 0, HELPER_RANDOM);
  // Registers 1 to 5 do not outlive a call.
  for (let reg = 1; reg < 5; reg++) emit(BPF_ALU64 | BPF_MOV | BPF_X, reg, 5 + reg, 0, 0);
  emit(BPF_ALU64 | BPF_MOV, 5, 0, 0, immediate(random));
  for (const off of SLOTS) emit(BPF_STX | BPF_MEM | BPF_DW, FRAME_POINTER, 5, off, 0);
  const end = at + length;
  let left = jumps;
  // Some kinds are several instructions long.
  while (at < end - 2) {
    const target = () => random() % (end - at - 2);
    if (left > 0 && random() % 4 === 0) {
      left--;
      emitJump(random, emit, target());
    } else {
      emitPlain(random, emit, signedFills);
    }
  }
  while (at <= end) emit(BPF_ALU64 | BPF_MOV, 0, 0, 0, 0);
  emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  return code;
}

type Emit = (op: number, dst: number, src: number, off: number, imm: number) => void;

function emitJump(random: Random, emit: Emit, off: number): void {
  const width = random() % 3 === 0 ? BPF_JMP32 : BPF_JMP;
  const dst = random() % REGISTERS;
  const op = width | pick(random, JUMPS);
  if (random() % 3 === 0) emitSum(random, emit, dst);
  if (random() % 2 === 0) emit(op, dst, 0, off, immediate(random));
  else emit(op | BPF_X, dst, random() % REGISTERS, off, 0);
}

/** Another register becomes this one plus a constant: comparisons of one tell of the other. */
function emitSum(random: Random, emit: Emit, reg: number): void {
  const sum = (reg + 1 + (random() % (REGISTERS - 1))) % REGISTERS;
  emit(BPF_ALU64 | BPF_MOV | BPF_X, sum, reg, 0, 0);
  emit(BPF_ALU64 | BPF_ADD, sum, 0, 0, immediate(random) & 0x7fff_ffff);
}

function emitPlain(random: Random, emit: Emit, signedFills: boolean): void {
  const width = random() % 3 === 0 ? BPF_ALU : BPF_ALU64;
  const dst = random() % REGISTERS;
  const src = random() % REGISTERS;
  const bits = width === BPF_ALU ? 32 : 64;
  switch (random() % 12) {
    case 0:
      emit(width | BPF_MOV, dst, 0, 0, immediate(random));
      return;
    case 1:
      emit(width | pick(random, SHIFTS), dst, 0, 0, random() % bits);
      return;
    case 2:
      emit(width | pick(random, UNKNOWN), dst, 0, random() % 2, immediate(random) | 1);
      return;
    case 3:
      emit(width | BPF_NEG, dst, 0, 0, 0);
      return;
    case 4:
      emit(
        width | BPF_MOV | BPF_X,
        dst,
        src,
        pick(random, bits === 64 ? [8, 16, 32] : [0, 8, 16]),
        0,
      );
      return;
    case 5:
    case 6:
      emit(width | BPF_MOV | BPF_X, dst, src, 0, 0);
      return;
    case 7:
      emitStack(random, emit, dst, signedFills);
      return;
    case 8:
    case 9:
      emit(width | pick(random, BINARY), dst, 0, 0, immediate(random));
      return;
    default:
      emit(width | pick(random, BINARY) | BPF_X, dst, src, 0, 0);
  }
}

/** Spills a register and takes (part of) it back into another. */
function emitStack(random: Random, emit: Emit, reg: number, signedFills: boolean): void {
  const off = pick(random, SLOTS);
  emit(BPF_STX | BPF_MEM | BPF_DW, FRAME_POINTER, reg, off, 0);
  const size = pick(random, SIZES);
  const signed = size !== BPF_DW && random() % 3 === 0;
  const mode = signed && signedFills ? BPF_MEMSX : BPF_MEM;
  const bytes = bytesOf(size);
  const inner = random() % 2 === 0 ? 0 : bytes * (random() % (8 / bytes));
  emit(BPF_LDX | mode | size, random() % REGISTERS, FRAME_POINTER, off + inner, 0);
}

function bytesOf(size: number): number {
  return { [BPF_B]: 1, [BPF_H]: 2, [BPF_W]: 4, [BPF_DW]: 8 }[size]!;
}

const unsigned = (value: bigint, bits: number) => BigInt.asUintN(bits, value);
const signed = (value: bigint, bits: number) => BigInt.asIntN(bits, value);

/** Registers of a run: as numbers, and as pairs of words (low, high). */
class Registers {
  readonly values: bigint[] = Array.from({ length: REGISTERS }, () => 0n);
  readonly words = new Int32Array(2 * REGISTERS);

  set(reg: number, value: bigint): void {
    this.values[reg] = value;
    this.words[2 * reg] = Number(signed(value, 32));
    this.words[2 * reg + 1] = Number(signed(value >> 32n, 32));
  }
}

/**
 * Runs a program; `step` sees the registers, low and high words, before each instruction. Random
 * numbers it asks for come from `random`.
 */
export function runConcrete(
  code: Code,
  random: Random,
  step: (insn: number, words: Int32Array) => void,
): void {
  const registers = new Registers();
  const regs = registers.values;
  const stack = new DataView(new ArrayBuffer(64));
  for (let i = 0; ; i++) {
    step(i, registers.words);
    const op = code.op[i]!;
    const dst = code.dst[i]!;
    const kind = classOf(op);
    if (op === (BPF_JMP | BPF_EXIT)) return;
    if (op === (BPF_JMP | BPF_CALL)) registers.set(0, unsigned(randomValue(random), 32));
    else if (kind === BPF_ALU || kind === BPF_ALU64) registers.set(dst, alu(code, i, regs));
    else if (kind === BPF_STX) stack.setBigUint64(64 + code.off[i]!, regs[code.src[i]!]!, true);
    else if (kind === BPF_LDX) registers.set(dst, load(stack, op, 64 + code.off[i]!));
    else if (isTaken(code, i, regs)) i += code.off[i]!;
  }
}

function load(stack: DataView, op: number, at: number): bigint {
  const bits = 8 * bytesOf(op & 0x18);
  let value = 0n;
  for (let i = 0; i < bits / 8; i++) value |= BigInt(stack.getUint8(at + i)) << BigInt(8 * i);
  return (op & 0xe0) === BPF_MEMSX ? unsigned(signed(value, bits), 64) : value;
}

function alu(code: Code, i: number, regs: readonly bigint[]): bigint {
  const op = code.op[i]!;
  const bits = classOf(op) === BPF_ALU64 ? 64 : 32;
  const source = op & BPF_X ? regs[code.src[i]!]! : BigInt(code.imm[i]!);
  const a = unsigned(regs[code.dst[i]!]!, bits);
  return unsigned(result(op & 0xf0, a, unsigned(source, bits), bits, code.off[i]!), bits);
}

function result(op: number, a: bigint, b: bigint, bits: number, off: number): bigint {
  switch (op) {
    case BPF_ADD:
      return a + b;
    case BPF_SUB:
      return a - b;
    case BPF_MUL:
      return a * b;
    case BPF_AND:
      return a & b;
    case BPF_OR:
      return a | b;
    case BPF_XOR:
      return a ^ b;
    case BPF_LSH:
      return a << b;
    case BPF_RSH:
      return a >> b;
    case BPF_ARSH:
      return signed(a, bits) >> b;
    case BPF_NEG:
      return -a;
    case BPF_MOV:
      return off === 0 ? b : signed(b, off);
    case BPF_DIV:
      return off === 0 ? a / b : signed(a, bits) / signed(b, bits);
    case BPF_MOD:
      return off === 0 ? a % b : signed(a, bits) % signed(b, bits);
    default:
      throw new Error(`no arithmetic: ${op}`);
  }
}

function isTaken(code: Code, i: number, regs: readonly bigint[]): boolean {
  const op = code.op[i]!;
  const bits = classOf(op) === BPF_JMP32 ? 32 : 64;
  const source = op & BPF_X ? regs[code.src[i]!]! : BigInt(code.imm[i]!);
  const a = unsigned(regs[code.dst[i]!]!, bits);
  const b = unsigned(source, bits);
  const sa = signed(a, bits);
  const sb = signed(b, bits);
  switch (op & 0xf0) {
    case BPF_JA:
      return true;
    case BPF_JEQ:
      return a === b;
    case BPF_JNE:
      return a !== b;
    case BPF_JGT:
      return a > b;
    case BPF_JGE:
      return a >= b;
    case BPF_JLT:
      return a < b;
    case BPF_JLE:
      return a <= b;
    case BPF_JSGT:
      return sa > sb;
    case BPF_JSGE:
      return sa >= sb;
    case BPF_JSLT:
      return sa < sb;
    case BPF_JSLE:
      return sa <= sb;
    default:
      return (a & b & U64) !== 0n;
  }
}
