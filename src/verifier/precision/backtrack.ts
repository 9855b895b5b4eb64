import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Register `regno` of the running frame must be precise, and all it was made of (mark_chain_precision). */
export function markChainPrecision(env: VerifierEnv, regno: number): void {
  throw new BugError(`not written: ${env.length} ${regno}`);
}

/** The same for everything in `env.backtrack` (mark_chain_precision_batch). */
export function markChainPrecisionBatch(env: VerifierEnv): void {
  throw new BugError(`not written: ${env.length}`);
}
