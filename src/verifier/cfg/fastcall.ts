import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';
import type { FuncState } from '../state/state.ts';

/** Finds the spills and fills around bpf_fastcall calls (mark_fastcall_patterns). */
export function markFastcallPatterns(env: VerifierEnv): void {
  throw new BugError(`markFastcallPatterns is not written: ${env.length}`);
}

/** Instruction `insn` touches stack offset `off` of `frame` (check_fastcall_stack_contract). */
export function checkFastcallStackContract(
  env: VerifierEnv,
  frame: FuncState,
  insn: number,
  off: number,
): void {
  throw new BugError(`not written: ${env.length} ${frame.frameno} ${insn} ${off}`);
}
