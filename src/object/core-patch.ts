import {
  BPF_ALU,
  BPF_ALU64,
  BPF_B,
  BPF_CALL,
  BPF_DW,
  BPF_H,
  BPF_JMP,
  BPF_LD,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
  BPF_W,
  BPF_X,
  classOf,
  LD_IMM64,
} from '../isa/index.ts';
import type { Code } from '../isa/index.ts';
import { CoreError } from './core-spec.ts';
import type { CoreResult } from './core-value.ts';

/** Number of no helper: what a poisoned instruction calls ("bad relo", 0xbad2310). */
const POISONED_HELPER = 195896080;

const SIZE_BITS = 0x18;
const BYTES_OF_SIZE: Readonly<Record<number, number>> = { [BPF_W]: 4, [BPF_H]: 2, [BPF_B]: 1 };

/** Puts a result into instruction `at` (bpf_core_patch_insn). Throws `CoreError`. */
export function patchInsn(code: Code, at: number, result: CoreResult): void {
  const op = code.op[at]!;
  switch (classOf(op)) {
    case BPF_ALU:
    case BPF_ALU64:
      if (op & BPF_X) break;
      return result.poison ? poison(code, at) : patchImm(code, at, result);
    case BPF_LDX:
    case BPF_ST:
    case BPF_STX:
      return result.poison ? poison(code, at) : patchAccess(code, at, result);
    case BPF_LD:
      if (op !== LD_IMM64 || code.src[at] !== 0) break;
      return result.poison ? poison(code, at) : patchLoadImm64(code, at, result);
    default:
  }
  throw new CoreError(`an instruction 0x${op.toString(16)} cannot be relocated`);
}

/** Turns the instruction into one that the verifier refuses, should it be reached. */
function poison(code: Code, at: number): void {
  const slots = code.op[at] === LD_IMM64 ? 2 : 1;
  for (let i = 0; i < slots; i++) code.set(at + i, BPF_JMP | BPF_CALL, 0, 0, 0, POISONED_HELPER);
}

export const isPoisoned = (code: Code, at: number): boolean =>
  code.op[at] === (BPF_JMP | BPF_CALL) && code.imm[at] === POISONED_HELPER;

function expect(found: bigint, { before, validate }: CoreResult): void {
  if (validate && found !== before) throw new CoreError(`value is ${found}, not ${before}`);
}

function patchImm(code: Code, at: number, result: CoreResult): void {
  expect(BigInt.asUintN(64, BigInt(code.imm[at]!)), result);
  code.imm[at] = Number(BigInt.asIntN(32, result.after));
}

function patchAccess(code: Code, at: number, result: CoreResult): void {
  expect(BigInt.asUintN(64, BigInt(code.off[at]!)), result);
  if (result.after > 0x7fffn) throw new CoreError(`offset ${result.after} is too big`);
  if (result.badSize) return poison(code, at);
  code.off[at] = Number(result.after);
  const { sizeBefore, sizeAfter } = result;
  if (sizeBefore === sizeAfter) return;
  const op = code.op[at]!;
  if ((BYTES_OF_SIZE[op & SIZE_BITS] ?? 8) !== sizeBefore) throw new CoreError('another width');
  const sizes: Readonly<Record<number, number>> = { 1: BPF_B, 2: BPF_H, 4: BPF_W, 8: BPF_DW };
  const size = sizes[sizeAfter];
  if (size === undefined) throw new CoreError(`no load has ${sizeAfter} bytes`);
  code.op[at] = (op & ~SIZE_BITS) | size;
}

function patchLoadImm64(code: Code, at: number, result: CoreResult): void {
  const high = BigInt(code.imm[at + 1]! >>> 0);
  expect((high << 32n) | BigInt(code.imm[at]! >>> 0), result);
  code.imm[at] = Number(BigInt.asIntN(32, result.after));
  code.imm[at + 1] = Number(BigInt.asIntN(32, result.after >> 32n));
}
