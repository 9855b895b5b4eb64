import { BugError } from '../../base/index.ts';
import type { CallMeta } from '../call/meta.ts';
import type { VerifierEnv } from '../env.ts';

/** Who accesses: the instruction itself, or the helper it calls. */
export type AccessSource = 'direct' | 'helper';

/** Mirrors check_stack_range_initialized. */
export function checkStackRange(
  env: VerifierEnv,
  regno: number,
  off: number,
  size: number,
  zeroOk: boolean,
  source: AccessSource,
  meta: CallMeta | undefined,
): void {
  throw new BugError(`checkStackRange ${env.length}${regno}${off}${size}${zeroOk}${source}${meta}`);
}
