import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors check_btf_line. */
export function checkLineInfo(env: VerifierEnv): void {
  throw new BugError(`checkLineInfo is not written: ${env.length}`);
}
