/** What the opcode of an arithmetic instruction or a jump says. */
import { BPF_X } from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';

/** The operation: BPF_ADD, BPF_JEQ, … */
export const opOf = (env: VerifierEnv, insn: number): number => env.code.op[insn]! & 0xf0;

/** The second operand is a register, not an immediate. */
export const hasSource = (env: VerifierEnv, insn: number): boolean =>
  (env.code.op[insn]! & BPF_X) !== 0;
