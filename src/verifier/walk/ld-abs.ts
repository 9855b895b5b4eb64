import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors check_ld_abs. */
export function checkLdAbs(env: VerifierEnv, insn: number): void {
  throw new BugError(`checkLdAbs is not written: ${env.length}`);
}
