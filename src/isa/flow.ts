/** Where control goes from an instruction, within its function. */
import type { Code } from './code.ts';
import { insnSlots } from './lookup.ts';
import { BPF_CALL, BPF_EXIT, BPF_JA, BPF_JMP, BPF_JMP32, classOf } from './opcodes.ts';

const isJumpClass = (op: number): boolean => classOf(op) === BPF_JMP || classOf(op) === BPF_JMP32;

/** A jump within a function: no call, no exit. */
export function isJump(op: number): boolean {
  const operation = op & 0xf0;
  return isJumpClass(op) && operation !== BPF_CALL && operation !== BPF_EXIT;
}

/** A jump that may or may not be taken. */
export function isConditional(op: number): boolean {
  return isJump(op) && (op & 0xf0) !== BPF_JA;
}

/** `gotol`: the distance is in imm. */
export const isLongJump = (op: number): boolean => op === (BPF_JMP32 | BPF_JA);

/** Where the jump at `i` leads if it is taken; undefined: no jump. */
export function jumpTarget(code: Code, i: number): number | undefined {
  const op = code.op[i]!;
  if (!isJump(op)) return undefined;
  return i + 1 + (isLongJump(op) ? code.imm[i]! : code.off[i]!);
}

/**
 * Instructions that may come next, the one behind before the target; none after an exit.
 *
 * @example
 * successors(code, 3);        // [4, 9] for `if r1 == 0 goto pc+5`
 */
export function successors(code: Code, i: number): number[] {
  const op = code.op[i]!;
  if (isJumpClass(op) && (op & 0xf0) === BPF_EXIT) return [];
  const target = jumpTarget(code, i);
  if (target === undefined) return [i + insnSlots(code, i)];
  return isConditional(op) ? [i + 1, target] : [target];
}
