/** What an instruction is, coarsely: one case per kind is what an engine writes. */
export type InsnKind =
  /** dst = dst <operation> src|imm, and mov. */
  | 'alu'
  | 'neg'
  /** Byte order: operation 'le', 'be' or 'bswap', imm = bits. */
  | 'end'
  /** mov with sign extension from `bits`. */
  | 'movsx'
  | 'addr_space_cast'
  | 'load'
  | 'load_sx'
  | 'store_imm'
  | 'store_reg'
  | 'atomic'
  | 'ld_imm64'
  | 'ld_abs'
  | 'ld_ind'
  /** Unconditional; the distance is in off (JMP) or imm (JMP32, gotol). */
  | 'ja'
  | 'jump'
  | 'may_goto'
  | 'call_helper'
  | 'call_local'
  | 'call_kfunc'
  | 'callx'
  | 'exit'
  /** Only Linux itself makes these, after verification. */
  | 'internal';

/** RFC 9669 section 2.4, in its order. */
export const CONFORMANCE_GROUPS = [
  'base32',
  'base64',
  'atomic32',
  'atomic64',
  'divmul32',
  'divmul64',
  'packet',
] as const;

export type ConformanceGroup = (typeof CONFORMANCE_GROUPS)[number];

/**
 * One instruction: an opcode together with what else selects it (off of sdiv, imm of an atomic, src
 * of a call). A field is either a fixed number, which the encoder writes and the decoder demands
 * (0 for unused fields), or says what stands there.
 */
export interface InsnInfo {
  /** Unique name, RFC style: 'add64', 'sdiv32', 'ldxsh', 'atomic64_fetch_or', 'call_local'. */
  readonly name: string;
  readonly op: number;
  readonly kind: InsnKind;
  /** '+', 's/', '==', 'fetch_or', …: what a kind does, independent of width and operand. */
  readonly operation: string;
  /** Width of the operation in bits: arithmetic, comparison, or memory access. */
  readonly bits: 8 | 16 | 32 | 64;
  readonly dst: 'reg' | 0;
  readonly src: 'reg' | number;
  /** 'offset' of a memory access, 'jump' distance in slots, any 'value'. */
  readonly off: 'offset' | 'jump' | 'value' | number;
  readonly imm: 'value' | 'jump' | number;
  /** The field, besides the opcode, that tells this row from others with the same opcode. */
  readonly select: 'off' | 'src' | 'imm' | undefined;
  /** CPU version (clang -mcpu=v1..v4) it came with. */
  readonly cpu: 1 | 2 | 3 | 4;
  /** Not in RFC 9669 but in Linux, from this release on. */
  readonly linux?: string;
  readonly group: ConformanceGroup;
  /** Known, printed and assembled, but Linux 6.12 refuses it. */
  readonly refused?: boolean;
  /** Template of its text for llvm-objdump and the assembler (see text.ts). */
  readonly gas: string;
  /** Template of the kernel's text. */
  readonly kernel: string;
}

/** What a row maker leaves out: unused fields are 0, the two texts are mostly one. */
export interface RowDraft {
  readonly name: string;
  readonly op: number;
  readonly kind: InsnKind;
  readonly operation: string;
  readonly bits: 8 | 16 | 32 | 64;
  readonly dst?: 'reg';
  readonly src?: 'reg' | number;
  readonly off?: InsnInfo['off'];
  readonly imm?: InsnInfo['imm'];
  readonly select?: InsnInfo['select'];
  readonly cpu?: InsnInfo['cpu'];
  readonly linux?: string;
  readonly group?: ConformanceGroup;
  readonly refused?: boolean;
  readonly text: string;
  readonly kernel?: string;
}

/** Completes a draft to a row of the table. */
export function row(draft: RowDraft): InsnInfo {
  const { text, ...fields } = draft;
  return {
    dst: 0,
    src: 0,
    off: 0,
    imm: 0,
    select: undefined,
    cpu: 1,
    group: draft.bits === 64 ? 'base64' : 'base32',
    kernel: text,
    ...fields,
    gas: text,
  };
}
