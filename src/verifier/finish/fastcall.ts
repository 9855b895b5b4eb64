import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors remove_fastcall_spills_fills. */
export function removeFastcallSpills(env: VerifierEnv): void {
  throw new BugError(`removeFastcallSpills is not written: ${env.length}`);
}
