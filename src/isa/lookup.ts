import { FormatError } from '../base/index.ts';
import { type Code, INSN_SIZE } from './code.ts';
import { BPF_REGISTERS, LD_IMM64 } from './opcodes.ts';
import type { InsnInfo } from './insn.ts';
import { INSN_TABLE } from './table.ts';

const byOpcode: readonly (readonly InsnInfo[])[] = Array.from({ length: 256 }, (_, op) =>
  INSN_TABLE.filter((info) => info.op === op),
);

const byName = new Map(INSN_TABLE.map((info) => [info.name, info]));

/** All rows with this opcode; empty for an unknown one. */
export function insnRows(op: number): readonly InsnInfo[] {
  return byOpcode[op & 0xff]!;
}

/** The row called `name` ('add64', 'ldxw', …), or undefined. */
export function insnByName(name: string): InsnInfo | undefined {
  return byName.get(name);
}

/**
 * The row whose selecting field matches, whatever stands in fields that should be zero. This is how
 * printers look at an instruction.
 */
export function looseInsnInfo(op: number, off: number, src: number, imm: number) {
  const rows = byOpcode[op & 0xff]!;
  for (const info of rows) {
    if (info.select === undefined) return info;
    const value = info.select === 'off' ? off : info.select === 'src' ? src : imm;
    if (info[info.select] === value) return info;
  }
  return undefined;
}

const fits = (field: InsnInfo['off'] | InsnInfo['src'] | InsnInfo['imm'], value: number) =>
  typeof field !== 'number' || field === value;

/**
 * The instruction these fields encode, or undefined when the opcode is unknown or a field that must
 * have a certain value has another. Registers are not looked at.
 */
export function insnInfo(op: number, off = 0, src = 0, imm = 0): InsnInfo | undefined {
  const info = looseInsnInfo(op, off, src, imm);
  if (info === undefined) return undefined;
  return fits(info.off, off) && fits(info.src, src) && fits(info.imm, imm) ? info : undefined;
}

/** Slots the instruction at slot `i` takes: 2 for ld_imm64, else 1. */
export function insnSlots(code: Code, i: number): 1 | 2 {
  return code.op[i] === LD_IMM64 ? 2 : 1;
}

const hexOf = (op: number): string => `0x${op.toString(16).padStart(2, '0')}`;

/** Why slot `i` is no valid instruction, or undefined when it is one. */
export function invalidReason(code: Code, i: number): string | undefined {
  const op = code.op[i]!;
  const info = insnInfo(op, code.off[i], code.src[i], code.imm[i]);
  if (info === undefined) {
    const known = insnRows(op).length > 0;
    return known
      ? `opcode ${hexOf(op)} with reserved or unknown fields`
      : `unknown opcode ${hexOf(op)}`;
  }
  if (info.kind === 'internal') return `opcode ${hexOf(op)} is internal to Linux`;
  if (info.dst === 'reg' ? code.dst[i]! >= BPF_REGISTERS : code.dst[i] !== 0) {
    return `bad destination register ${code.dst[i]}`;
  }
  if (info.src === 'reg' && code.src[i]! >= BPF_REGISTERS)
    return `bad source register ${code.src[i]}`;
  return info.kind === 'ld_imm64' ? wideReason(code, i) : undefined;
}

function wideReason(code: Code, i: number): string | undefined {
  const next = i + 1;
  if (next >= code.length) return 'ld_imm64 without its second slot';
  if (code.op[next] || code.dst[next] || code.src[next] || code.off[next]) {
    return 'second slot of ld_imm64 is not zero';
  }
  return undefined;
}

/**
 * Throws a `FormatError` with the byte offset of the first slot that is no valid instruction of
 * RFC 9669 or Linux 6.12 (reserved fields included). Looks at no jump target.
 */
export function checkCode(code: Code): void {
  for (let i = 0; i < code.length; i += insnSlots(code, i)) {
    const reason = invalidReason(code, i);
    if (reason !== undefined) throw new FormatError('BPF code', i * INSN_SIZE, reason);
  }
}
