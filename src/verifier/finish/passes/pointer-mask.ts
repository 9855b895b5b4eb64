import {
  BPF_ADD,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_SUB,
  BPF_X,
} from '../../../isa/index.ts';
import {
  BPF_ALU_IMMEDIATE,
  BPF_ALU_NEG_VALUE,
  BPF_ALU_NON_POINTER,
  BPF_ALU_SANITIZE,
  BPF_ALU_SANITIZE_SRC,
} from '../../spectre/sanitize.ts';
import type { VerifierEnv } from '../../env.ts';
import { alu32Imm, aluImm, aluReg, AX, type Insn, movReg } from '../patch/insn.ts';

const ADD = BPF_ALU64 | BPF_ADD | BPF_X;
const SUB = BPF_ALU64 | BPF_SUB | BPF_X;

/**
 * Arithmetic with pointers in programs without privileges: a distance that is out of bounds, though
 * only on a path the processor guesses, becomes 0.
 */
export function maskPointerArithmetic(env: VerifierEnv, insn: Insn): Insn[] | undefined {
  if ((insn.op !== ADD && insn.op !== SUB) || insn.facts < 0) return undefined;
  const state = env.aux.aluState[insn.facts]!;
  if (state === 0 || state === BPF_ALU_NON_POINTER) return undefined;
  const isNegative = (state & BPF_ALU_NEG_VALUE) !== 0;
  const isSource = (state & BPF_ALU_SANITIZE) === BPF_ALU_SANITIZE_SRC;
  const isConstant = (state & BPF_ALU_IMMEDIATE) !== 0;
  const distance = isSource ? insn.src : insn.dst;
  const limit = alu32Imm(BPF_MOV, AX, env.aux.aluLimit[insn.facts]! | 0);
  const negate = (): Insn => aluImm(BPF_MUL, distance, -1);
  const last = insn.copy();
  last.src = AX;
  if (isNegative) last.op = insn.op === ADD ? SUB : ADD;
  return [
    ...(isNegative && !isConstant ? [negate()] : []),
    limit,
    ...(isConstant ? [] : mask(distance)),
    ...(isSource ? [] : [movReg(insn.dst, insn.src)]),
    last,
    ...(isSource && isNegative && !isConstant ? [negate()] : []),
  ];
}

/** AX becomes the distance if that is between 0 and AX, else 0. */
const mask = (distance: number): Insn[] => [
  aluReg(BPF_SUB, AX, distance),
  aluReg(BPF_OR, AX, distance),
  aluImm(BPF_NEG, AX, 0),
  aluImm(BPF_ARSH, AX, 63),
  aluReg(BPF_AND, AX, distance),
];
