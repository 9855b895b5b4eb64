import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_MOV,
  BPF_ST,
  BPF_STX,
  BPF_X,
  classOf,
  type Code,
  FRAME_POINTER,
} from '../isa/index.ts';

const SLOT = 8;
const MOV64_REG = BPF_ALU64 | BPF_MOV | BPF_X;
const ADD64_IMM = BPF_ALU64 | BPF_ADD | BPF_K;
/** Classes whose instructions write their destination register. */
const WRITING = new Set([BPF_LD, BPF_LDX, BPF_ALU, BPF_ALU64]);

/**
 * Bytes of stack that the instructions from `start` to before `end` use: those below r10 that they
 * name, in whole slots, which is how compilers lay out the frame of a function.
 */
export function stackSize({ op, dst, src, off, imm }: Code, start: number, end: number): number {
  let lowest = 0;
  // Registers that hold a copy of r10 which nothing was added to, as bits.
  let copies = 1 << FRAME_POINTER;
  const isCopy = (register: number): boolean => (copies & (1 << register)) !== 0;
  for (let i = start; i < end; i++) {
    const [to, from] = [dst[i]!, src[i]!];
    const kind = classOf(op[i]!);
    if (kind === BPF_LDX && isCopy(from)) lowest = Math.min(lowest, off[i]!);
    if ((kind === BPF_ST || kind === BPF_STX) && isCopy(to)) lowest = Math.min(lowest, off[i]!);
    if (op[i] === ADD64_IMM && isCopy(to)) lowest = Math.min(lowest, imm[i]!);
    if (op[i] === MOV64_REG && off[i] === 0 && isCopy(from)) copies |= 1 << to;
    else if (WRITING.has(kind) && to !== FRAME_POINTER) copies &= ~(1 << to);
  }
  return Math.ceil(-lowest / SLOT) * SLOT;
}
