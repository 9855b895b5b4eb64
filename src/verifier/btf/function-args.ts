import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors btf_prepare_func_args. */
export function prepareFunctionArgs(env: VerifierEnv, subprog: number): void {
  throw new BugError(`prepareFunctionArgs is not written: ${env.length}`);
}
