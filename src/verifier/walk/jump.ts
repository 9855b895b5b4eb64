import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** A conditional jump or may_goto (check_cond_jmp_op). Moves `env.insnIdx` when it is taken. */
export function checkCondJump(_env: VerifierEnv, _insn: number): void {
  throw new BugError('checkCondJump is not written yet');
}
