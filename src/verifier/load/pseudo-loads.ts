import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors resolve_pseudo_ldimm64. */
export function resolvePseudoLoads(env: VerifierEnv): void {
  throw new BugError(`resolvePseudoLoads is not written: ${env.length}`);
}
