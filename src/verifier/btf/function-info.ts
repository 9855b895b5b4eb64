import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors check_btf_func_early. */
export function checkFunctionInfoEarly(env: VerifierEnv): void {
  throw new BugError(`checkFunctionInfoEarly is not written: ${env.length}`);
}

/** Mirrors check_btf_func. */
export function checkFunctionInfo(env: VerifierEnv): void {
  throw new BugError(`checkFunctionInfo is not written: ${env.length}`);
}
