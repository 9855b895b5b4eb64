/** One instruction of a program that is being rewritten, and short ways to make new ones. */
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_CALL,
  BPF_DW,
  BPF_EXIT,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_K,
  BPF_LDX,
  BPF_MEM,
  BPF_MOV,
  BPF_ST,
  BPF_STX,
  BPF_X,
  classOf,
  LD_IMM64,
} from '../../../isa/index.ts';
import type { LineInfo, VerifierBranch } from '../../types.ts';

/** Register that no program can name: rewritten code keeps what it needs for a moment in it. */
export const AX = 11;

/** What an ld_imm64 of a rewritten program loads, where a kernel has an address. */
export type Address =
  /** A map, or (with `value`) the byte at `offset` of its one value. `map`: index in `env.maps`. */
  | { readonly kind: 'map'; readonly map: number; readonly value: boolean; readonly offset: number }
  /** A variable of the kernel, or memory that belongs to the loaded program. */
  | { readonly kind: 'kernel'; readonly name: string }
  /** A function of the program. */
  | { readonly kind: 'function'; readonly subprog: number };

/** One slot: an ld_imm64 takes two. Fields are those of struct bpf_insn. */
export class Insn {
  op: number;
  dst: number;
  src: number;
  off: number;
  imm: number;
  /** Instruction of the program it stands for or was made for; -1: made for none. */
  origin = -1;
  /** Instruction whose facts (`env.aux`) count for it; -1: none. */
  facts = -1;
  /** The upper half of what it writes counts (zext_dst). */
  zext = false;
  line: LineInfo | undefined = undefined;
  /** Where a jump goes; while it is undefined, `off` counts within the patch it is in. */
  target: Insn | undefined = undefined;
  /** A jump that a static key turns on and off: it stays, wherever it goes. */
  branch: VerifierBranch | undefined = undefined;
  /** Calls of functions of the program: which (index in `env.subprogs`), or -1. */
  subprog = -1;
  /** Calls into the kernel: the function. */
  symbol: string | undefined = undefined;
  address: Address | undefined = undefined;
  /** What stands where it stood: jumps to it go there. */
  replacedBy: Insn | undefined = undefined;

  constructor(op: number, dst: number, src: number, off: number, imm: number) {
    this.op = op;
    this.dst = dst;
    this.src = src;
    this.off = off;
    this.imm = imm;
  }

  /** The same instruction, for another place. */
  copy(): Insn {
    const { op, dst, src, off, imm, target, subprog, symbol, address } = this;
    return Object.assign(new Insn(op, dst, src, off, imm), { target, subprog, symbol, address });
  }

  /** Does it jump within its function? */
  get jumps(): boolean {
    const cls = classOf(this.op);
    if (cls !== BPF_JMP && cls !== BPF_JMP32) return false;
    const operation = this.op & 0xf0;
    return operation !== BPF_CALL && operation !== BPF_EXIT;
  }

  /** Is it a jump that depends on something? */
  get branches(): boolean {
    return this.jumps && (this.op & 0xf0) !== BPF_JA;
  }

  /** gotol: its distance is in imm. */
  get jumpsFar(): boolean {
    return this.op === (BPF_JMP32 | BPF_JA);
  }

  get isMayGoto(): boolean {
    return this.op === (BPF_JMP | BPF_JCOND) && this.src === 0;
  }
}

export const aluImm = (operation: number, dst: number, imm: number): Insn =>
  new Insn(BPF_ALU64 | operation | BPF_K, dst, 0, 0, imm);
export const aluReg = (operation: number, dst: number, src: number): Insn =>
  new Insn(BPF_ALU64 | operation | BPF_X, dst, src, 0, 0);
export const alu32Imm = (operation: number, dst: number, imm: number): Insn =>
  new Insn(BPF_ALU | operation | BPF_K, dst, 0, 0, imm);
export const alu32Reg = (operation: number, dst: number, src: number): Insn =>
  new Insn(BPF_ALU | operation | BPF_X, dst, src, 0, 0);
export const movImm = (dst: number, imm: number): Insn => aluImm(BPF_MOV, dst, imm);
export const movReg = (dst: number, src: number): Insn => aluReg(BPF_MOV, dst, src);
export const addImm = (dst: number, imm: number): Insn => aluImm(BPF_ADD, dst, imm);
/** `dst = *(size *)(src + off)` */
export const load = (size: number, dst: number, src: number, off: number): Insn =>
  new Insn(BPF_LDX | BPF_MEM | size, dst, src, off, 0);
/** `*(size *)(dst + off) = src` */
export const store = (size: number, dst: number, src: number, off: number): Insn =>
  new Insn(BPF_STX | BPF_MEM | size, dst, src, off, 0);
/** `*(size *)(dst + off) = imm` */
export const storeImm = (size: number, dst: number, off: number, imm: number): Insn =>
  new Insn(BPF_ST | BPF_MEM | size, dst, 0, off, imm);
/** `if (dst OPERATION imm) skip` so many instructions of the patch. */
export const jumpImm = (operation: number, dst: number, imm: number, skip: number): Insn =>
  new Insn(BPF_JMP | operation | BPF_K, dst, 0, skip, imm);
export const jumpReg = (operation: number, dst: number, src: number, skip: number): Insn =>
  new Insn(BPF_JMP | operation | BPF_X, dst, src, skip, 0);
export const jump32Imm = (operation: number, dst: number, imm: number, skip: number): Insn =>
  new Insn(BPF_JMP32 | operation | BPF_K, dst, 0, skip, imm);
export const jump32Reg = (operation: number, dst: number, src: number, skip: number): Insn =>
  new Insn(BPF_JMP32 | operation | BPF_X, dst, src, skip, 0);
export const jump = (skip: number): Insn => new Insn(BPF_JMP | BPF_JA, 0, 0, skip, 0);
export const exit = (): Insn => new Insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);

/** A call of a function of the kernel. */
export function callKernel(symbol: string): Insn {
  return Object.assign(new Insn(BPF_JMP | BPF_CALL, 0, 0, 0, 0), { symbol });
}

/** ld_imm64 of an address: both slots. */
export function loadAddress(dst: number, address: Address): [Insn, Insn] {
  const first = new Insn(LD_IMM64, dst, 0, 0, 0);
  first.address = address;
  return [first, new Insn(0, 0, 0, 0, 0)];
}

/** ld_imm64 of 0: both slots. */
export const loadNull = (dst: number): [Insn, Insn] => [
  new Insn(LD_IMM64, dst, 0, 0, 0),
  new Insn(0, 0, 0, 0, 0),
];

/** BPF_DW of the stack of the running function, `off` bytes from its top. */
export const spill = (src: number, off: number): Insn => store(BPF_DW, 10, src, off);
export const fill = (dst: number, off: number): Insn => load(BPF_DW, dst, 10, off);
