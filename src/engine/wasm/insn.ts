import {
  BPF_B,
  BPF_H,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_W,
  CALL,
  type Code,
  EXIT,
  LD_IMM64,
} from '../../isa/index.ts';

export { CALL, EXIT };

export const JA = BPF_JMP | BPF_JA;
/** `gotol`: the distance is in imm. */
export const JA32 = BPF_JMP32 | BPF_JA;
export const MAY_GOTO = BPF_JMP | BPF_JCOND;

/** r10 */
export const FP = 10;
/** Registers of one frame. */
export const REGISTERS = 11;

/** Bytes of a load or store, from the size bits of its opcode. */
export function accessSize(op: number): number {
  switch (op & 0x18) {
    case BPF_B:
      return 1;
    case BPF_H:
      return 2;
    case BPF_W:
      return 4;
    default:
      return 8;
  }
}

export function isJump(op: number): boolean {
  return (op & 7) === BPF_JMP || (op & 7) === BPF_JMP32;
}

/** A jump that may or may not be taken. */
export function isConditional(op: number): boolean {
  return isJump(op) && op !== JA && op !== JA32 && op !== CALL && op !== EXIT;
}

/** Instruction that follows `i`: an ld_imm64 takes two slots. */
export function following(code: Code, i: number): number {
  return code.op[i] === LD_IMM64 ? i + 2 : i + 1;
}

/** Instruction a jump goes to. */
export function jumpTarget(code: Code, i: number): number {
  return i + 1 + (code.op[i] === JA32 ? code.imm[i] : code.off[i]);
}

/** Instruction an ld_imm64 (src_reg 4) or a local call names. */
export function namedInsn(code: Code, i: number): number {
  return i + 1 + code.imm[i];
}
