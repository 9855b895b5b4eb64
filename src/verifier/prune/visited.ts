import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** Was an equal state seen at `insn`? Otherwise the running one may be kept (is_state_visited). */
export function isStateVisited(env: VerifierEnv, insn: number): boolean {
  throw new BugError(`not written: ${env.length} ${insn}`);
}
