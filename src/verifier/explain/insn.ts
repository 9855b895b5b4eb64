import { bpfHelperName } from '../../abi/index.ts';
import { BPF_CALL, BPF_JMP, kernelText } from '../../isa/index.ts';
import { lineOf } from '../../object/index.ts';
import type { VerifierEnv } from '../env.ts';
import { calleeText } from '../log/log.ts';
import type { Place } from './trace.ts';
import type { ExplainedInsn } from './types.ts';

/** An instruction with its source line. */
export function describe(env: VerifierEnv, insn: number): ExplainedInsn {
  const at = Math.max(insn, 0);
  return { insn: at, text: insnText(env, at), line: lineOf(env.input.lineInfo, at) };
}

function insnText(env: VerifierEnv, insn: number): string {
  if (insn >= env.length) return '';
  const callee = (code: VerifierEnv['code'], i: number) => calleeText(env, code, i);
  return kernelText(env.code, insn, { helper: bpfHelperName, callee });
}

/** True for calls of helpers, kernel functions and functions of the program. */
export function isCall(env: VerifierEnv, insn: number): boolean {
  return env.code.op[insn] === (BPF_JMP | BPF_CALL);
}

/** Name of the helper or kernel function called at `insn`; '' if it is no such call. */
export function calledName(env: VerifierEnv, insn: number): string {
  if (!isCall(env, insn)) return '';
  const { code } = env;
  if (code.src[insn] === 0) return bpfHelperName(code.imm[insn]!) ?? '';
  return calleeText(env, code, insn) ?? '';
}

/** 'R2', 'fp-8'; places of other frames name the frame. */
export function placeName(place: Place): string {
  const name = place.register < 0 ? `fp-${(place.slot + 1) * 8}` : `R${place.register}`;
  return place.frame === 0 ? name : `${name} of frame ${place.frame}`;
}
