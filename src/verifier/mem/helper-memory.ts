import { BugError } from '../../base/index.ts';
import type { CallMeta } from '../call/meta.ts';
import type { VerifierEnv } from '../env.ts';
import type { Access } from './access.ts';

/** Mirrors check_helper_mem_access. */
export function checkHelperMemAccess(
  env: VerifierEnv,
  regno: number,
  size: number,
  access: Access,
  zeroOk: boolean,
  meta?: CallMeta,
): void {
  throw new BugError(`checkHelperMemAccess ${env.length}${regno}${size}${access}${zeroOk}${meta}`);
}

/** Register `regno` is the size of the memory register `regno` - 1 points to. Mirrors check_mem_size_reg. */
export function checkMemSizeReg(
  env: VerifierEnv,
  regno: number,
  access: Access,
  zeroOk: boolean,
  meta: CallMeta,
): void {
  throw new BugError(`checkMemSizeReg ${env.length}${regno}${access}${zeroOk}${meta}`);
}

/** Mirrors check_mem_reg. */
export function checkMemReg(
  env: VerifierEnv,
  w: Int32Array,
  r: number,
  regno: number,
  size: number,
): void {
  throw new BugError(`checkMemReg ${env.length}${w.length}${r}${regno}${size}`);
}

/** Mirrors check_kfunc_mem_size_reg. */
export function checkKfuncMemSizeReg(env: VerifierEnv, regno: number): void {
  throw new BugError(`checkKfuncMemSizeReg ${env.length}${regno}`);
}
