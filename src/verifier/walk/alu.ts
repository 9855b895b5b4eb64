import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** An arithmetic instruction (check_alu_op). */
export function checkAlu(_env: VerifierEnv, _insn: number): void {
  throw new BugError('checkAlu is not written yet');
}
