import { FormatError } from '../base/index.ts';

/** Bytes of one instruction slot. An `ld_imm64` takes two slots. */
export const INSN_SIZE = 8;

/**
 * A program as a structure of arrays, indexed by instruction slot: what decoding the wire format
 * (RFC 9669 section 3, little-endian) gives without making an object per instruction. The second
 * slot of an `ld_imm64` has op 0 and the high half of the constant in `imm`.
 */
export class Code {
  /** Number of slots. */
  readonly length: number;
  readonly op: Uint8Array;
  /** 0..15; valid programs use 0..10. */
  readonly dst: Uint8Array;
  readonly src: Uint8Array;
  readonly off: Int16Array;
  readonly imm: Int32Array;

  constructor(length: number) {
    this.length = length;
    this.op = new Uint8Array(length);
    this.dst = new Uint8Array(length);
    this.src = new Uint8Array(length);
    this.off = new Int16Array(length);
    this.imm = new Int32Array(length);
  }

  /** Writes slot `i`; values are cut to the width of their field. */
  set(i: number, op: number, dst: number, src: number, off: number, imm: number): void {
    this.op[i] = op;
    this.dst[i] = dst & 0xf;
    this.src[i] = src & 0xf;
    this.off[i] = off;
    this.imm[i] = imm;
  }
}

/**
 * Splits wire-format bytes into fields. Looks at no opcode: `checkCode` does that.
 * `littleEndian` false reads what a big-endian compiler wrote (registers swap nibbles too).
 * Throws `FormatError` when the length is no multiple of 8.
 *
 * @example
 * const code = decodeCode(bytes);
 * for (let i = 0; i < code.length; i += insnSlots(code, i)) console.info(kernelText(code, i));
 */
export function decodeCode(bytes: Uint8Array, littleEndian = true): Code {
  if (bytes.length % INSN_SIZE !== 0) {
    const whole = bytes.length - (bytes.length % INSN_SIZE);
    throw new FormatError('BPF code', whole, `${bytes.length} bytes are no multiple of 8`);
  }
  const code = new Code(bytes.length / INSN_SIZE);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0, at = 0; i < code.length; i++, at += INSN_SIZE) {
    const registers = view.getUint8(at + 1);
    code.op[i] = view.getUint8(at);
    code.dst[i] = littleEndian ? registers & 0xf : registers >> 4;
    code.src[i] = littleEndian ? registers >> 4 : registers & 0xf;
    code.off[i] = view.getInt16(at + 2, littleEndian);
    code.imm[i] = view.getInt32(at + 4, littleEndian);
  }
  return code;
}

/** The inverse of `decodeCode`. */
export function encodeCode(code: Code, littleEndian = true): Uint8Array {
  const bytes = new Uint8Array(code.length * INSN_SIZE);
  const view = new DataView(bytes.buffer);
  for (let i = 0, at = 0; i < code.length; i++, at += INSN_SIZE) {
    const dst = code.dst[i]!;
    const src = code.src[i]!;
    view.setUint8(at, code.op[i]!);
    view.setUint8(at + 1, littleEndian ? dst | (src << 4) : (dst << 4) | src);
    view.setInt16(at + 2, code.off[i]!, littleEndian);
    view.setInt32(at + 4, code.imm[i]!, littleEndian);
  }
  return bytes;
}
