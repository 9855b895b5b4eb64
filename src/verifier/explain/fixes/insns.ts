import {
  BPF_ADD,
  BPF_ALU64,
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_K,
  BPF_LDX,
  BPF_MEM,
  BPF_MOV,
  BPF_ST,
  BPF_STX,
  BPF_X,
  Code,
  kernelText,
  type KernelTextOptions,
} from '../../../isa/index.ts';
import { bpfHelperName } from '../../../abi/index.ts';

/** One instruction slot, before it has a place in a program. */
export interface Insn {
  readonly op: number;
  readonly dst: number;
  readonly src: number;
  /** Of jumps: counted within the instructions that are put in together, unless `to` is there. */
  readonly off: number;
  readonly imm: number;
  /** Jumps: the instruction of the program as it was that the jump leads to. */
  readonly to?: number;
}

const insn = (op: number, dst: number, src: number, off: number, imm: number): Insn => ({
  op,
  dst,
  src,
  off,
  imm,
});

export const movReg = (dst: number, src: number): Insn =>
  insn(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
export const movImm = (dst: number, imm: number): Insn =>
  insn(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
export const aluImm = (operation: number, dst: number, imm: number): Insn =>
  insn(BPF_ALU64 | operation | BPF_K, dst, 0, 0, imm);
export const aluReg = (operation: number, dst: number, src: number): Insn =>
  insn(BPF_ALU64 | operation | BPF_X, dst, src, 0, 0);
export const addImm = (dst: number, imm: number): Insn => aluImm(BPF_ADD, dst, imm);
/** `size` is BPF_B, BPF_H, BPF_W or BPF_DW. */
export const load = (size: number, dst: number, src: number, off: number): Insn =>
  insn(BPF_LDX | BPF_MEM | size, dst, src, off, 0);
export const store = (size: number, dst: number, off: number, src: number): Insn =>
  insn(BPF_STX | BPF_MEM | size, dst, src, off, 0);
export const storeImm = (size: number, dst: number, off: number, imm: number): Insn =>
  insn(BPF_ST | BPF_MEM | size, dst, 0, off, imm);
/** `operation` is BPF_JEQ, BPF_JLE, …; `skip` instructions are jumped over. */
export const jumpImm = (operation: number, dst: number, imm: number, skip: number): Insn =>
  insn(BPF_JMP | operation | BPF_K, dst, 0, skip, imm);
export const jumpReg = (operation: number, dst: number, src: number, skip: number): Insn =>
  insn(BPF_JMP | operation | BPF_X, dst, src, skip, 0);
/** A jump to an instruction of the program as it was. */
export const goTo = (to: number): Insn => ({ ...insn(BPF_JMP | BPF_JA, 0, 0, 0, 0), to });
export const callHelper = (id: number): Insn => insn(BPF_JMP | BPF_CALL, 0, 0, 0, id);
export const exitInsn: Insn = insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);

/** The instruction at slot `i` of a program. */
export function insnOf(code: Code, i: number): Insn {
  return insn(code.op[i]!, code.dst[i]!, code.src[i]!, code.off[i]!, code.imm[i]!);
}

/** Instructions as the kernel writes them. */
export function insnTexts(insns: readonly Insn[]): string[] {
  const code = new Code(insns.length);
  insns.forEach((one, i) => code.set(i, one.op, one.dst, one.src, one.off, one.imm));
  return insns.map((_, i) => kernelText(code, i, helperNames));
}

/** Names helpers in instructions' texts. */
export const helperNames: KernelTextOptions = {
  helper: bpfHelperName,
};
