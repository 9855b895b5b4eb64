/** One load or store through a pointer to a context or socket, while it is rewritten. */
import type { Btf } from '../../../btf/index.ts';
import {
  BPF_B,
  BPF_DW,
  BPF_H,
  BPF_LDX,
  BPF_MEM,
  BPF_ST,
  BPF_STX,
  BPF_W,
  classOf,
} from '../../../isa/index.ts';
import { Insn } from '../patch/insn.ts';

const SIZE_BITS = 0x18;
const BYTES = [4, 2, 1, 8] as const;

/** Bytes that a load or store moves. */
export const bytesOf = (op: number): number => BYTES[(op & SIZE_BITS) >> 3]!;

/** The size bits for so many bytes. */
export function sizeBits(bytes: number): number {
  switch (bytes) {
    case 1:
      return BPF_B;
    case 2:
      return BPF_H;
    case 4:
      return BPF_W;
    default:
      return BPF_DW;
  }
}

export interface Access {
  readonly btf: Btf;
  readonly write: boolean;
  /** BPF_STX or BPF_ST of stores. */
  readonly cls: number;
  readonly dst: number;
  readonly src: number;
  readonly imm: number;
  /** Bytes from the start of the user's struct. */
  readonly off: number;
  /** Bytes: of a part, those of the field it is a part of. */
  readonly size: number;
  /** The program looks at __sk_buff.tstamp_type. */
  readonly knowsTimestampType: boolean;
}

/** The access `insn` makes; `size` and `off` where the field is read as a whole. */
export function accessOf(
  insn: Insn,
  btf: Btf,
  whole: { readonly off: number; readonly size: number; readonly knowsTimestampType: boolean },
): Access {
  const { dst, src, imm } = insn;
  const cls = classOf(insn.op);
  return { btf, write: cls !== BPF_LDX, cls, dst, src, imm, ...whole };
}

/** The store of the access to another place. */
export function storeTo({ cls, src, imm }: Access, bytes: number, base: number, off: number): Insn {
  return new Insn(cls | BPF_MEM | sizeBits(bytes), base, src, off, imm);
}

export const storesRegister = ({ cls }: Access): boolean => cls === BPF_STX;
export const storesConstant = ({ cls }: Access): boolean => cls === BPF_ST;

/** The highest of r9, r8 and r7 that the access does not use. */
export function spareRegister({ dst, src }: Access): number {
  let register = 9;
  while (register === dst || register === src) register--;
  return register;
}
