import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Notes that the walk saw the instruction, unless only speculatively (sanitize_mark_insn_seen). */
export function sanitizeMarkSeen(_env: VerifierEnv): void {
  throw new BugError('sanitizeMarkSeen is not written yet');
}
