import { subprogEnd } from '../cfg/subprograms.ts';
import type { VerifierEnv } from '../env.ts';

/**
 * Spills around calls that keep their registers are not needed: a function that has such spills
 * only, needs less stack. (The instructions stay, they are no part of the verdict.) Mirrors
 * remove_fastcall_spills_fills.
 */
export function removeFastcallSpills(env: VerifierEnv): void {
  for (const [index, subprog] of env.subprogs.entries()) {
    if (subprog.keepFastcallStack || !hasSpills(env, subprog.start, subprogEnd(env, index))) {
      continue;
    }
    subprog.stackDepth = -subprog.fastcallStackOff;
  }
}

function hasSpills(env: VerifierEnv, start: number, end: number): boolean {
  for (let insn = start; insn < end; insn++) if (env.aux.fastcallSpills[insn]! > 0) return true;
  return false;
}
