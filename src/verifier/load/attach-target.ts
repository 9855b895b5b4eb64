import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors check_attach_btf_id. */
export function checkAttachTarget(env: VerifierEnv): void {
  throw new BugError(`checkAttachTarget is not written: ${env.length}`);
}
