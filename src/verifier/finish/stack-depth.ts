import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors check_max_stack_depth. */
export function checkMaxStackDepth(env: VerifierEnv): void {
  throw new BugError(`checkMaxStackDepth is not written: ${env.length}`);
}
