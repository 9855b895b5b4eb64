import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Walks the control flow graph: every instruction is reached, prune points are marked (check_cfg). */
export function checkCfg(env: VerifierEnv): void {
  throw new BugError(`checkCfg is not written: ${env.length}`);
}
