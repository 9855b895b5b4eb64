/** Divisions that x86-64 would not survive: by zero, and of the smallest number by -1. */
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_DIV,
  BPF_JEQ,
  BPF_JGT,
  BPF_JMP,
  BPF_JMP32,
  BPF_JNE,
  BPF_MOD,
  BPF_MOV,
  BPF_NEG,
  BPF_X,
  BPF_XOR,
  classOf,
} from '../../../isa/index.ts';
import { alu32Imm, alu32Reg, AX, Insn, jump, movReg } from '../patch/insn.ts';

const OPERATION = 0xf0;

/** The guarded division; undefined for what is no division, or one that cannot fail. */
export function guardDivision(insn: Insn): Insn[] | undefined {
  const cls = classOf(insn.op);
  const operation = insn.op & OPERATION;
  if (cls !== BPF_ALU && cls !== BPF_ALU64) return undefined;
  if (operation !== BPF_DIV && operation !== BPF_MOD) return undefined;
  const signed = insn.off === 1;
  const isDivision = operation === BPF_DIV;
  if (!(insn.op & BPF_X))
    return signed && insn.imm === -1 ? byMinusOne(insn, isDivision) : undefined;
  if (signed) return isDivision ? signedDivision(insn) : signedRemainder(insn);
  return isDivision ? division(insn) : remainder(insn);
}

const isWide = ({ op }: Insn): boolean => classOf(op) === BPF_ALU64;
const alu = (insn: Insn, operation: number, dst: number, imm: number): Insn =>
  new Insn((isWide(insn) ? BPF_ALU64 : BPF_ALU) | operation, dst, 0, 0, imm);
const when = (insn: Insn, operation: number, register: number, imm: number, skip: number): Insn =>
  new Insn((isWide(insn) ? BPF_JMP : BPF_JMP32) | operation, register, 0, skip, imm);

function byMinusOne(insn: Insn, isDivision: boolean): Insn[] {
  return [isDivision ? alu(insn, BPF_NEG, insn.dst, 0) : alu32Imm(BPF_MOV, insn.dst, 0)];
}

/** `x / 0` is 0. */
function division(insn: Insn): Insn[] {
  const zero = alu32Reg(BPF_XOR, insn.dst, insn.dst);
  return [when(insn, BPF_JNE, insn.src, 0, 2), zero, jump(1), insn.copy()];
}

/** `x % 0` is x; of 32 bits the upper half must still be cleared. */
function keepDividend(insn: Insn): Insn[] {
  return isWide(insn) ? [] : [jump(1), alu32Reg(BPF_MOV, insn.dst, insn.dst)];
}

function remainder(insn: Insn): Insn[] {
  const skip = isWide(insn) ? 1 : 2;
  return [when(insn, BPF_JEQ, insn.src, 0, skip), insn.copy(), ...keepDividend(insn)];
}

/** Divisors 0 and -1 become 1 and 0 when 1 is added: two comparisons tell them from all others. */
const plusOne = (insn: Insn): Insn[] => [movReg(AX, insn.src), alu(insn, BPF_ADD, AX, 1)];

function signedDivision(insn: Insn): Insn[] {
  return [
    ...plusOne(insn),
    when(insn, BPF_JGT, AX, 1, 4),
    when(insn, BPF_JEQ, AX, 0, 1),
    alu(insn, BPF_MOV, insn.dst, 0),
    alu(insn, BPF_NEG, insn.dst, 0),
    jump(1),
    insn.copy(),
  ];
}

function signedRemainder(insn: Insn): Insn[] {
  return [
    ...plusOne(insn),
    when(insn, BPF_JGT, AX, 1, 3),
    when(insn, BPF_JEQ, AX, 1, isWide(insn) ? 3 : 4),
    alu32Imm(BPF_MOV, insn.dst, 0),
    jump(1),
    insn.copy(),
    ...keepDividend(insn),
  ];
}
