/** Reading the record at `pc` and the registers of the frame at `regs`. */
import { I_DST, I_IMM, I_OFF, I_SRC, I_TARGET, INSN_BYTES } from './ops';

/** @inline */
export function dst(pc: u32, regs: u32): u64 {
  return load<u64>(regs + load<u8>(pc, I_DST));
}

/** @inline */
export function src(pc: u32, regs: u32): u64 {
  return load<u64>(regs + load<u8>(pc, I_SRC));
}

/** The immediate, sign-extended to 64 bits as BPF wants it. @inline */
export function imm(pc: u32): u64 {
  return <u64>(<i64>load<i32>(pc, I_IMM));
}

/** @inline */
export function dst32(pc: u32, regs: u32): u32 {
  return load<u32>(regs + load<u8>(pc, I_DST));
}

/** @inline */
export function src32(pc: u32, regs: u32): u32 {
  return load<u32>(regs + load<u8>(pc, I_SRC));
}

/** @inline */
export function imm32(pc: u32): u32 {
  return load<u32>(pc, I_IMM);
}

/** @inline */
export function put(pc: u32, regs: u32, value: u64): void {
  store<u64>(regs + load<u8>(pc, I_DST), value);
}

/** Results of 32-bit operations are zero-extended. @inline */
export function put32(pc: u32, regs: u32, value: u32): void {
  store<u64>(regs + load<u8>(pc, I_DST), <u64>value);
}

/** Tagged address a load reads: src + offset. @inline */
export function loadAddress(pc: u32, regs: u32): u64 {
  return src(pc, regs) + <u64>(<i64>load<i32>(pc, I_OFF));
}

/** Tagged address a store or atomic changes: dst + offset. @inline */
export function storeAddress(pc: u32, regs: u32): u64 {
  return dst(pc, regs) + <u64>(<i64>load<i32>(pc, I_OFF));
}

/** The same in linear memory. @inline */
export function from(pc: u32, regs: u32): u32 {
  return src32(pc, regs) + load<u32>(pc, I_OFF);
}

/** @inline */
export function to(pc: u32, regs: u32): u32 {
  return dst32(pc, regs) + load<u32>(pc, I_OFF);
}

/** Where a conditional jump goes on. @inline */
export function next(pc: u32, taken: bool): u32 {
  return taken ? load<u32>(pc, I_TARGET) : pc + INSN_BYTES;
}
