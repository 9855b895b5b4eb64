import { type Code, decodeCode, LD_IMM64, CALL } from '../isa/index.ts';

/** Helpers that write records: the register that says how many bytes. */
const SIZE_REGISTER: Readonly<Record<number, number>> = {
  /** ringbuf_reserve */
  131: 2,
  /** ringbuf_output */
  130: 3,
};
/** These add what no register says: part of the packet, or what a dynptr holds. */
const OTHERS = new Set([25, 111, 198]);
/** Header of a record, and what rounding up to 8 bytes may add. */
const HEADER = 16;
/** Nobody knows: a record of a whole packet, and more. */
const UNKNOWN = 2048;
/** A record may be written in a loop, by every call of a subprogram. */
const TIMES = 4;

const MOV64_IMM = 0xb7;
const MOV32_IMM = 0xb4;

/**
 * Room in a buffer of records that a packet's run of this code is given: of what its calls write,
 * if their sizes are constants set right before them. An estimate, on the safe side.
 */
export function recordRoom(insns: Uint8Array): number {
  const code = decodeCode(insns);
  let room = 0;
  for (let i = 0; i < code.length; i += code.op[i] === LD_IMM64 ? 2 : 1) {
    if (code.op[i] !== CALL || code.src[i] !== 0) continue;
    const helper = code.imm[i]!;
    if (OTHERS.has(helper)) return UNKNOWN;
    const register = SIZE_REGISTER[helper];
    if (register === undefined) continue;
    const size = constantBefore(code, i, register);
    if (size === undefined) return UNKNOWN;
    room += HEADER + size;
  }
  return room === 0 ? UNKNOWN : Math.max(64, TIMES * room);
}

/** What instruction `at` finds in a register that the straight code before it sets. */
function constantBefore(code: Code, at: number, register: number): number | undefined {
  for (let i = at - 1; i >= 0; i--) {
    const op = code.op[i]!;
    const kind = op & 7;
    if (kind === 5 || kind === 6) return undefined;
    // Stores write no register; the second half of an ld_imm64 has op 0.
    if (kind === 2 || kind === 3 || op === 0 || code.dst[i] !== register) continue;
    const isConstant = op === MOV64_IMM || op === MOV32_IMM;
    return isConstant && code.imm[i]! >= 0 ? code.imm[i]! : undefined;
  }
  return undefined;
}
