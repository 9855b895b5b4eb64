import { helperContract } from '../../abi/index.ts';
import {
  BPF_CALL,
  BPF_JMP,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  LD_IMM64,
} from '../../isa/index.ts';
import type { VerifierEnv } from '../env.ts';

const CALL_INSN = BPF_JMP | BPF_CALL;

/** Calls of other functions of the program. */
export function isSubprogCall(env: VerifierEnv, insn: number): boolean {
  return env.code.op[insn] === CALL_INSN && env.code.src[insn] === BPF_PSEUDO_CALL;
}

/** Calls of kernel functions. */
export function isKfuncCall(env: VerifierEnv, insn: number): boolean {
  return env.code.op[insn] === CALL_INSN && env.code.src[insn] === BPF_PSEUDO_KFUNC_CALL;
}

/** Calls of helpers. */
export function isHelperCall(env: VerifierEnv, insn: number): boolean {
  return env.code.op[insn] === CALL_INSN && env.code.src[insn] === 0;
}

/** Calls of helpers that put another program in place of this one. */
export function isTailCall(env: VerifierEnv, insn: number): boolean {
  if (!isHelperCall(env, insn)) return false;
  return helperContract(env.code.imm[insn]!)?.replacesProgram === true;
}

/** Loads of the address of a function of the program. */
export function isFuncPointer(env: VerifierEnv, insn: number): boolean {
  return env.code.op[insn] === LD_IMM64 && env.code.src[insn] === BPF_PSEUDO_FUNC;
}
