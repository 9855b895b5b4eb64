/** Which register an instruction writes, and whether all 64 bits of it. */
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CMPXCHG,
  BPF_DW,
  BPF_END,
  BPF_FETCH,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MEMSX,
  BPF_ST,
  BPF_STX,
  classOf,
} from '../../../isa/index.ts';
import type { Insn } from './insn.ts';
import { BPF_PROBE_ATOMIC } from './probe.ts';

const SIZE_BITS = 0x18;
const MODE_BITS = 0xe0;

/** The register, or -1 (insn_def_regno). */
export function definedRegister({ op, dst, src, imm }: Insn): number {
  switch (classOf(op)) {
    case BPF_JMP:
    case BPF_JMP32:
    case BPF_ST:
      return -1;
    case BPF_STX: {
      const mode = op & MODE_BITS;
      const fetches = (mode === BPF_ATOMIC || mode === BPF_PROBE_ATOMIC) && imm & BPF_FETCH;
      if (!fetches) return -1;
      return imm === BPF_CMPXCHG ? 0 : src;
    }
    default:
      return dst;
  }
}

/** All 64 bits, as far as that can be seen (is_reg64 of a destination). */
export function definesWhole({ op, imm }: Insn): boolean {
  const cls = classOf(op);
  const isSwap = (op & 0xf0) === BPF_END;
  switch (cls) {
    case BPF_ALU64:
      return !(isSwap && (imm === 16 || imm === 32));
    case BPF_ALU:
      return isSwap && imm === 64;
    case BPF_LDX:
      return (op & SIZE_BITS) === BPF_DW || (op & MODE_BITS) === BPF_MEMSX;
    case BPF_STX:
      return (op & SIZE_BITS) === BPF_DW;
    case BPF_LD:
      return (op & MODE_BITS) === 0;
    default:
      return true;
  }
}

/** The lower half only (insn_has_def32). */
export function writesHalf(insn: Insn): boolean {
  return definedRegister(insn) >= 0 && !definesWhole(insn);
}
