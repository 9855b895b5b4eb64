import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors check_ld_imm. */
export function checkLdImm64(env: VerifierEnv, insn: number): void {
  throw new BugError(`checkLdImm64 is not written: ${env.length}`);
}
