import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors check_func_call. */
export function checkFuncCall(env: VerifierEnv, insn: number): void {
  throw new BugError(`checkFuncCall is not written: ${env.length}`);
}
