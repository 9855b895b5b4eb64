import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors prepare_func_exit: env.insnIdx becomes that of the caller's next instruction. */
export function prepareFuncExit(env: VerifierEnv): void {
  throw new BugError(`prepareFuncExit is not written: ${env.length}`);
}

/** Mirrors check_reference_leak. */
export function checkReferenceLeak(env: VerifierEnv, exceptionExit: boolean): void {
  throw new BugError(`checkReferenceLeak is not written: ${env.length}`);
}
