/**
 * The interpreter's own code format, known to both sides: `decode.ts` (TypeScript) writes it,
 * `execute.ts` (AssemblyScript) runs it. Integer constants only.
 *
 * One record of 16 bytes per instruction. Opcodes below 256 are BPF's own bytes (RFC 9669). Those
 * from 256 on are forms that BPF tells apart by other fields, and probes that the decoder puts
 * before instructions: checks, counters, steps. So the plain path pays for none of them.
 */

// ---- Record of an instruction (offsets) ---------------------------------------------------------
export const INSN_BYTES = 16;
/** u16 */
export const I_OP = 0;
/** u8 each: register number times 8. For helper calls, I_SRC is the number of arguments. */
export const I_DST = 2;
export const I_SRC = 3;
/** i32: offset of a memory access; address of the call contract of a checked helper call. */
export const I_OFF = 4;
/** i32 immediate; helper id. An ld_imm64's constant is the u64 here. */
export const I_IMM = 8;
/** u32: address of the record jumped to or called; table slot of a helper. */
export const I_TARGET = 12;

// ---- BPF's own opcodes --------------------------------------------------------------------------
export const ADD64_K = 0x07;
export const ADD64_X = 0x0f;
export const SUB64_K = 0x17;
export const SUB64_X = 0x1f;
export const MUL64_K = 0x27;
export const MUL64_X = 0x2f;
export const DIV64_K = 0x37;
export const DIV64_X = 0x3f;
export const OR64_K = 0x47;
export const OR64_X = 0x4f;
export const AND64_K = 0x57;
export const AND64_X = 0x5f;
export const LSH64_K = 0x67;
export const LSH64_X = 0x6f;
export const RSH64_K = 0x77;
export const RSH64_X = 0x7f;
export const MOD64_K = 0x97;
export const MOD64_X = 0x9f;
export const XOR64_K = 0xa7;
export const XOR64_X = 0xaf;
export const MOV64_K = 0xb7;
export const MOV64_X = 0xbf;
export const ARSH64_K = 0xc7;
export const ARSH64_X = 0xcf;
export const NEG64 = 0x87;
export const ADD32_K = 0x04;
export const ADD32_X = 0x0c;
export const SUB32_K = 0x14;
export const SUB32_X = 0x1c;
export const MUL32_K = 0x24;
export const MUL32_X = 0x2c;
export const DIV32_K = 0x34;
export const DIV32_X = 0x3c;
export const OR32_K = 0x44;
export const OR32_X = 0x4c;
export const AND32_K = 0x54;
export const AND32_X = 0x5c;
export const LSH32_K = 0x64;
export const LSH32_X = 0x6c;
export const RSH32_K = 0x74;
export const RSH32_X = 0x7c;
export const MOD32_K = 0x94;
export const MOD32_X = 0x9c;
export const XOR32_K = 0xa4;
export const XOR32_X = 0xac;
export const MOV32_K = 0xb4;
export const MOV32_X = 0xbc;
export const ARSH32_K = 0xc4;
export const ARSH32_X = 0xcc;
export const NEG32 = 0x84;
/** Both ja and gotol, and what the decoder adds to go elsewhere. */
export const JA = 0x05;
export const EXIT = 0x95;
export const MAY_GOTO = 0xe5;
export const JEQ64_K = 0x15;
export const JEQ64_X = 0x1d;
export const JGT64_K = 0x25;
export const JGT64_X = 0x2d;
export const JGE64_K = 0x35;
export const JGE64_X = 0x3d;
export const JSET64_K = 0x45;
export const JSET64_X = 0x4d;
export const JNE64_K = 0x55;
export const JNE64_X = 0x5d;
export const JSGT64_K = 0x65;
export const JSGT64_X = 0x6d;
export const JSGE64_K = 0x75;
export const JSGE64_X = 0x7d;
export const JLT64_K = 0xa5;
export const JLT64_X = 0xad;
export const JLE64_K = 0xb5;
export const JLE64_X = 0xbd;
export const JSLT64_K = 0xc5;
export const JSLT64_X = 0xcd;
export const JSLE64_K = 0xd5;
export const JSLE64_X = 0xdd;
export const JEQ32_K = 0x16;
export const JEQ32_X = 0x1e;
export const JGT32_K = 0x26;
export const JGT32_X = 0x2e;
export const JGE32_K = 0x36;
export const JGE32_X = 0x3e;
export const JSET32_K = 0x46;
export const JSET32_X = 0x4e;
export const JNE32_K = 0x56;
export const JNE32_X = 0x5e;
export const JSGT32_K = 0x66;
export const JSGT32_X = 0x6e;
export const JSGE32_K = 0x76;
export const JSGE32_X = 0x7e;
export const JLT32_K = 0xa6;
export const JLT32_X = 0xae;
export const JLE32_K = 0xb6;
export const JLE32_X = 0xbe;
export const JSLT32_K = 0xc6;
export const JSLT32_X = 0xce;
export const JSLE32_K = 0xd6;
export const JSLE32_X = 0xde;
export const LDX_W = 0x61;
export const LDX_H = 0x69;
export const LDX_B = 0x71;
export const LDX_DW = 0x79;
export const LDSX_W = 0x81;
export const LDSX_H = 0x89;
export const LDSX_B = 0x91;
export const ST_W = 0x62;
export const ST_H = 0x6a;
export const ST_B = 0x72;
export const ST_DW = 0x7a;
export const STX_W = 0x63;
export const STX_H = 0x6b;
export const STX_B = 0x73;
export const STX_DW = 0x7b;
export const ATOMIC_W = 0xc3;
export const ATOMIC_DW = 0xdb;
export const LD_IMM64 = 0x18;

