/** The numbers of RFC 9669 and Linux 6.12's uapi/linux/bpf.h, under their kernel names. */

// Instruction classes (opcode bits 0..2).
export const BPF_LD = 0x00;
export const BPF_LDX = 0x01;
export const BPF_ST = 0x02;
export const BPF_STX = 0x03;
export const BPF_ALU = 0x04;
export const BPF_JMP = 0x05;
export const BPF_JMP32 = 0x06;
export const BPF_ALU64 = 0x07;

// Source operand (bit 3 of arithmetic and jumps), byte order of BPF_END.
export const BPF_K = 0x00;
export const BPF_X = 0x08;
export const BPF_TO_LE = 0x00;
export const BPF_TO_BE = 0x08;

// Arithmetic operations (bits 4..7).
export const BPF_ADD = 0x00;
export const BPF_SUB = 0x10;
export const BPF_MUL = 0x20;
export const BPF_DIV = 0x30;
export const BPF_OR = 0x40;
export const BPF_AND = 0x50;
export const BPF_LSH = 0x60;
export const BPF_RSH = 0x70;
export const BPF_NEG = 0x80;
export const BPF_MOD = 0x90;
export const BPF_XOR = 0xa0;
export const BPF_MOV = 0xb0;
export const BPF_ARSH = 0xc0;
export const BPF_END = 0xd0;

// Jump operations (bits 4..7).
export const BPF_JA = 0x00;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;
export const BPF_JNE = 0x50;
export const BPF_JSGT = 0x60;
export const BPF_JSGE = 0x70;
export const BPF_CALL = 0x80;
export const BPF_EXIT = 0x90;
export const BPF_JLT = 0xa0;
export const BPF_JLE = 0xb0;
export const BPF_JSLT = 0xc0;
export const BPF_JSLE = 0xd0;
/** Pseudo jumps; with src 0 it is may_goto. */
export const BPF_JCOND = 0xe0;

// Sizes (bits 3..4 of loads and stores).
export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;
export const BPF_DW = 0x18;

// Modes (bits 5..7 of loads and stores).
export const BPF_IMM = 0x00;
export const BPF_ABS = 0x20;
export const BPF_IND = 0x40;
export const BPF_MEM = 0x60;
export const BPF_MEMSX = 0x80;
export const BPF_ATOMIC = 0xc0;

// The imm of an atomic: BPF_ADD, BPF_OR, BPF_AND or BPF_XOR, each also with BPF_FETCH, or these.
export const BPF_FETCH = 0x01;
export const BPF_XCHG = 0xe1;
export const BPF_CMPXCHG = 0xf1;

// src of ld_imm64: what the constant stands for.
export const BPF_PSEUDO_MAP_FD = 1;
export const BPF_PSEUDO_MAP_VALUE = 2;
export const BPF_PSEUDO_BTF_ID = 3;
export const BPF_PSEUDO_FUNC = 4;
export const BPF_PSEUDO_MAP_IDX = 5;
export const BPF_PSEUDO_MAP_IDX_VALUE = 6;

// src of call; 0 is a helper.
export const BPF_PSEUDO_CALL = 1;
export const BPF_PSEUDO_KFUNC_CALL = 2;

/** off of a mov that is an address space cast (arena pointers). */
export const BPF_ADDR_SPACE_CAST = 1;
/** off of a mov that Linux makes itself, to turn a per-CPU offset into an address. */
export const BPF_ADDR_PERCPU = -1;
/** src of a BPF_JCOND. */
export const BPF_MAY_GOTO = 0;

/** Registers a program may name: r0 to r10, the frame pointer. */
export const BPF_REGISTERS = 11;
/** Number of the register that holds the frame's address, which programs may only read. */
export const FRAME_POINTER = 10;

/** The opcode of ld_imm64, the one instruction of two slots. */
export const LD_IMM64 = BPF_LD | BPF_DW | BPF_IMM;
/** The opcodes of every call, and of exit. */
export const CALL = BPF_JMP | BPF_CALL;
export const EXIT = BPF_JMP | BPF_EXIT;

/** Class of an opcode. */
export const classOf = (op: number): number => op & 0x07;
