import { BugError } from '../../base/index.ts';
import type { VerifierEnv } from '../env.ts';

/** What a memory access does. */
export type Access = 'read' | 'write';

/**
 * Checks that `size` bytes at register `regno` + `off` may be read or written. What is read goes to
 * register `valueRegno`, what is written comes from it (-1: no register). Mirrors check_mem_access.
 */
export function checkMemAccess(
  env: VerifierEnv,
  insn: number,
  regno: number,
  off: number,
  size: number,
  access: Access,
  valueRegno: number,
  strictOnce: boolean,
  isLdsx: boolean,
): void {
  throw new BugError(
    `checkMemAccess ${env.length}${insn}${regno}${off}${size}${access}${valueRegno}${strictOnce}${isLdsx}`,
  );
}