// ---- Forms without an opcode byte of their own --------------------------------------------------
/** Ends the run with FAULT_BAD_INSN. */
export const BAD_INSN = 256;
/** Ends the run with FAULT_NO_HELPER; the id is in I_IMM. */
export const NO_HELPER = 257;
export const SDIV64_K = 258;
export const SDIV64_X = 259;
export const SMOD64_K = 260;
export const SMOD64_X = 261;
export const SDIV32_K = 262;
export const SDIV32_X = 263;
export const SMOD32_K = 264;
export const SMOD32_X = 265;
export const MOVSX64_8 = 266;
export const MOVSX64_16 = 267;
export const MOVSX64_32 = 268;
export const MOVSX32_8 = 269;
export const MOVSX32_16 = 270;
/** The byte order instructions, by what they do on a little-endian machine. */
export const ZEXT16 = 271;
export const ZEXT32 = 272;
export const LE64 = 273;
export const SWAP16 = 274;
export const SWAP32 = 275;
export const SWAP64 = 276;
/** ld_abs and ld_ind: I_OFF holds the size; I_SRC is 255 for ld_abs. */
export const LD_PACKET = 277;
/** Calls: of a subprogram, of a helper, of a helper after checking its arguments. */
export const CALL_LOCAL = 278;
export const CALL_HELPER = 279;
export const TAIL_CALL = 280;

/** Ends the program: I_TARGET is the exception callback, or 0. */
export const THROW = 304;

// ---- Checked forms: they check and then do what the plain form does -----------------------------
export const CHECKED_LDX_W = 281;
export const CHECKED_LDX_H = 282;
export const CHECKED_LDX_B = 283;
export const CHECKED_LDX_DW = 284;
export const CHECKED_LDSX_W = 285;
export const CHECKED_LDSX_H = 286;
export const CHECKED_LDSX_B = 287;
export const CHECKED_ST_W = 288;
export const CHECKED_ST_H = 289;
export const CHECKED_ST_B = 290;
export const CHECKED_ST_DW = 291;
export const CHECKED_STX_W = 292;
export const CHECKED_STX_H = 293;
export const CHECKED_STX_B = 294;
export const CHECKED_STX_DW = 295;
export const CHECKED_ATOMIC_W = 296;
export const CHECKED_ATOMIC_DW = 297;
export const CHECKED_CALL_LOCAL = 298;
export const CHECKED_CALL_HELPER = 299;
export const CHECKED_TAIL_CALL = 300;

// ---- Probes -------------------------------------------------------------------------------------
/** Where backward jumps of checked code go: pays one fuel, then jumps to I_TARGET. */
export const FUEL_JUMP = 301;
/** Adds 1 to the u64 at address I_TARGET. */
export const COUNT = 302;
/** Calls the step hook. */
export const STEP = 303;

/** Before and after a call of code that is watched: where it is, what pointer came from it. */
export const WATCH = 306;
export const OBTAINED = 307;

// ---- Frame: registers r0..r10 and what belongs to one activation (offsets) ----------------------
export const F_R0 = 0;
export const F_R1 = 8;
export const F_R2 = 16;
export const F_R3 = 24;
export const F_R4 = 32;
export const F_R5 = 40;
export const F_R6 = 48;
export const F_R7 = 56;
export const F_R8 = 64;
export const F_R9 = 72;
export const F_R10 = 80;
/** u32: address of the record to go on with in the caller; UNCAUGHT: nobody catches here. */
export const F_RETURN = 88;
/** What F_RETURN is in the frame of a callback, and of a program that has thrown. */
export const UNCAUGHT = 1;
/** u32: fall-throughs that may_goto has left. */
export const F_MAY_GOTO = 92;
export const F_SIZE = 96;

/** Offsets in the interpreter's part of the CPU block. u32: bytes of frames in use. */
export const FRAMES_USED = 0;
/** u32: steps that nobody is told of. */
export const STEPS_LEFT = 4;
export const FRAMES = 64;
export const FRAMES_END = 4096;

// ---- Program descriptor (offsets) ---------------------------------------------------------------
/** u32: id that faults name. */
export const P_ID = 0;
/** u32: address of the first record. */
export const P_CODE = 4;
/** u32: address of one u32 per record, the BPF instruction it stands for. */
export const P_ORIGINS = 8;
/** u32: 1 = checked. */
export const P_CHECKS = 12;
/** u32: bytes of the context that the program may access. */
export const P_CONTEXT_SIZE = 16;
/** i32: offsets of the packet's bounds in the context, -1 = has none. */
export const P_PACKET_START = 20;
export const P_PACKET_END = 24;
export const P_PACKET_META = 28;
/** i32: offset in the context of the network header's offset in the packet, -1 = none. */
export const P_PACKET_NETWORK = 32;
/** i64: loop iterations of one run. */
export const P_FUEL = 40;
/** u32: number of the step hook's listener. */
export const P_LISTENER = 48;
/** u32: bytes of the context that programs may not write, offsets; both 0 = none. */
export const P_GUARD_START = 52;
export const P_GUARD_END = 56;
export const P_SIZE = 64;
