import {
  BPF_B,
  BPF_LDX,
  BPF_LSH,
  BPF_MEM,
  BPF_OR,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  classOf,
} from '../../../isa/index.ts';
import { instead, type Maker } from './candidate.ts';
import { aluImm, aluReg, type Insn, load, movImm, movReg, store, storeImm } from './insns.ts';
import { scratchRegisters } from './scratch.ts';

/** A misaligned access is made byte by byte. */
export const byteAccesses: Maker = (failure) => {
  const { code, insn } = failure;
  const op = code.op[insn]!;
  const [dst, src] = [code.dst[insn]!, code.src[insn]!];
  const size = [4, 2, 1, 8][(op >> 3) & 3]!;
  const scratch = scratchRegisters(failure, insn, 2, [dst, src]);
  if (!scratch || (op & 0xe0) !== BPF_MEM) return [];
  const [one, sum] = scratch.registers as [number, number];
  const off = code.off[insn]!;
  const insns: Insn[] = [];
  if (classOf(op) === BPF_LDX) {
    insns.push(movImm(sum, 0));
    for (let i = 0; i < size; i++) {
      insns.push(load(BPF_B, one, src, off + i));
      insns.push(aluImm(BPF_LSH, one, i * 8), aluReg(BPF_OR, sum, one));
    }
    insns.push(movReg(dst, sum));
  } else if (classOf(op) === BPF_STX) {
    insns.push(movReg(one, src));
    for (let i = 0; i < size; i++) {
      insns.push(store(BPF_B, dst, off + i, one), aluImm(BPF_RSH, one, 8));
    }
  } else if (classOf(op) === BPF_ST) {
    for (let i = 0; i < size; i++) {
      const byte = i < 4 ? (code.imm[insn]! >> (i * 8)) & 0xff : code.imm[insn]! < 0 ? 0xff : 0;
      insns.push(storeImm(BPF_B, dst, off + i, byte));
    }
  }
  return [
    {
      kind: 'byte-access',
      title: `Access the ${size} bytes one by one (\`__builtin_memcpy\`, or a packed struct).`,
      at: insn,
      patch: instead(insn, [...scratch.save, ...insns, ...scratch.restore]),
      shown: insns,
    },
  ];
};
