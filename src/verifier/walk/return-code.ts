import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Mirrors check_return_code. */
export function checkReturnCode(env: VerifierEnv, regno: number, regName: string): void {
  throw new BugError(`checkReturnCode is not written: ${env.length}`);
}
