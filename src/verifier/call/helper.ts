import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Checks the helper call at instruction `insn` (check_helper_call). */
export function checkHelperCall(_env: VerifierEnv, _insn: number): void {
  throw new BugError('not written yet');
}
